import { Injectable } from '@nestjs/common';
import { Config } from '#libs/config';
import { GOVERNED_TABLES, withTransaction } from '#libs/database';
import { Logger } from '#libs/telemetry';
import { DataSource, type EntityManager } from 'typeorm';
import { type ScopeType, usdNumber } from '#libs/kernel';
import { AlertBook, type NewAlert } from './alerts/alert-book.js';
import { findDuration } from './duration.js';
import { periodAt } from './periods.js';

const CLOSING = { system: 'budget-periods' };
/** Rows closed by one transaction: a crash half-way repeats nothing and loses little. */
const AT_ONCE = 500;
/** Shown for a duration that an older release stored and this one does not know. */
const NEVER = Date.UTC(9999, 0, 1);

/** What one run wrote down. */
export interface ClosedPeriods {
  readonly periods: number;
  /** Rows whose shown reset time moved on. */
  readonly owners: number;
}

/**
 * Makes visible what has already happened: counters move to the next period by themselves, this writes the history and the
 * reset times that people see. Nothing about money depends on when, or whether, it runs.
 */
@Injectable()
export class BudgetPeriods {
  constructor(
    private readonly dataSource: DataSource,
    private readonly config: Config,
    private readonly logger: Logger,
    private readonly alerts: AlertBook,
  ) {}

  /** Closes every period that has ended. Any number of workers may do it at once: each period is closed by one of them, once. */
  async closeDue(nowMs: number): Promise<ClosedPeriods> {
    const periods = await this.#untilNone((manager) => this.#closeSome(manager, nowMs));
    let owners = 0;
    for (const { table } of Object.values(GOVERNED_TABLES))
      owners += await this.#untilNone((manager) => this.#moveSome(manager, table, nowMs));
    await this.#followLateCalls();
    return { periods, owners };
  }

  async #untilNone(some: (manager: EntityManager) => Promise<number>): Promise<number> {
    let total = 0;
    for (;;) {
      const done = await withTransaction(this.dataSource, CLOSING, some);
      total += done;
      if (done < AT_ONCE) return total;
    }
  }

  /** A period's history, and the word that its budget is open again, are one commit: a worker that dies leaves both or neither. */
  async #closeSome(manager: EntityManager, nowMs: number): Promise<number> {
    const closed = await closeSome(manager, nowMs);
    if (!this.alerts.wants('budget_alerts')) return closed.length;
    const usedUp = closed.filter(
      ({ cap_nano, settled_nano }) => cap_nano !== null && BigInt(settled_nano) >= BigInt(cap_nano),
    );
    if (usedUp.length > 0) await this.alerts.raiseIn(manager, usedUp.map(renewalOf));
    return closed.length;
  }

  /** Rows are named by where they lie: members have no id of their own, and nothing moves a locked row. */
  async #moveSome(manager: EntityManager, table: string, nowMs: number): Promise<number> {
    const rows: { at: string; budget_duration: string; anchor: Date }[] = await manager.query(
      `SELECT ctid::text AS at, budget_duration, coalesce(budget_anchor_at, created_at) AS anchor FROM ${table}
       WHERE budget_duration IS NOT NULL AND (budget_reset_at IS NULL OR budget_reset_at <= to_timestamp($1 / 1000.0))
       LIMIT ${AT_ONCE} FOR UPDATE SKIP LOCKED`,
      [nowMs],
    );
    if (rows.length === 0) return 0;
    const resets = rows.map(({ budget_duration, anchor }) =>
      this.#resetOf(table, budget_duration, anchor, nowMs),
    );
    await manager.query(
      `UPDATE ${table} SET budget_reset_at = to_timestamp(t.reset / 1000.0) FROM unnest($1::text[]::tid[], $2::float8[]) AS t(at, reset) WHERE ${table}.ctid = t.at`,
      [rows.map(({ at }) => at), resets],
    );
    return rows.length;
  }

  #resetOf(table: string, duration: string, anchor: Date, nowMs: number): number {
    if (!findDuration(duration)) {
      this.logger.warn({ table, duration }, 'A budget has a duration that is none, and never resets.');
      return NEVER;
    }
    const { timezone, resetTime } = this.config.budgets;
    return periodAt({ duration, timezone, resetTime, anchorMs: anchor.getTime() }, nowMs).endsAtMs;
  }

  /** A call counts in the period that admitted it, and may end after that period: the history follows for a day. */
  async #followLateCalls(): Promise<void> {
    await this.dataSource.query(
      `UPDATE budget_periods p SET settled_nano = b.settled_nano FROM balances b
       WHERE p.closed_at > now() - interval '1 day' AND b.scope_type = p.scope_type AND b.scope_id = p.scope_id
         AND b.budget = p.budget AND b.period_id = p.period_id AND b.settled_nano <> p.settled_nano`,
    );
  }
}

interface ClosedPeriod {
  readonly scope_type: ScopeType;
  readonly scope_id: string;
  readonly budget: string;
  readonly period_id: string;
  readonly ends_at: Date;
  readonly cap_nano: string | null;
  readonly settled_nano: string;
}

function renewalOf({
  scope_type,
  scope_id,
  budget,
  period_id,
  ends_at,
  cap_nano,
  settled_nano,
}: ClosedPeriod): NewAlert {
  const scope = { type: scope_type, id: scope_id };
  return {
    event: 'budget_reset',
    scope,
    occasion: `${budget}@${period_id}`,
    threshold: 0,
    payload: {
      event: 'budget_reset',
      event_group: scope_type === 'customer' ? 'end_user' : scope_type,
      event_message: `The budget of ${scope_type} ${scope_id}, which was used up, has been renewed.`,
      spend: usdNumber(BigInt(settled_nano)),
      max_budget: cap_nano === null ? null : usdNumber(BigInt(cap_nano)),
      scope,
      budget,
      at: ends_at.toISOString(),
    },
  };
}

async function closeSome(manager: EntityManager, nowMs: number): Promise<ClosedPeriod[]> {
  return manager.query(
    `WITH due AS (
       SELECT scope_type, scope_id, budget, period_id FROM budget_periods
       WHERE closed_at IS NULL AND ends_at <= to_timestamp($1 / 1000.0)
       ORDER BY scope_type, scope_id, budget, period_id LIMIT ${AT_ONCE} FOR UPDATE SKIP LOCKED
     ), closed AS (
       UPDATE budget_periods p SET closed_at = to_timestamp($1 / 1000.0), settled_nano = coalesce((
         SELECT b.settled_nano FROM balances b
         WHERE b.scope_type = p.scope_type AND b.scope_id = p.scope_id AND b.budget = p.budget AND b.period_id = p.period_id), 0)
       FROM due WHERE p.scope_type = due.scope_type AND p.scope_id = due.scope_id AND p.budget = due.budget AND p.period_id = due.period_id
       RETURNING p.scope_type, p.scope_id, p.budget, p.period_id, p.ends_at, p.cap_nano, p.settled_nano
     ) SELECT * FROM closed`,
    [nowMs],
  );
}
