import { Injectable } from '@nestjs/common';
import { Clock, GatewayError, type Principal, PROXY_SCOPE, type ScopeLimit } from '#libs/kernel';
import { Config } from '#libs/config';
import type { Admission, Claim, Refusal, Standing } from '#libs/counters';
import { explainLimits } from './explanation.js';
import { LimitSet } from './limit-set.js';
import { standingHeaders } from './standing-headers.js';
import { type LimitedCall, outputCapOf } from './token-hold.js';

/** The limits of one upstream, as routing knows it. */
export interface LimitedDeployment {
  readonly id: string;
  readonly requestsPerMinute?: number;
  readonly tokensPerMinute?: number;
  readonly maxParallelRequests?: number;
}

/** Which requests, tokens and slots a call takes, and what a refusal means to its caller. Counts nothing itself. */
@Injectable()
export class RateLimits {
  readonly #ofPrincipal = new WeakMap<Principal, LimitSet>();
  readonly #ofDeployment = new WeakMap<LimitedDeployment, LimitSet>();

  constructor(
    private readonly config: Config,
    private readonly clock: Clock,
  ) {}

  /** Appends the claims of every scope of the caller that has limits; the proxy's own come from the configuration when the principal has none. */
  claims(principal: Principal, call: LimitedCall, out: Claim[]): void {
    let set = this.#ofPrincipal.get(principal);
    if (!set) this.#ofPrincipal.set(principal, (set = this.#setOf(this.#limitsOf(principal))));
    set.claim(call, out);
  }

  /** Appends what the deployment itself allows. When only these are refused (`isDeploymentOnly`), another deployment may serve the call. */
  deploymentClaims(deployment: LimitedDeployment, call: LimitedCall, out: Claim[]): void {
    let set = this.#ofDeployment.get(deployment);
    if (!set) this.#ofDeployment.set(deployment, (set = this.#setOf([limitOf(deployment)])));
    set.claim(call, out);
  }

  /** The output cap per choice that must replace the caller's in the body sent upstream; undefined: leave the body as it is. */
  outputCap(call: LimitedCall, admission: Admission): number | undefined {
    if (admission.elasticAmount === undefined) return undefined;
    return outputCapOf(call, this.config.limits.tokenMeasure, admission.elasticAmount);
  }

  /** The 429 for a refusal that has limits in it. A refusal by money alone is not this room's to explain. */
  explain(refusal: Refusal): GatewayError {
    const error = explainLimits(refusal, this.clock.nowMs());
    if (error) return error;
    return new GatewayError('internal.unexpected', 'The request was refused without a reason.', {
      internal: 'a refusal without limits was given to ratelimit to explain',
    });
  }

  /** Appends limit headers as name, value, name, value. */
  headers(standings: readonly Standing[], out: string[]): void {
    standingHeaders(standings, out);
  }

  #setOf(limits: readonly ScopeLimit[]): LimitSet {
    return new LimitSet(limits, this.config.limits.windowMs, this.config.limits.tokenMeasure);
  }

  #limitsOf(principal: Principal): readonly ScopeLimit[] {
    if (principal.limits.some(({ scope }) => scope.type === 'proxy')) return principal.limits;
    const { requestsPerMinute, tokensPerMinute, parallelRequests } = this.config.limits;
    const proxy: ScopeLimit = {
      scope: PROXY_SCOPE,
      ...(requestsPerMinute !== undefined && { requestsPerMinute }),
      ...(tokensPerMinute !== undefined && { tokensPerMinute }),
      ...(parallelRequests !== undefined && { parallelRequests }),
    };
    return [proxy, ...principal.limits];
  }
}

/** Nothing but the deployment's own limits stands in the way: pick another one. */
export function isDeploymentOnly(refusal: Refusal): boolean {
  return (
    refusal.refused.length > 0 && refusal.refused.every(({ claim }) => claim.scope.type === 'deployment')
  );
}

function limitOf(deployment: LimitedDeployment): ScopeLimit {
  const { id, requestsPerMinute, tokensPerMinute, maxParallelRequests } = deployment;
  return {
    scope: { type: 'deployment', id },
    ...(requestsPerMinute !== undefined && { requestsPerMinute }),
    ...(tokensPerMinute !== undefined && { tokensPerMinute }),
    ...(maxParallelRequests !== undefined && { parallelRequests: maxParallelRequests }),
  };
}
