import type { MoneyClaim } from '#libs/counters';
import type { Bound } from './bounds.js';
import type { PreparedBudget } from './prepared.js';

/** What a call that may cost `bound` wants of one budget, at the instant of its admission. */
export function moneyClaim(prepared: PreparedBudget, bound: Bound, nowMs: number): MoneyClaim {
  const { budget, key, period } = prepared;
  return {
    kind: 'money',
    key,
    scope: budget.scope,
    budget: budget.name,
    capNanoUsd: prepared.capAt(nowMs),
    minNanoUsd: bound.minNanoUsd,
    fullNanoUsd: bound.fullNanoUsd,
    ...(period && { periodEndsAtMs: period.endsAtMs }),
  };
}
