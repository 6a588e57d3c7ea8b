import { Injectable } from '@nestjs/common';
import { Clock, type Denial, GatewayError, type Principal, type ScopeLimit } from '#libs/kernel';
import { Config } from '#libs/config';
import type { Admission, Claim, Refusal, Standing } from '#libs/counters';
import { explainLimits, limitDenials } from './explanation.js';
import { LimitSet } from './limit-set.js';
import { Priorities } from './priorities.js';
import { standingHeaders } from './standing-headers.js';
import type { LimitedDeployment } from './limited-deployment.js';
import { type LimitedCall, outputCapOf, type TokenMeasure } from './token-hold.js';

/** Which requests, tokens and slots a call takes, and what a refusal means to its caller. Counts nothing itself. */
@Injectable()
export class RateLimits {
  readonly #ofPrincipal = new WeakMap<Principal, LimitSet>();
  readonly #ofRelaxed = new WeakMap<Principal, LimitSet>();
  readonly #ofDeployment = new WeakMap<LimitedDeployment, LimitSet>();
  readonly #priorities: Priorities | undefined;

  constructor(
    private readonly config: Config,
    private readonly clock: Clock,
  ) {
    const { priorities, limits } = config;
    if (priorities) this.#priorities = new Priorities(priorities, limits.windowMs, limits.tokenMeasure);
  }

  /**
   * Appends the claims of every scope of the caller that has limits. `throttled`: with the key's limits cut to the share that its throttle leaves. `isHealthy`: no deployment of
   * the model fails, so limits that are meant for such times do not count.
   */
  claims(principal: Principal, call: LimitedCall, out: Claim[], throttled = false, isHealthy = false): void {
    if (throttled) return this.#setOf(throttledLimitsOf(principal)).claim(call, out);
    if (isHealthy && principal.relaxedLimits !== undefined)
      return this.#relaxedSetOf(principal).claim(call, out);
    let set = this.#ofPrincipal.get(principal);
    if (!set) this.#ofPrincipal.set(principal, (set = this.#setOf(principal.limits)));
    set.claim(call, out);
  }

  /** Whether a key over its budget is slowed down instead of refused: it says so, and has requests or tokens to be slowed down in. */
  canThrottle(principal: Principal): boolean {
    return (
      principal.throttleTo !== undefined &&
      principal.limits.some(
        ({ scope, requestsPerMinute, tokensPerMinute }) =>
          scope.type === 'key' && (requestsPerMinute !== undefined || tokensPerMinute !== undefined),
      )
    );
  }

  /** Appends the caller's part in the model group's capacity, where the operator divides it by priority. */
  poolClaims(
    principal: Principal,
    call: LimitedCall,
    deployments: readonly LimitedDeployment[],
    out: Claim[],
  ): void {
    this.#priorities?.claim(principal, call, deployments, out);
  }

  /** Appends what the deployment itself allows. When only these are refused, another deployment may serve the call. */
  deploymentClaims(deployment: LimitedDeployment, call: LimitedCall, out: Claim[]): void {
    let set = this.#ofDeployment.get(deployment);
    if (!set)
      this.#ofDeployment.set(deployment, (set = this.#setOf([limitOf(deployment, this.config.router)])));
    set.claim(call, out);
  }

  /** The output cap per choice that must replace the caller's in the body sent upstream; undefined: leave the body as it is. */
  outputCap(call: LimitedCall, admission: Admission): number | undefined {
    if (admission.elasticAmount === undefined) return undefined;
    return outputCapOf(call, measureOf(admission), admission.elasticAmount);
  }

  /** The 429 for a refusal that has limits in it. A refusal by money alone is not this room's to explain. */
  explain(refusal: Refusal): GatewayError {
    const error = explainLimits(refusal, this.clock.nowMs());
    if (error) return error;
    return new GatewayError('internal.unexpected', 'The request was refused without a reason.', {
      internal: 'a refusal without limits was given to ratelimit to explain',
    });
  }

  /** What the limits of a refusal say, where money speaks for the whole of it. */
  denials(refusal: Refusal): readonly Denial[] {
    return limitDenials(refusal, this.clock.nowMs());
  }

  /** Appends limit headers as name, value, name, value. */
  headers(standings: readonly Standing[], out: string[]): void {
    standingHeaders(standings, out);
  }

  #relaxedSetOf(principal: Principal): LimitSet {
    let set = this.#ofRelaxed.get(principal);
    if (!set) this.#ofRelaxed.set(principal, (set = this.#setOf(relaxed(principal))));
    return set;
  }

  #setOf(limits: readonly ScopeLimit[]): LimitSet {
    return new LimitSet(limits, this.config.limits.windowMs, this.config.limits.tokenMeasure);
  }
}

/** What the elastic claims of an admission counted: where any of them counts the input too, that is part of what was taken. */
function measureOf({ standings }: Admission): TokenMeasure {
  let measure: TokenMeasure = 'output';
  for (const { claim } of standings) {
    if (claim.kind !== 'window' || claim.atLeast === undefined) continue;
    if (claim.measure === 'total_tokens') return 'total';
    if (claim.measure === 'input_tokens') measure = 'input';
  }
  return measure;
}

/** Without the key's limits that count in bad times only. */
function relaxed({ limits, relaxedLimits = [] }: Principal): ScopeLimit[] {
  return limits.map((limit) => {
    if (limit.scope.type !== 'key') return limit;
    const { requestsPerMinute, tokensPerMinute, ...rest } = limit;
    return {
      ...rest,
      ...(requestsPerMinute === undefined || relaxedLimits.includes('requests') ? {} : { requestsPerMinute }),
      ...(tokensPerMinute === undefined || relaxedLimits.includes('tokens') ? {} : { tokensPerMinute }),
    };
  });
}

/** The share of each limit of the key, at least 1, that throttling leaves. */
function throttledLimitsOf({ limits, throttleTo = 1 }: Principal): ScopeLimit[] {
  const cut = (limit: number): number => Math.max(1, Math.floor(limit * throttleTo));
  return limits.map((limit) => {
    if (limit.scope.type !== 'key') return limit;
    const { requestsPerMinute, tokensPerMinute } = limit;
    return {
      ...limit,
      ...(requestsPerMinute !== undefined && { requestsPerMinute: cut(requestsPerMinute) }),
      ...(tokensPerMinute !== undefined && { tokensPerMinute: cut(tokensPerMinute) }),
    };
  });
}

function limitOf(deployment: LimitedDeployment, { defaultParallelRequests }: Config['router']): ScopeLimit {
  const { id, requestsPerMinute, tokensPerMinute } = deployment;
  const parallelRequests = deployment.maxParallelRequests ?? defaultParallelRequests;
  const { inputTokensPerMinute, outputTokensPerMinute } = deployment;
  return {
    scope: { type: 'deployment', id },
    ...(requestsPerMinute !== undefined && { requestsPerMinute }),
    ...(tokensPerMinute !== undefined && { tokensPerMinute }),
    ...(inputTokensPerMinute !== undefined && { inputTokensPerMinute }),
    ...(outputTokensPerMinute !== undefined && { outputTokensPerMinute }),
    ...(parallelRequests !== undefined && { parallelRequests }),
  };
}
