import { LIFETIME, periodAt } from '#libs/budget';
import type { Config } from '#libs/config';
import type { Changes } from '#libs/database';
import { type NanoUsd, newId } from '#libs/kernel';
import type { EntityManager } from 'typeorm';
import { ACTOR } from './apply.js';
import type { Draft } from './draft.js';
import type { Plan } from './plan.js';

/** The name of a scope's own budget among its windows. */
const OWN_BUDGET = 'main';
const AT_ONCE = 1_000;

interface Entry {
  readonly scopeId: string;
  readonly budget: string;
  readonly periodId: string;
  readonly nano: NanoUsd;
}

/** The limits that count where a row has none of its own. */
export type Linked = (budgetId: unknown) => Readonly<Record<string, unknown>> | undefined;

/**
 * Gives rows that were just made what LiteLLM had counted, as entries of the ledger: ever, and in the period their budget is in. Rows
 * that were here already keep their own count.
 */
export async function carrySpend(
  manager: EntityManager,
  { noun, fresh }: Plan,
  linked: Linked,
  config: Config,
  changes: Changes,
): Promise<void> {
  const { scope } = noun;
  if (scope === undefined) return;
  const entries = fresh.flatMap((draft) => entriesOf(draft, linked, config.budgets, Date.now()));
  for (let at = 0; at < entries.length; at += AT_ONCE) {
    const some = entries.slice(at, at + AT_ONCE);
    await manager.query(ADD, [
      scope,
      some.map(() => newId('change')),
      some.map(({ scopeId }) => scopeId),
      some.map(({ budget }) => budget),
      some.map(({ periodId }) => periodId),
      some.map(({ nano }) => nano.toString()),
      ACTOR,
    ]);
  }
  const told = new Set(entries.map(({ scopeId }) => scopeId));
  await changes.publishAll(
    manager,
    [...told].map((id) => ({ noun: 'spend', id: `${scope}:${id}` })),
  );
}

/** Sorted by the balances' key, as everybody takes them. */
const ADD = `
  WITH said AS (
    SELECT * FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[]) AS s(id, scope_id, budget, period_id, nano)),
  added AS (
    INSERT INTO balances (scope_type, scope_id, budget, period_id, settled_nano)
    SELECT $1, scope_id, budget, period_id, nano FROM said ORDER BY scope_id, budget, period_id
    ON CONFLICT (scope_type, scope_id, budget, period_id)
      DO UPDATE SET settled_nano = balances.settled_nano + excluded.settled_nano, updated_at = now()
    RETURNING scope_id, budget, period_id, settled_nano)
  INSERT INTO spend_adjustments (id, scope_type, scope_id, budget, period_id, delta_nano, to_nano, reason, actor)
  SELECT said.id, $1, scope_id, budget, period_id, said.nano, added.settled_nano, 'import', $7
    FROM said JOIN added USING (scope_id, budget, period_id)`;

/** Exported for its test. */
export function entriesOf(
  { id, columns, once, spend }: Draft,
  linked: Linked,
  { timezone, resetTime }: Pick<Config['budgets'], 'timezone' | 'resetTime'>,
  nowMs: number,
): Entry[] {
  if (spend === undefined) return [];
  const shared = linked(columns['budgetId']);
  const duration = columns['budgetDuration'] ?? shared?.['budgetDuration'];
  const isCapped = (columns['maxBudgetNano'] ?? shared?.['maxBudgetNano'] ?? null) !== null;
  const hasPeriods = isCapped && typeof duration === 'string';
  // A budget that never starts again is judged by all that was ever spent, and LiteLLM judged it by `spend`.
  const ever: Entry = {
    scopeId: id, budget: LIFETIME, periodId: LIFETIME, nano: isCapped && !hasPeriods ? spend.currentNano : spend.everNano,
  }; // prettier-ignore
  const entries = [ever];
  const isOver = spend.resetAt !== null && spend.resetAt.getTime() <= nowMs;
  if (hasPeriods && !isOver) {
    const from = once['budgetAnchorAt'] ?? once['createdAt'];
    const anchorMs = from instanceof Date ? from.getTime() : nowMs;
    const periodId = periodAt({ duration, timezone, resetTime, anchorMs }, nowMs).id;
    entries.push({ scopeId: id, budget: OWN_BUDGET, periodId, nano: spend.currentNano });
  }
  return entries.filter(({ nano }) => nano > 0n);
}
