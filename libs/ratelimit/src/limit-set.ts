import type { Scope, ScopeLimit } from '#libs/kernel';
import { type Claim, type GaugeClaim, internKey, type Measure, type WindowClaim } from '#libs/counters';
import { type LimitedCall, type TokenMeasure, tokenHoldOf } from './token-hold.js';

const MEASURES = {
  total: 'total_tokens',
  input: 'input_tokens',
  output: 'output_tokens',
} as const satisfies Record<TokenMeasure, Measure>;

/**
 * The limits of one caller or deployment, ready to be claimed: what is the same for every call is made once and shared
 * by all of them, only token claims are made per call. The same scope listed twice counts once, at the lower limit.
 */
export class LimitSet {
  readonly #fixed: readonly Claim[];
  readonly #tokens: readonly WindowClaim[];
  readonly #smallestTokenLimit: number;

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
    this.#fixed = claims.filter((claim) => !isTokens(claim));
    this.#tokens = claims.filter(isTokens);
    this.#smallestTokenLimit = Math.min(...this.#tokens.map(({ limit }) => limit));
  }

  /** Appends this call's claims. Costs one small object per token limit. */
  claim(call: LimitedCall, out: Claim[]): void {
    for (const claim of this.#fixed) out.push(claim);
    if (this.#tokens.length === 0) return;
    const { amount, atLeast } = tokenHoldOf(call, this.measure, this.#smallestTokenLimit);
    for (const { kind, key, scope, measure, limit, windowMs } of this.#tokens) {
      out.push(
        atLeast === undefined
          ? { kind, key, scope, measure, limit, windowMs, amount }
          : { kind, key, scope, measure, limit, windowMs, amount, atLeast },
      );
    }
  }

  #claimsOf({
    scope,
    requestsPerMinute,
    tokensPerMinute,
    parallelRequests,
  }: ScopeLimit): (WindowClaim | GaugeClaim)[] {
    const claims: (WindowClaim | GaugeClaim)[] = [];
    if (requestsPerMinute !== undefined) claims.push(this.#windowClaim(scope, 'requests', requestsPerMinute));
    if (tokensPerMinute !== undefined)
      claims.push(this.#windowClaim(scope, MEASURES[this.measure], tokensPerMinute));
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
