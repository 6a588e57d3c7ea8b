import { Injectable } from '@nestjs/common';
import { Config } from '#libs/config';
import { type ActivityFacet, GOVERNED_TABLES, type GovernedScopeType } from '#libs/database';
import { Clock, DAY_MS, dayOf, type NanoUsd, type Scope, usdNumber } from '#libs/kernel';
import { DataSource } from 'typeorm';
import { findDuration } from '../duration.js';
import { LIFETIME, type Period, periodAt } from '../periods.js';
import { AlertBook, type NewAlert } from './alert-book.js';
import { ownerMembers, ownersAddresses } from './owner-members.js';
import { ScopeFacts, type ScopeNames } from './scope-facts.js';

/** Where it is told what scopes of one kind spent, and whose a row is: of the daily sums, and of the ledger (both `d`). */
interface Spending {
  readonly facet: ActivityFacet;
  readonly daily: string;
  /** Where the ledger has it otherwise. */
  readonly entry?: string;
}

const SPENDING: Readonly<Record<GovernedScopeType, Spending>> = {
  key: { facet: 'key', daily: 'd.key_id' },
  user: { facet: 'key', daily: 'd.user_id' },
  team: { facet: 'key', daily: 'd.team_id' },
  team_member: { facet: 'key', daily: "d.team_id || ':' || d.user_id" },
  organization: { facet: 'key', daily: 'd.organization_id' },
  organization_member: { facet: 'key', daily: "d.organization_id || ':' || d.user_id" },
  project: { facet: 'key', daily: '(SELECT k.project_id FROM virtual_keys k WHERE k.id = d.key_id)' },
  customer: { facet: 'customer_days', daily: 'd.customer_id' },
  tag: { facet: 'tagged', daily: 'd.tags[1]', entry: 'tag' },
};

/** A kind of scope that can have a soft budget, with its rows (`o`). */
interface Owners extends Spending {
  readonly type: GovernedScopeType;
  readonly table: string;
  readonly id: string;
}

const OWNERS = (Object.keys(SPENDING) as GovernedScopeType[]).map((type): Owners => {
  const { table, id } = GOVERNED_TABLES[type];
  return { type, table, id: id('o'), ...SPENDING[type] };
});

/** Rows whose soft budget, their own or that of their row of `budgets`, has no hard one beside it. */
const softRowsOf = ({ table, id }: Owners): string =>
  `SELECT ${id} AS id, o.soft_budget_nano AS soft, coalesce(o.budget_duration, b.budget_duration) AS duration, coalesce(o.budget_anchor_at, o.created_at) AS anchor
   FROM ${table} o LEFT JOIN budgets b ON b.id = o.budget_id
   WHERE o.soft_budget_nano IS NOT NULL AND o.max_budget_nano IS NULL AND b.max_budget_nano IS NULL
   UNION ALL SELECT ${id}, b.soft_budget_nano, coalesce(o.budget_duration, b.budget_duration), coalesce(o.budget_anchor_at, o.created_at)
   FROM budgets b JOIN ${table} o ON o.budget_id = b.id
   WHERE b.soft_budget_nano IS NOT NULL AND b.max_budget_nano IS NULL AND o.soft_budget_nano IS NULL AND o.max_budget_nano IS NULL`;

/** What they spent since an instant: whole days (UTC) from the sums, the part of a day before them from the ledger. */
const spentSince = ({ facet, daily, entry = daily }: Owners): string =>
  `SELECT id, sum(spend)::text AS spent FROM (
     SELECT ${daily} AS id, d.spend_nano AS spend FROM daily_activity d WHERE d.facet = '${facet}' AND d.day >= $2::date AND ${daily} = ANY($1::text[])
     UNION ALL SELECT ${entry}, d.cost_nano FROM ledger_entries d${entry === 'tag' ? ' CROSS JOIN LATERAL unnest(d.tags) AS tag' : ''}
     WHERE d.day < $2::date AND d.day >= ($3::timestamptz AT TIME ZONE 'UTC')::date AND d.started_at >= $3::timestamptz AND ${entry} = ANY($1::text[])
   ) AS parts GROUP BY 1`;

interface SoftRow {
  readonly id: string;
  readonly soft: string;
  readonly duration: string | null;
  readonly anchor: Date;
}

interface Spent {
  readonly id: string;
  readonly spent: string;
}

interface Passed {
  readonly scope: Scope;
  readonly spentNanoUsd: NanoUsd;
  readonly softNanoUsd: NanoUsd;
}

