import { Injectable } from '@nestjs/common';
import { Config } from '#libs/config';
import { withTransaction } from '#libs/database';
import type { NanoUsd, Scope, ScopeType } from '#libs/kernel';
import { DataSource, type EntityManager } from 'typeorm';
import { balanceOrder } from './balance-order.js';
import { counterKey } from '../counter-key.js';
import { LIFETIME } from '../periods.js';
import { boundedId } from '../spool/storable.js';
import type { PeriodOpening } from './period-opening.js';
import { carryOver } from './rollover.js';

const OPENING = { system: 'budget-opening' };
/** Rows locked by one transaction at most. */
const OPENED_AT_ONCE = 200;

interface Named {
  readonly scope: Scope;
  readonly budget: string;
  readonly periodId: string;
}

/** How a scope is found among ledger entries: by its own column where it has one, by the entry's charges otherwise. */
const COLUMN_OF: Readonly<Record<string, string>> = {
  key: 'key_id',
  user: 'user_id',
  team: 'team_id',
  organization: 'organization_id',
  customer: 'customer_id',
};

/** What scopes have spent, as PostgreSQL knows it. */
@Injectable()
export class BalanceStore {
  constructor(
    private readonly dataSource: DataSource,
    private readonly config: Config,
  ) {}

  /**
   * What scopes have spent: lifetimes and periods, by counter key; absent means nothing yet. The first opening of a period
   * sums the ledger by time, because entries from before the budget was made (or before its duration was changed) do not
   * name it; later ones read the sum that the drain keeps. Safe to race: a balance row is locked while it is summed, so an
   * entry committed meanwhile is added on top, never lost, never twice.
   */
  async settledOf(
    lifetimes: readonly Scope[],
    periods: readonly PeriodOpening[],
  ): Promise<Map<string, NanoUsd>> {
    const settled = new Map<string, NanoUsd>();
    const wanted = lifetimes.map((scope) => ({ scope, budget: LIFETIME, periodId: LIFETIME }));
    await readInto(settled, this.dataSource.manager, wanted);
    for (let start = 0; start < periods.length; start += OPENED_AT_ONCE) {
      const some = sorted(periods.slice(start, start + OPENED_AT_ONCE));
      await withTransaction(this.dataSource, OPENING, async (manager) => {
        const fresh = await register(manager, some);
        const unsummed = some.filter(({ scope, budget, periodId }) =>
          fresh.has(counterKey({ type: scope.type, id: boundedId(scope.id) }, budget, periodId)),
        );
        await sumByTime(manager, unsummed);
        if (this.config.budgets.rollover) await carryOver(manager, unsummed);
        await readInto(settled, manager, some);
      });
    }
    return settled;
  }

  /** Notes periods that began while this process counted them from zero, for the history. */
  async registerPeriods(openings: readonly PeriodOpening[]): Promise<void> {
    await register(this.dataSource.manager, sorted(openings));
  }
}

async function readInto(
  settled: Map<string, NanoUsd>,
  manager: EntityManager,
  wanted: readonly Named[],
): Promise<void> {
  if (wanted.length === 0) return;
  const rows: { n: string; settled_nano: string }[] = await manager.query(
    `SELECT t.n, b.settled_nano FROM unnest($1::text[], $2::text[], $3::text[], $4::text[]) WITH ORDINALITY AS t(type, id, budget, period, n)
     JOIN balances b ON b.scope_type = t.type AND b.scope_id = t.id AND b.budget = t.budget AND b.period_id = t.period`,
    namesOf(wanted),
  );
  for (const { n, settled_nano } of rows) {
    const named = wanted[Number(n) - 1];
    if (named) settled.set(counterKey(named.scope, named.budget, named.periodId), BigInt(settled_nano));
  }
}

