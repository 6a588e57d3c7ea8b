import { Injectable } from '@nestjs/common';
import { type Bound, Budgets } from '#libs/budget';
import { type Admission, type Claim, Counters, type Settlement } from '#libs/counters';
import type { NanoUsd, Principal } from '#libs/kernel';
import { type LimitedCall, type LimitedDeployment, RateLimits } from '#libs/ratelimit';
import { AdmissionRefusals } from '../completion/admission-refusals.js';
import { Verdicts } from '../completion/verdicts.js';

/** What one call wants that is no completion. Absent members claim nothing of their kind. */
export interface FlatClaims {
  readonly principal: Principal;
  readonly atMs: number;
  /** Takes requests, tokens and slots of every scope of the caller. */
  readonly call?: LimitedCall;
  /** Of those, only the tokens. */
  readonly onlyTokens?: true;
  /** How long to wait for money that others hold; default: not at all. */
  readonly waitMs?: number;
  /** What the place itself allows all callers together. */
  readonly place?: LimitedDeployment;
  /** Takes a hold in every budget of the caller. */
  readonly bound?: Bound;
}

/**
 * The one atomic decision about a call that goes to one place at a known price: limits and budgets of every scope, all or
 * none, and the same explanations as a completion's.
 */
@Injectable()
export class FlatAdmissions {
  constructor(
    private readonly limits: RateLimits,
    private readonly budgets: Budgets,
    private readonly counters: Counters,
    private readonly refusals: AdmissionRefusals,
    private readonly verdicts: Verdicts,
  ) {}

  /** `id` names the admission for ever. Throws what the refusing room says: a budget's refusal first, then a limit's. */
  async admit(id: string, wanted: FlatClaims): Promise<Admission> {
    const { principal, atMs, call, place, bound } = wanted;
    if (!this.budgets.isOpen(principal, atMs)) await this.budgets.open(principal, atMs);
    const claims: Claim[] = [];
    const limited: Claim[] = [];
    if (call) this.limits.claims(principal, call, limited);
    if (call && place) this.limits.deploymentClaims(place, call, limited);
    claims.push(...(wanted.onlyTokens ? limited.filter(countsTokens) : limited));
    if (bound) this.budgets.claims(principal, bound, atMs, claims);
    const request = { id, claims, waitMs: wanted.waitMs ?? 0 };
    const verdict = await this.verdicts.of(request, principal, atMs);
    if (verdict.admitted) return verdict;
    throw this.refusals.of(verdict, principal);
  }

  /** Replaces what the call holds by what it used. Twice changes nothing. */
  settle(id: string, used: Partial<Settlement> = NOTHING): void {
    void this.counters.settle(id, { ...NOTHING, ...used });
  }
}

const NOTHING: Settlement = Object.freeze({
  requests: 0,
  inputTokens: 0,
  outputTokens: 0,
  totalTokens: 0,
  costNanoUsd: 0n,
});

function countsTokens(claim: Claim): boolean {
  return claim.kind === 'window' && claim.measure !== 'requests';
}

/** The bound of a call at a fixed price. Without a price it costs nothing that anybody knows, and a budget that is used up still refuses it. */
export function fixedBound(costNanoUsd: NanoUsd | undefined): Bound {
  const cost = costNanoUsd ?? 0n;
  return {
    minNanoUsd: cost,
    fullNanoUsd: cost,
    inputNanoUsd: cost,
    inputTokens: 0,
    outputTokens: 0,
    minOutputTokens: 0,
    choices: 1,
    statedOutputTokens: undefined,
    priced: costNanoUsd !== undefined,
    outputRate: 0,
    unit: 1,
  };
}
