import type { PrioritySettings } from '#libs/config';
import { type Claim, internKey, type Measure, type PoolClaim } from '#libs/counters';
import type { Principal, Scope } from '#libs/kernel';
import type { LimitedDeployment } from './limited-deployment.js';
import { type LimitedCall, MEASURES, type TokenMeasure, usualTokensOf } from './token-hold.js';

/** The pool of everybody whose class has no share of its own. */
const DEFAULT_POOL = 'default';

/** What a model group can take per window: the sum over its deployments; absent where one of them has no limit. */
export interface Capacity {
  readonly requests?: number;
  readonly tokens?: number;
}

/**
 * Whole shares of `limit` for each named class and for the default pool, which takes what the named ones leave. Weights that
 * exceed 1 together are divided by their sum. The largest remainders get what rounding left over; nobody gets less than 1.
 */
export function sharesOf(
  { weights, defaultWeight }: PrioritySettings,
  limit: number,
  { requests, tokens }: Capacity,
): ReadonlyMap<string, number> {
  const named = Object.entries(weights).map(([name, { type, value }]): [string, number] => {
    const whole = type === 'percent' ? 1 : type === 'rpm' ? requests : tokens;
    return [name, whole === undefined || whole === 0 ? 0 : value / whole];
  });
  const sum = named.reduce((total, [, weight]) => total + weight, 0);
  const scale = Math.max(1, sum);
  const left = Math.max(0, 1 - sum);
  const pools: [string, number][] = [
    ...named.map(([name, weight]): [string, number] => [name, (weight / scale) * limit]),
    [DEFAULT_POOL, Math.min(left, defaultWeight ?? 1) * limit],
  ];
  const shares = new Map(pools.map(([name, quota]) => [name, Math.floor(quota + EPSILON)]));
  let over = Math.floor(pools.reduce((total, [, quota]) => total + quota, 0) + EPSILON);
  for (const share of shares.values()) over -= share;
  const byRemainder = [...pools].sort(([, a], [, b]) => remainder(b) - remainder(a));
  for (const [name] of byRemainder.slice(0, Math.max(0, over))) shares.set(name, (shares.get(name) ?? 0) + 1);
  for (const [name, share] of shares) shares.set(name, Math.max(1, share));
  return shares;
}

/** Products of decimals are a hair off: 0.57 * 100 is 56.99999999999999. */
const EPSILON = 1e-9;

function remainder(quota: number): number {
  return quota + EPSILON - Math.floor(quota + EPSILON);
}

/** One model group, divided. */
class DividedGroup {
  readonly #byPool = new Map<string, { readonly requests?: PoolClaim; readonly tokens?: PoolClaim }>();

  constructor(
    group: string,
    capacity: Capacity,
    settings: PrioritySettings,
    windowMs: number,
    measure: TokenMeasure,
  ) {
    const scope: Scope = Object.freeze({ type: 'model', id: group });
    const claimOf = (counted: Measure, limit: number, pool: string, share: number): PoolClaim =>
      Object.freeze({
        kind: 'pool',
        key: internKey(`${counted}/${windowMs}:group:${group}`),
        poolKey: internKey(`${counted}/${windowMs}:pool:${pool}:${group}`),
        scope,
        pool,
        measure: counted,
        limit,
        freeUntil: Math.floor(limit * settings.saturation + EPSILON),
        share,
        windowMs,
        amount: 1,
      });
    const { requests, tokens } = capacity;
    const ofRequests = requests === undefined ? undefined : sharesOf(settings, requests, capacity);
    const ofTokens = tokens === undefined ? undefined : sharesOf(settings, tokens, capacity);
    for (const pool of [...Object.keys(settings.weights), DEFAULT_POOL]) {
      this.#byPool.set(pool, {
        ...(requests !== undefined && {
          requests: claimOf('requests', requests, pool, ofRequests?.get(pool) ?? 1),
        }),
        ...(tokens !== undefined && {
          tokens: claimOf(MEASURES[measure], tokens, pool, ofTokens?.get(pool) ?? 1),
        }),
      });
    }
  }

  claim(priority: string | undefined, call: LimitedCall, measure: TokenMeasure, out: Claim[]): void {
    const pool =
      (priority === undefined ? undefined : this.#byPool.get(priority)) ?? this.#byPool.get(DEFAULT_POOL);
    if (pool?.requests) out.push(pool.requests);
    if (pool?.tokens) {
      const { limit, share } = pool.tokens;
      // What a usual answer takes; a share that is smaller than one call lets a call through when it is empty.
      const amount = Math.min(usualTokensOf(call, measure), Math.min(limit, share));
      out.push({ ...pool.tokens, amount });
    }
  }
}

/**
 * Divides what each model group can take between classes of callers: free for all below saturation, shares from there on
 * (`PoolClaim` has the rule). Groups without rpm and tpm are not divided, nor are those with a deployment that has none.
 */
export class Priorities {
  readonly #groups = new WeakMap<readonly LimitedDeployment[], DividedGroup | null>();

  constructor(
    private readonly settings: PrioritySettings,
    private readonly windowMs: number,
    private readonly measure: TokenMeasure,
  ) {}

  claim(
    principal: Principal,
    call: LimitedCall,
    deployments: readonly LimitedDeployment[],
    out: Claim[],
  ): void {
    let group = this.#groups.get(deployments);
    if (group === undefined) {
      const capacity = capacityOf(deployments);
      group =
        capacity.requests === undefined && capacity.tokens === undefined
          ? null
          : new DividedGroup(call.modelGroup, capacity, this.settings, this.windowMs, this.measure);
      this.#groups.set(deployments, group);
    }
    group?.claim(principal.priority, call, this.measure, out);
  }
}

function capacityOf(deployments: readonly LimitedDeployment[]): Capacity {
  const requests = sumOf(deployments.map(({ requestsPerMinute }) => requestsPerMinute));
  const tokens = sumOf(deployments.map(({ tokensPerMinute }) => tokensPerMinute));
  return { ...(requests === undefined ? {} : { requests }), ...(tokens === undefined ? {} : { tokens }) };
}

function sumOf(limits: readonly (number | undefined)[]): number | undefined {
  let sum = 0;
  for (const limit of limits) {
    if (limit === undefined) return undefined;
    sum += limit;
  }
  // Here 0 means that nothing was set (contract/limits 1.1).
  return sum === 0 ? undefined : Math.floor(sum);
}
