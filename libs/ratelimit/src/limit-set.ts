import type { Scope, ScopeLimit } from '#libs/kernel';
import { type Claim, type GaugeClaim, internKey, type Measure, type WindowClaim } from '#libs/counters';
import { type LimitedCall, MEASURES, type TokenMeasure, tokenHoldOf } from './token-hold.js';

/** The token limits of one measure; each call's hold is the same in all of them. */
interface TokenLimits {
  readonly measure: TokenMeasure;
  readonly claims: readonly WindowClaim[];
  readonly smallestLimit: number;
}

/**
 * The limits of one caller or deployment, ready to be claimed: what is the same for every call is made once and shared
 * by all of them, only token claims are made per call. The same scope listed twice counts once, at the lower limit.
 */
export class LimitSet {
  readonly #fixed: readonly Claim[];
  readonly #tokens: readonly TokenLimits[];

  constructor(
    limits: readonly ScopeLimit[],
    private readonly windowMs: number,
    private readonly measure: TokenMeasure,
  ) {
    const lowest = new Map<string, WindowClaim | GaugeClaim>();
    for (const limit of limits) {
      for (const claim of this.#claimsOf(limit)) {
        const known = lowest.get(claim.key);
        if (!known || claim.limit < known.limit) lowest.set(claim.key, claim);
      }
    }
    const claims = [...lowest.values()];
    const tokens = claims.filter(isTokens);
    this.#fixed = claims.filter((claim) => !isTokens(claim));
    this.#tokens = (['total', 'input', 'output'] as const).flatMap((one): TokenLimits[] => {
      const ofMeasure = tokens.filter((claim) => claim.measure === MEASURES[one]);
      if (ofMeasure.length === 0) return [];
      const smallestLimit = Math.min(...ofMeasure.map(({ limit }) => limit));
      return [{ measure: one, claims: ofMeasure, smallestLimit }];
    });
  }

  /** Appends this call's claims. Costs one small object per token limit. */
  claim(call: LimitedCall, out: Claim[]): void {
    for (const claim of this.#fixed) out.push(claim);
    for (const { measure: measured, claims, smallestLimit } of this.#tokens) {
      const { amount, atLeast } = tokenHoldOf(call, measured, smallestLimit);
      for (const { kind, key, scope, measure, limit, windowMs } of claims) {
        out.push(
          atLeast === undefined
            ? { kind, key, scope, measure, limit, windowMs, amount }
            : { kind, key, scope, measure, limit, windowMs, amount, atLeast },
        );
      }
    }
  }

  #claimsOf(limited: ScopeLimit): (WindowClaim | GaugeClaim)[] {
    const { scope, requestsPerMinute, tokensPerMinute, parallelRequests } = limited;
    const { inputTokensPerMinute, outputTokensPerMinute } = limited;
    const claims: (WindowClaim | GaugeClaim)[] = [];
    if (requestsPerMinute !== undefined) claims.push(this.#windowClaim(scope, 'requests', requestsPerMinute));
    if (tokensPerMinute !== undefined)
      claims.push(this.#windowClaim(scope, MEASURES[this.measure], tokensPerMinute));
    if (inputTokensPerMinute !== undefined)
      claims.push(this.#windowClaim(scope, 'input_tokens', inputTokensPerMinute));
    if (outputTokensPerMinute !== undefined)
      claims.push(this.#windowClaim(scope, 'output_tokens', outputTokensPerMinute));
    if (parallelRequests !== undefined) {
      const key = internKey(`parallel:${scope.type}:${scope.id}`);
      claims.push(Object.freeze({ kind: 'gauge', key, scope, limit: parallelRequests }));
    }
    return claims;
  }

  #windowClaim(scope: Scope, measure: Measure, limit: number): WindowClaim {
    const { windowMs } = this;
    const key = internKey(`${measure}/${windowMs}:${scope.type}:${scope.id}`);
    return Object.freeze({ kind: 'window', key, scope, measure, limit, windowMs, amount: 1 });
  }
}

function isTokens(claim: WindowClaim | GaugeClaim): claim is WindowClaim {
  return claim.kind === 'window' && claim.measure !== 'requests';
}
