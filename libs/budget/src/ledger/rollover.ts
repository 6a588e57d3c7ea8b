import { SpendAdjustment } from '#libs/database';
import { newId } from '#libs/kernel';
import type { EntityManager } from 'typeorm';
import { boundedId } from '../spool/storable.js';
import type { PeriodOpening } from './period-opening.js';

/**
 * What was spent beyond the cap in the period before counts in this one (`budget_rollover`): an entry beside the ledger's, made in the
 * transaction that opens the period for the first time, so once. Only a period that ended where this one begins counts.
 */
export async function carryOver(manager: EntityManager, openings: readonly PeriodOpening[]): Promise<void> {
  for (const { scope, budget, periodId, startsAtMs, capNanoUsd } of openings) {
    const scopeId = boundedId(scope.id);
    const [over]: { nano: string }[] = await manager.query(
      `SELECT b.settled_nano - $5::bigint AS nano FROM budget_periods p
       JOIN balances b ON b.scope_type = p.scope_type AND b.scope_id = p.scope_id AND b.budget = p.budget AND b.period_id = p.period_id
       WHERE p.scope_type = $1 AND p.scope_id = $2 AND p.budget = $3 AND p.ends_at = to_timestamp($4 / 1000.0) AND b.settled_nano > $5::bigint
       LIMIT 1`,
      [scope.type, scopeId, budget, startsAtMs, capNanoUsd.toString()],
    );
    if (!over) continue;
    const [balance]: { settled_nano: string }[][] = await manager.query(
      `UPDATE balances SET settled_nano = settled_nano + $5, updated_at = now()
       WHERE scope_type = $1 AND scope_id = $2 AND budget = $3 AND period_id = $4 RETURNING settled_nano`,
      [scope.type, scopeId, budget, periodId, over.nano],
    );
    await manager.insert(SpendAdjustment, {
      id: newId('change'),
      scopeType: scope.type,
      scopeId,
      budget,
      periodId,
      deltaNano: BigInt(over.nano),
      toNano: BigInt(balance?.[0]?.settled_nano ?? over.nano),
      reason: 'rollover',
      actor: null,
    });
  }
}
