import { Injectable } from '@nestjs/common';
import { Config } from '#libs/config';
import { SpendAdjustment } from '#libs/database';
import { Clock, type NanoUsd, newId, type Scope } from '#libs/kernel';
import { type SpendOwner, SpendSetter } from '#libs/tenancy';
import type { EntityManager } from 'typeorm';
import { LIFETIME, periodAt } from '../periods.js';
import { boundedId } from '../spool/storable.js';
import { counterKey } from '../counter-key.js';
import { SpendFollower } from './spend-follower.js';
import { SpendLedger } from './spend-ledger.js';

interface Counted {
  readonly budget: string;
  readonly periodId: string;
  /** Never raised: what is set is the main budget's spend, and a window beside it may have seen less. */
  readonly isWindow: boolean;
}

/** The name of a scope's own budget among its windows. */
const OWN_BUDGET = 'main';

/** Sets spend by adjustments beside the ledger's entries: the balances follow at once, and so does every sum made later. */
@Injectable()
export class PostgresSpendSetter extends SpendSetter {
  constructor(
    private readonly ledger: SpendLedger,
    private readonly follower: SpendFollower,
    private readonly config: Config,
    private readonly clock: Clock,
  ) {
    super();
  }

  override prepare(): Promise<void> {
    return this.ledger.flush();
  }

  override followed(scope: Scope): Promise<void> {
    return this.follower.follow(scope);
  }

  override async set(manager: EntityManager, owner: SpendOwner, to: NanoUsd, by: string): Promise<NanoUsd> {
    const counted = this.#countedBy(owner);
    const scope = { scopeType: owner.scope.type, scopeId: boundedId(owner.scope.id) };
    let previous: NanoUsd = 0n;
    for (const { budget, periodId, isWindow } of counted) {
      const before = await lockBalance(manager, [scope.scopeType, scope.scopeId, budget, periodId]);
      if (!isWindow) previous = before;
      const target = isWindow && before < to ? before : to;
      const deltaNano = target - before;
      const id = newId('change', this.clock.nowMs());
      await manager.insert(SpendAdjustment, {
        ...scope,
        id,
        budget,
        periodId,
        deltaNano,
        toNano: to,
        reason: 'reset_spend',
        actor: by,
      });
      await manager.query(
        `UPDATE balances SET settled_nano = settled_nano + $5, updated_at = now()
         WHERE scope_type = $1 AND scope_id = $2 AND budget = $3 AND period_id = $4`,
        [scope.scopeType, scope.scopeId, budget, periodId, deltaNano.toString()],
      );
      this.follower.expect(owner.scope, {
        id,
        key: counterKey(owner.scope, budget, periodId),
        deltaNanoUsd: deltaNano,
      });
    }
    return previous;
  }

  /** Sorted, as everybody takes balance rows, so that two who lock several cannot wait for each other. */
  #countedBy({ budget }: SpendOwner): Counted[] {
    const { timezone, resetTime } = this.config.budgets;
    const anchorMs = (budget.budgetAnchorAt ?? budget.createdAt).getTime();
    const periodOf = (duration: string): string =>
      periodAt({ duration, timezone, resetTime, anchorMs }, this.clock.nowMs()).id;
    const hasPeriods = budget.budgetDuration !== null && budget.maxBudgetNano !== null;
    const main: Counted = hasPeriods
      ? { budget: OWN_BUDGET, periodId: periodOf(budget.budgetDuration ?? ''), isWindow: false }
      : { budget: LIFETIME, periodId: LIFETIME, isWindow: false };
    const windows = budget.budgetWindows.flatMap(({ duration }): Counted[] =>
      duration === null ? [] : [{ budget: duration, periodId: periodOf(duration), isWindow: true }],
    );
    return [main, ...windows].sort((a, b) =>
      `${a.budget}\0${a.periodId}` < `${b.budget}\0${b.periodId}` ? -1 : 1,
    );
  }
}

/** Locks the balance, making it where nothing was spent yet, and says what it is. */
async function lockBalance(manager: EntityManager, name: readonly string[]): Promise<NanoUsd> {
  const rows: { settled_nano: string }[] = await manager.query(
    `INSERT INTO balances (scope_type, scope_id, budget, period_id) VALUES ($1, $2, $3, $4)
     ON CONFLICT (scope_type, scope_id, budget, period_id) DO UPDATE SET updated_at = now() RETURNING settled_nano`,
    [...name],
  );
  return BigInt(rows[0]?.settled_nano ?? 0);
}
