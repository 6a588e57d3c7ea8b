import { Injectable } from '@nestjs/common';
import { Config } from '#libs/config';
import { Clock, type NanoUsd, type Scope, usdNumber } from '#libs/kernel';
import { DataSource } from 'typeorm';
import { findDuration } from '../duration.js';
import { LIFETIME, type Period, periodAt } from '../periods.js';
import { AlertBook, type NewAlert } from './alert-book.js';
import { ownerMembers, ownersAddresses } from './owner-members.js';
import { ScopeFacts, type ScopeNames } from './scope-facts.js';

/** Where soft budgets are, and which column of the daily sums tells what their owners spent. */
const OWNERS = [
  { type: 'key', table: 'virtual_keys', column: 'key_id' },
  { type: 'user', table: 'users', column: 'user_id' },
  { type: 'team', table: 'teams', column: 'team_id' },
  { type: 'organization', table: 'organizations', column: 'organization_id' },
] as const;

type Owner = (typeof OWNERS)[number];

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
 * sum of a life, or of the days since the period began. A job of the worker: nobody is kept waiting by a soft budget.
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
      const rows: SoftRow[] = await this.dataSource.query(
        `SELECT id, soft_budget_nano AS soft, budget_duration AS duration, coalesce(budget_anchor_at, created_at) AS anchor FROM ${owner.table}
         WHERE soft_budget_nano IS NOT NULL AND max_budget_nano IS NULL`,
      );
      const periods = Map.groupBy(rows, (row) => this.#periodOf(row)?.id ?? LIFETIME);
      for (const group of periods.values()) told += await this.#tellOf(owner, group);
    }
    return told;
  }

  /** Of owners of one kind whose periods are one. */
  async #tellOf(owner: Owner, rows: readonly SoftRow[]): Promise<number> {
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

  /** In their lives, or in the days since the period began. */
  #spentBy(owner: Owner, ids: readonly string[], period: Period | undefined): Promise<Spent[]> {
    return period === undefined
      ? this.dataSource.query(
          `SELECT scope_id AS id, settled_nano AS spent FROM balances
           WHERE scope_type = $1 AND scope_id = ANY($2::text[]) AND budget = $3 AND period_id = $3`,
          [owner.type, ids, LIFETIME],
        )
      : this.dataSource.query(
          `SELECT ${owner.column} AS id, sum(spend_nano)::text AS spent FROM daily_activity
           WHERE facet = 'key' AND ${owner.column} = ANY($1::text[]) AND day >= $2::date GROUP BY 1`,
          [ids, new Date(period.startsAtMs).toISOString().slice(0, 10)],
        );
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
    event_group: scope.type,
    event_message: `The soft budget of ${scope.type} ${names.label ?? scope.id} is reached: $${usdNumber(spentNanoUsd)} of $${usdNumber(softNanoUsd)} are spent. Calls go on.`,
    spend: usdNumber(spentNanoUsd),
    max_budget: null,
    soft_budget: usdNumber(softNanoUsd),
    ...ownerMembers(names),
    alert_emails: ownersAddresses(names),
    scope,
    resets_at: period === undefined ? null : new Date(period.endsAtMs).toISOString(),
    at: new Date(nowMs).toISOString(),
  };
}