/**
 * Tells of soft budgets that stand alone. Without a hard budget there is no counter to look at, so what was spent is read: the
 * sum of a life, or of the time since the period began. A job of the worker: nobody is kept waiting by a soft budget.
 */
@Injectable()
export class SoftBudgets {
  constructor(
    private readonly dataSource: DataSource,
    private readonly book: AlertBook,
    private readonly facts: ScopeFacts,
    private readonly config: Config,
    private readonly clock: Clock,
  ) {}

  /** Returns how many were told of for the first time. */
  async tell(): Promise<number> {
    if (!this.book.wants('budget_alerts')) return 0;
    let told = 0;
    for (const owner of OWNERS) {
      const rows: SoftRow[] = await this.dataSource.query(softRowsOf(owner));
      const periods = Map.groupBy(rows, (row) => this.#periodOf(row)?.id ?? LIFETIME);
      for (const group of periods.values()) told += await this.#tellOf(owner, group);
    }
    return told;
  }

  /** Of owners of one kind whose periods are one. */
  async #tellOf(owner: Owners, rows: readonly SoftRow[]): Promise<number> {
    const [first] = rows;
    const period = first && this.#periodOf(first);
    const occasion = `soft@${period?.id ?? 'life'}`;
    const softOf = new Map(rows.map(({ id, soft }) => [id, BigInt(soft)]));
    const passed = (await this.#spentBy(owner, [...softOf.keys()], period))
      .map(({ id, spent }): Passed => ({
        scope: { type: owner.type, id },
        spentNanoUsd: BigInt(spent),
        softNanoUsd: softOf.get(id) ?? 0n,
      }))
      .filter(({ spentNanoUsd, softNanoUsd }) => spentNanoUsd > 0n && spentNanoUsd >= softNanoUsd)
      .filter(
        ({ scope }) => !this.book.isKnown({ event: 'soft_budget_crossed', scope, occasion, threshold: 0 }),
      );
    if (passed.length === 0) return 0;
    const names = await this.facts.of(passed.map(({ scope }) => scope));
    return this.book.raise(
      passed.map((each): NewAlert => ({
        event: 'soft_budget_crossed',
        scope: each.scope,
        occasion,
        threshold: 0,
        payload: payloadOf(each, names(each.scope), period, this.clock.nowMs()),
      })),
    );
  }

  /** In their lives, or since the period began. */
  #spentBy(owner: Owners, ids: readonly string[], period: Period | undefined): Promise<Spent[]> {
    return period === undefined
      ? this.dataSource.query(
          `SELECT scope_id AS id, settled_nano AS spent FROM balances
           WHERE scope_type = $1 AND scope_id = ANY($2::text[]) AND budget = $3 AND period_id = $3`,
          [owner.type, ids, LIFETIME],
        )
      : this.dataSource.query(spentSince(owner), [
          ids,
          dayOf(Math.ceil(period.startsAtMs / DAY_MS) * DAY_MS),
          new Date(period.startsAtMs).toISOString(),
        ]);
  }

  #periodOf({ duration, anchor }: SoftRow): Period | undefined {
    if (duration === null || !findDuration(duration)) return undefined;
    const { timezone, resetTime } = this.config.budgets;
    return periodAt({ duration, timezone, resetTime, anchorMs: anchor.getTime() }, this.clock.nowMs());
  }
}

/** The contract's body of a budget alert. */
function payloadOf(
  { scope, spentNanoUsd, softNanoUsd }: Passed,
  names: ScopeNames,
  period: Period | undefined,
  nowMs: number,
): Record<string, unknown> {
  return {
    event: 'soft_budget_crossed',
    event_group: scope.type === 'customer' ? 'end_user' : scope.type,
    event_message: `The soft budget of ${scope.type.replaceAll('_', ' ')} ${names.label ?? scope.id} is reached: $${usdNumber(spentNanoUsd)} of $${usdNumber(softNanoUsd)} are spent. Calls go on.`,
    spend: usdNumber(spentNanoUsd),
    max_budget: null,
    soft_budget: usdNumber(softNanoUsd),
    ...ownerMembers(names),
    customer_id: scope.type === 'customer' ? scope.id : null,
    alert_emails: ownersAddresses(names),
    scope,
    resets_at: period === undefined ? null : new Date(period.endsAtMs).toISOString(),
    at: new Date(nowMs).toISOString(),
  };
}