/** Sums what entries of each period's time cost its scope; one statement for all scopes that are found by the same column. */
async function sumByTime(manager: EntityManager, openings: readonly PeriodOpening[]): Promise<void> {
  if (openings.length === 0) return;
  // Takes the rows' locks: a drain that has added to them is waited for, one that has not yet waits for us.
  await manager.query(
    `INSERT INTO balances (scope_type, scope_id, budget, period_id)
     SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[]) AS t(type, id, budget, period)
     ORDER BY ${balanceOrder('type', 'id', 'budget', 'period')}
     ON CONFLICT (scope_type, scope_id, budget, period_id) DO UPDATE SET updated_at = now()`,
    namesOf(openings),
  );
  const byColumn = Map.groupBy(openings, ({ scope }) => COLUMN_OF[scope.type]);
  for (const [column, some] of byColumn) {
    const charges = some.map(({ scope }) =>
      JSON.stringify([{ scope: { type: scope.type, id: boundedId(scope.id) }, budget: LIFETIME }]),
    );
    await manager.query(
      `UPDATE balances AS b SET settled_nano = s.nano, requests = s.requests, input_tokens = s.input, output_tokens = s.output
       FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::float8[], $6::float8[], $7::text[]) AS t(type, id, budget, period, starts, ends, charge)
       LEFT JOIN LATERAL (
         SELECT a.at, a.to_nano, a.delta_nano FROM spend_adjustments a
         WHERE a.scope_type = t.type AND a.scope_id = t.id
           AND a.at >= to_timestamp(t.starts / 1000.0) AND a.at < to_timestamp(t.ends / 1000.0)
         ORDER BY a.at DESC LIMIT 1
       ) AS adjusted ON true
       CROSS JOIN LATERAL (
         SELECT coalesce(sum(cost_nano) FILTER (WHERE adjusted.at IS NULL OR ended_at > adjusted.at), 0)::bigint
           + coalesce(CASE WHEN adjusted.delta_nano > 0 THEN adjusted.to_nano
               ELSE least(adjusted.to_nano, sum(cost_nano) FILTER (WHERE ended_at <= adjusted.at)) END, 0)::bigint AS nano, count(*) AS requests,
           coalesce(sum(input_tokens), 0)::bigint AS input, coalesce(sum(output_tokens), 0)::bigint AS output
         FROM ledger_entries
         WHERE started_at >= to_timestamp(t.starts / 1000.0) AND started_at < to_timestamp(t.ends / 1000.0)
           AND day BETWEEN (to_timestamp(t.starts / 1000.0) AT TIME ZONE 'UTC')::date AND (to_timestamp(t.ends / 1000.0) AT TIME ZONE 'UTC')::date
           AND charges @> t.charge::jsonb${column ? ` AND ${column} = t.id` : ''}
       ) AS s
       WHERE b.scope_type = t.type AND b.scope_id = t.id AND b.budget = t.budget AND b.period_id = t.period`,
      [
        ...namesOf(some),
        some.map(({ startsAtMs }) => startsAtMs),
        some.map(({ endsAtMs }) => endsAtMs),
        charges,
      ],
    );
  }
}

/** Type, id, budget and period of each, as parallel arrays. */
function namesOf(named: readonly Named[]): string[][] {
  return [
    named.map(({ scope }) => scope.type),
    named.map(({ scope }) => boundedId(scope.id)),
    named.map(({ budget }) => budget),
    named.map(({ periodId }) => periodId),
  ];
}

/** Returns the counter keys (with stored ids) that were not known yet. */
async function register(manager: EntityManager, openings: readonly PeriodOpening[]): Promise<Set<string>> {
  const rows: { scope_type: ScopeType; scope_id: string; budget: string; period_id: string }[] =
    await manager.query(
      `INSERT INTO budget_periods (scope_type, scope_id, budget, period_id, starts_at, ends_at, cap_nano)
     SELECT t.type, t.id, t.budget, t.period, to_timestamp(t.starts / 1000.0), to_timestamp(t.ends / 1000.0), t.cap
     FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::float8[], $6::float8[], $7::bigint[]) AS t(type, id, budget, period, starts, ends, cap)
     ON CONFLICT DO NOTHING RETURNING scope_type, scope_id, budget, period_id`,
      [
        openings.map(({ scope }) => scope.type),
        openings.map(({ scope }) => boundedId(scope.id)),
        openings.map(({ budget }) => budget),
        openings.map(({ periodId }) => periodId),
        openings.map(({ startsAtMs }) => startsAtMs),
        openings.map(({ endsAtMs }) => endsAtMs),
        openings.map(({ capNanoUsd }) => capNanoUsd.toString()),
      ],
    );
  return new Set(
    rows.map((row) => counterKey({ type: row.scope_type, id: row.scope_id }, row.budget, row.period_id)),
  );
}

/** The order in which the drain takes balance rows, too: two who lock several cannot wait for each other. */
function sorted(openings: readonly PeriodOpening[]): PeriodOpening[] {
  const key = ({ scope, budget, periodId }: PeriodOpening): string =>
    `${scope.type}\0${boundedId(scope.id)}\0${budget}\0${periodId}`;
  return [...openings].sort((a, b) => (key(a) < key(b) ? -1 : 1));
}
