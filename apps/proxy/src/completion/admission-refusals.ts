import { Injectable } from '@nestjs/common';
import { Budgets } from '#libs/budget';
import type { Refusal, RefusedClaim } from '#libs/counters';
import type { GatewayError, Principal } from '#libs/kernel';
import { RateLimits } from '#libs/ratelimit';

/** What a caller is told who was not admitted: of the rooms that refused, the one whose reason comes first. */
@Injectable()
export class AdmissionRefusals {
  constructor(
    private readonly limits: RateLimits,
    private readonly budgets: Budgets,
  ) {}

  /** Used-up limits pass by themselves (429), so they are named first; used-up money does not (422); held money soon does (429). */
  ofUpstreams(reasons: readonly RefusedClaim[]): GatewayError {
    const refusal: Refusal = { admitted: false, refused: reasons, waitedMs: 0 };
    const byLimits = reasons.some(({ claim }) => claim.kind !== 'money');
    if (byLimits) return this.limits.explain(refusal);
    const busy = reasons.filter(({ reason }) => reason === 'busy');
    const explained = busy.length > 0 ? this.budgets.explain({ ...refusal, refused: busy }) : undefined;
    return explained ?? this.budgets.explainUpstreams(reasons);
  }

  /** The budget's reason first (the contract's order), then the limit's. */
  of(refusal: Refusal, principal: Principal): GatewayError {
    return (
      this.budgets.explain(refusal, principal, this.limits.denials(refusal)) ?? this.limits.explain(refusal)
    );
  }
}

/** Nothing but a deployment's or a provider's own limits and budgets stands in the way: another one may serve the call. */
export function isUpstreamOnly({ refused }: Refusal): boolean {
  for (const { claim } of refused)
    if (claim.scope.type !== 'deployment' && claim.scope.type !== 'provider') return false;
  return refused.length > 0;
}

/** Part of a budget is there still: held by others, or too little for the call as it was guessed. */
export function hasMoneyLeft({ refused }: Refusal): boolean {
  for (const { claim, current } of refused)
    if (claim.kind !== 'money' || current >= claim.capNanoUsd) return false;
  return true;
}

/** The key's own budget is used up, and no other money stands in the way. What limits say is asked again, of those that are left to a key that is slowed down. */
export function isKeysMoney({ refused }: Refusal): boolean {
  let isOver = false;
  for (const { claim, reason } of refused) {
    if (claim.kind !== 'money') continue;
    if (claim.scope.type !== 'key' || reason !== 'over') return false;
    isOver = true;
  }
  return isOver;
}

/** The period that money was refused in is over: its budget has started again. */
export function hasPeriodEnded({ refused }: Refusal, nowMs: number): boolean {
  return refused.some(
    ({ claim }) =>
      claim.kind === 'money' && claim.periodEndsAtMs !== undefined && claim.periodEndsAtMs <= nowMs,
  );
}

/** Counting tokens helps where tokens or money were refused, and not where the budget is used up to the last dollar. */
export function mayPassWhenCounted(refusal: Refusal): boolean {
  return refusal.refused.every(({ claim, current }) => {
    if (claim.kind === 'money') return current < claim.capNanoUsd;
    return claim.kind !== 'gauge' && claim.measure !== 'requests';
  });
}
