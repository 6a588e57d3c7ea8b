import type { NanoUsd, ScopeBudget } from '#libs/kernel';
import type { Period } from '../periods.js';

/** What can be told about a budget; the contract's names, because people's receivers switch on them. */
export type BudgetEvent =
  'budget_crossed' | 'threshold_crossed' | 'soft_budget_crossed' | 'projected_limit_exceeded';

export interface BudgetFinding {
  readonly event: BudgetEvent;
  /** Per cent of the budget; 0 where the event has none. */
  readonly threshold: number;
  readonly projectedNanoUsd?: NanoUsd;
  readonly projectedAtMs?: number;
}

/** A projection from less than this part of a period says more about its first day than about its end. */
const LEAST_ELAPSED = 0.1;

/**
 * Everything that is true of a budget at an instant and worth telling: each is told once in a period, so it does not matter how
 * often, or by how many, it is found. Of several thresholds passed, only the highest: whoever is at 100 % knows about 80.
 */
export function findingsOf(
  budget: Pick<ScopeBudget, 'softCapNanoUsd'>,
  capNanoUsd: NanoUsd,
  settledNanoUsd: NanoUsd,
  period: Period | undefined,
  nowMs: number,
  thresholds: readonly number[],
): BudgetFinding[] {
  const findings: BudgetFinding[] = [];
  const passed = thresholds.filter((percent) => settledNanoUsd * 100n >= capNanoUsd * BigInt(percent));
  const highest = Math.max(0, ...passed);
  if (highest > 0 && settledNanoUsd > 0n)
    findings.push({ event: highest >= 100 ? 'budget_crossed' : 'threshold_crossed', threshold: highest });
  if (budget.softCapNanoUsd !== undefined && settledNanoUsd >= budget.softCapNanoUsd && settledNanoUsd > 0n)
    findings.push({ event: 'soft_budget_crossed', threshold: 0 });
  const projection = period && projected(capNanoUsd, settledNanoUsd, period, nowMs);
  if (projection) findings.push(projection);
  return findings;
}

/** At the pace of the period so far, when the budget runs out; undefined when it lasts, or has run out already. */
function projected(
  capNanoUsd: NanoUsd,
  settledNanoUsd: NanoUsd,
  { startsAtMs, endsAtMs }: Period,
  nowMs: number,
): BudgetFinding | undefined {
  const elapsedMs = nowMs - startsAtMs;
  const share = elapsedMs / (endsAtMs - startsAtMs);
  if (share < LEAST_ELAPSED || share >= 1 || settledNanoUsd >= capNanoUsd || settledNanoUsd <= 0n)
    return undefined;
  const projectedNanoUsd = BigInt(Math.round(Number(settledNanoUsd) / share));
  if (projectedNanoUsd <= capNanoUsd) return undefined;
  const projectedAtMs = Math.round(startsAtMs + elapsedMs * (Number(capNanoUsd) / Number(settledNanoUsd)));
  return { event: 'projected_limit_exceeded', threshold: 0, projectedNanoUsd, projectedAtMs };
}
