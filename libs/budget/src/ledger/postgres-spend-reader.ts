import { Inject, Injectable } from '@nestjs/common';
import { Config } from '#libs/config';
import { Clock, type NanoUsd, type Scope } from '#libs/kernel';
import { SpendReader, type SpendRow } from '#libs/tenancy';
import { DataSource } from 'typeorm';
import { LIFETIME, periodAt } from '../periods.js';
import { boundedId } from '../spool/storable.js';
import { SpendLedger } from './spend-ledger.js';

/** Where a scope's own budget is kept. */
const TABLE_OF: Readonly<Record<string, string>> = {
  key: 'virtual_keys',
  user: 'users',
  team: 'teams',
  organization: 'organizations',
  project: 'projects',
  customer: 'customers',
};
/** The name of a scope's own budget among its windows. */
const OWN_BUDGET = 'main';

interface Wanted {
  readonly scope: Scope;
  readonly periodId: string;
}

/** What scopes have spent, from the balances, after this process stored what it still had. */
@Injectable()
export class PostgresSpendReader extends SpendReader {
  constructor(
    private readonly dataSource: DataSource,
    @Inject(SpendLedger) private readonly ledger: Pick<SpendLedger, 'flush'>,
    @Inject(Config) private readonly config: Pick<Config, 'budgets'>,
    private readonly clock: Clock,
  ) {
    super();
  }

  override async spendOf(scopes: readonly Scope[]): Promise<ReadonlyMap<string, NanoUsd>> {
    if (scopes.length === 0) return new Map();
    await this.ledger.flush();
    return this.#read(await this.#withPeriods(scopes));
  }

  override async spendIn(rows: readonly SpendRow[]): Promise<ReadonlyMap<string, NanoUsd>> {
    if (rows.length === 0) return new Map();
    await this.ledger.flush();
    const { timezone, resetTime } = this.config.budgets;
    return this.#read(
      rows.map(({ scope, budget, linked }) => {
        const duration = budget.budgetDuration ?? linked?.budgetDuration ?? null;
        if (duration === null || (budget.maxBudgetNano ?? linked?.maxBudgetNano ?? null) === null)
          return { scope, periodId: LIFETIME };
        const anchorMs = (budget.budgetAnchorAt ?? budget.createdAt).getTime();
        return {
          scope,
          periodId: periodAt({ duration, timezone, resetTime, anchorMs }, this.clock.nowMs()).id,
        };
      }),
    );
  }

  async #read(wanted: readonly Wanted[]): Promise<ReadonlyMap<string, NanoUsd>> {
    const rows: { type: string; id: string; settled_nano: string }[] = await this.dataSource.query(
      `SELECT b.scope_type AS type, b.scope_id AS id, b.settled_nano
       FROM unnest($1::text[], $2::text[], $3::text[], $4::text[]) AS t(type, id, budget, period)
       JOIN balances b ON b.scope_type = t.type AND b.scope_id = t.id AND b.budget = t.budget AND b.period_id = t.period`,
      [
        wanted.map(({ scope }) => scope.type),
        wanted.map(({ scope }) => boundedId(scope.id)),
        wanted.map(({ periodId }) => (periodId === LIFETIME ? LIFETIME : OWN_BUDGET)),
        wanted.map(({ periodId }) => periodId),
      ],
    );
    const asked = new Map(
      wanted.map(({ scope }) => [`${scope.type}:${boundedId(scope.id)}`, `${scope.type}:${scope.id}`]),
    );
    return new Map(
      rows.map(({ type, id, settled_nano }) => [
        asked.get(`${type}:${id}`) ?? `${type}:${id}`,
        BigInt(settled_nano),
      ]),
    );
  }

  /** A scope whose own budget has a duration shows its current period; the others their lifetime. */
  async #withPeriods(scopes: readonly Scope[]): Promise<Wanted[]> {
    const periods = new Map<string, string>();
    const { timezone, resetTime } = this.config.budgets;
    for (const [type, table] of Object.entries(TABLE_OF)) {
      const ids = scopes.filter((scope) => scope.type === type).map(({ id }) => id);
      if (ids.length === 0) continue;
      const rows: { id: string; budget_duration: string; anchor: Date }[] = await this.dataSource.query(
        `SELECT id, budget_duration, coalesce(budget_anchor_at, created_at) AS anchor FROM ${table}
         WHERE id = ANY($1::text[]) AND budget_duration IS NOT NULL AND max_budget_nano IS NOT NULL`,
        [ids],
      );
      for (const { id, budget_duration, anchor } of rows) {
        const rule = { duration: budget_duration, timezone, resetTime, anchorMs: anchor.getTime() };
        periods.set(`${type}:${id}`, periodAt(rule, this.clock.nowMs()).id);
      }
    }
    return scopes.map((scope) => ({ scope, periodId: periods.get(`${scope.type}:${scope.id}`) ?? LIFETIME }));
  }
}
