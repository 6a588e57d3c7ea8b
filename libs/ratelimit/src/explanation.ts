import { type Denial, GatewayError } from '#libs/kernel';
import type { GaugeClaim, PoolClaim, Refusal, RefusedClaim, WindowClaim } from '#libs/counters';
import { descriptorOf, dimensionOf, shownId } from './descriptors.js';

type RefusedLimit = RefusedClaim & { readonly claim: WindowClaim | GaugeClaim | PoolClaim };

const UNITS = {
  requests: 'requests',
  tokens: 'tokens',
  max_parallel_requests: 'requests at a time',
} as const;

/**
 * Tells the caller which limit stands in the way and when to come back. Shown is the limit that takes longest to pass
 * (one that never passes first); `retry-after` is the longest of all, so that a retry after it is not refused by the
 * next one. Undefined when no limit is among the refused claims.
 */
export function explainLimits(refusal: Refusal, nowMs: number): GatewayError | undefined {
  const limits = refusal.refused.filter(isLimit);
  const worst = limits.reduce<RefusedLimit | undefined>(
    (a, b) => (a && waitOf(a) >= waitOf(b) ? a : b),
    undefined,
  );
  if (!worst) return undefined;
  const { claim } = worst;
  const dimension = dimensionOf(claim);
  const waitMs = waitOf(worst);
  const resetsAtMs = waitMs === Infinity ? undefined : nowMs + waitMs;
  const allWaitsMs = Math.max(...refusal.refused.map(waitOf));
  const others = limits.filter((one) => one !== worst);
  const denial: Denial = {
    ...denialOf(worst, nowMs),
    ...(others.length === 0 ? {} : { others: others.map((one) => denialOf(one, nowMs)) }),
  };
  return new GatewayError('ratelimit.exceeded', messageOf(worst, resetsAtMs), {
    internal: `rate_limit_exceeded ${claim.key}: ${worst.current} of ${claim.limit}`,
    denial,
    headers: {
      ...(allWaitsMs !== Infinity && { 'retry-after': String(Math.ceil(allWaitsMs / 1_000)) }),
      rate_limit_type: dimension,
      ...(resetsAtMs !== undefined && { reset_at: String(Math.ceil(resetsAtMs / 1_000)) }),
      ...remainingHeaders(limits),
      ...poolHeaders(worst),
    },
  });
}

/** What every limit of a refusal says of itself. */
export function limitDenials({ refused }: Refusal, nowMs: number): Denial[] {
  return refused.filter(isLimit).map((one) => denialOf(one, nowMs));
}

function denialOf(refused: RefusedLimit, nowMs: number): Denial {
  const { claim } = refused;
  const dimension = dimensionOf(claim);
  const waitMs = waitOf(refused);
  return {
    code: 'ratelimit.exceeded',
    scope: { type: claim.scope.type, id: shownId(claim.scope) },
    dimension: dimension === 'max_parallel_requests' ? 'parallel_requests' : dimension,
    limit: claim.limit,
    current: Number(refused.current),
    ...(waitMs === Infinity ? {} : { resetsAtMs: nowMs + waitMs }),
    wouldAllow: wouldAllow(refused),
    change: {
      action: 'raise_limit',
      scope: claim.scope,
      field: FIELDS[claim.kind === 'gauge' ? 'gauge' : claim.measure],
      value: neededOf(refused),
    },
  };
}

/** What the admin API calls each limit. */
const FIELDS = {
  gauge: 'max_parallel_requests',
  requests: 'rpm_limit',
  total_tokens: 'tpm_limit',
  input_tokens: 'itpm_limit',
  output_tokens: 'otpm_limit',
} as const;

function isLimit(refused: RefusedClaim): refused is RefusedLimit {
  return refused.claim.kind !== 'money';
}

function waitOf(refused: RefusedClaim): number {
  return refused.retryAfterMs ?? Infinity;
}

function remainingHeaders(limits: readonly RefusedLimit[]): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const { claim, current } of limits) {
    const descriptor = claim.kind === 'pool' ? 'model_saturation_check' : descriptorOf(claim.scope);
    if (descriptor === undefined) continue;
    const name = `x-ratelimit-${descriptor}`;
    const dimension = dimensionOf(claim);
    const remaining = Math.max(0, claim.limit - Number(current));
    if (remaining >= Number(headers[`${name}-remaining-${dimension}`] ?? Infinity)) continue;
    headers[`${name}-limit-${dimension}`] = String(claim.limit);
    headers[`${name}-remaining-${dimension}`] = String(remaining);
  }
  return headers;
}

function messageOf(refused: RefusedLimit, resetsAtMs: number | undefined): string {
  const { claim, current } = refused;
  if (claim.kind === 'pool') return poolMessageOf(claim, refused);
  const dimension = dimensionOf(claim);
  const per = claim.kind === 'window' ? ` per ${claim.windowMs / 1_000} s` : '';
  const asked =
    claim.kind === 'window' && claim.amount > 1
      ? `, and this call needs ${claim.atLeast ?? claim.amount}`
      : '';
  const when =
    resetsAtMs === undefined
      ? 'Waiting does not help.'
      : `Try again after ${new Date(Math.ceil(resetsAtMs / 1_000) * 1_000).toISOString().slice(0, 19).replace('T', ' ')} UTC.`;
  return (
    `Rate limit exceeded for ${descriptorOf(claim.scope) ?? 'model'}: ${shownId(claim.scope)}. ` +
    `Limit type: ${dimension}. It allows ${claim.limit} ${UNITS[dimension]}${per}; ${String(current)} are taken${asked}. ${when}`
  );
}

/** How full the shared window is, from 0 to 1. */
function saturationOf({ limit }: PoolClaim, { current }: RefusedClaim): number {
  return limit === 0 ? 1 : Number(current) / limit;
}

function isCapacity(claim: PoolClaim, { current }: RefusedClaim): boolean {
  return Number(current) + claim.amount > claim.limit;
}

function poolMessageOf(claim: PoolClaim, refused: RefusedClaim): string {
  const dimension = dimensionOf(claim);
  if (isCapacity(claim, refused)) {
    return (
      `Model capacity reached for ${shownId(claim.scope)}. Priority: ${claim.pool}. ` +
      `Rate limit type: ${dimension}. It takes ${claim.limit} ${UNITS[dimension]} per ${claim.windowMs / 1_000} s.`
    );
  }
  return (
    `Priority-based rate limit exceeded. Model: ${shownId(claim.scope)}. Priority: ${claim.pool}. ` +
    `Rate limit type: ${dimension}. The share is ${claim.share} of ${claim.limit}; ${refused.poolCurrent ?? 0} are taken. ` +
    `Model saturation: ${(saturationOf(claim, refused) * 100).toFixed(1)}%.`
  );
}

function poolHeaders(worst: RefusedLimit): Record<string, string> {
  const { claim } = worst;
  if (claim.kind !== 'pool') return {};
  return {
    'x-litellm-priority': claim.pool,
    ...(isCapacity(claim, worst) ? {} : { 'x-litellm-saturation': saturationOf(claim, worst).toFixed(2) }),
  };
}

/** The smallest limit under which the same request would pass now. */
function neededOf({ claim, current }: RefusedLimit): number {
  const taken = Number(current);
  if (claim.kind === 'gauge') return taken + 1;
  return taken + (claim.kind === 'window' ? (claim.atLeast ?? claim.amount) : claim.amount);
}

function wouldAllow(refused: RefusedLimit): string {
  const { claim, retryAfterMs } = refused;
  const raise = `a limit of at least ${neededOf(refused)} ${UNITS[dimensionOf(claim)]} for this ${claim.scope.type}`;
  return retryAfterMs === undefined ? raise : `waiting ${Math.ceil(retryAfterMs / 1_000)} s, or ${raise}`;
}
