import { Injectable } from '@nestjs/common';
import { Config } from '#libs/config';
import { withTransaction } from '#libs/database';
import { Logger } from '#libs/telemetry';
import { DataSource, type EntityManager } from 'typeorm';
import { findDuration } from './duration.js';
import { periodAt } from './periods.js';

const CLOSING = { system: 'budget-periods' };
/** Rows closed by one transaction: a crash half-way repeats nothing and loses little. */
const AT_ONCE = 500;
/** Shown for a duration that an older release stored and this one does not know. */
const NEVER = Date.UTC(9999, 0, 1);

const OWNERS = ['virtual_keys', 'users', 'teams'] as const;

export interface ClosedPeriods {
  readonly periods: number;
  /** Keys, users and teams whose shown reset time moved on. */
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
  ) {}

  /** Closes every period that has ended. Any number of workers may do it at once: each period is closed by one of them, once. */
  async closeDue(nowMs: number): Promise<ClosedPeriods> {
    const periods = await this.#untilNone((manager) => closeSome(manager, nowMs));
    let owners = 0;
    for (const table of OWNERS)
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

  async #moveSome(manager: EntityManager, table: (typeof OWNERS)[number], nowMs: number): Promise<number> {
    const rows: { id: string; budget_duration: string; anchor: Date }[] = await manager.query(
      `SELECT id, budget_duration, coalesce(budget_anchor_at, created_at) AS anchor FROM ${table}
       WHERE budget_duration IS NOT NULL AND (budget_reset_at IS NULL OR budget_reset_at <= to_timestamp($1 / 1000.0))
       ORDER BY id LIMIT ${AT_ONCE} FOR UPDATE SKIP LOCKED`,
      [nowMs],
    );
    if (rows.length === 0) return 0;
    const resets = rows.map(({ id, budget_duration, anchor }) =>
      this.#resetOf(table, id, budget_duration, anchor, nowMs),
    );
    await manager.query(
      `UPDATE ${table} SET budget_reset_at = to_timestamp(t.at / 1000.0) FROM unnest($1::text[], $2::float8[]) AS t(id, at) WHERE ${table}.id = t.id`,
      [rows.map(({ id }) => id), resets],
    );
    return rows.length;
  }

  #resetOf(table: string, id: string, duration: string, anchor: Date, nowMs: number): number {
    if (!findDuration(duration)) {
      this.logger.warn({ table, id }, 'A budget has a duration that is none, and never resets.');
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

async function closeSome(manager: EntityManager, nowMs: number): Promise<number> {
  const rows: unknown[] = await manager.query(
    `WITH due AS (
       SELECT scope_type, scope_id, budget, period_id FROM budget_periods
       WHERE closed_at IS NULL AND ends_at <= to_timestamp($1 / 1000.0)
       ORDER BY scope_type, scope_id, budget, period_id LIMIT ${AT_ONCE} FOR UPDATE SKIP LOCKED
     ), closed AS (
       UPDATE budget_periods p SET closed_at = to_timestamp($1 / 1000.0), settled_nano = coalesce((
         SELECT b.settled_nano FROM balances b
         WHERE b.scope_type = p.scope_type AND b.scope_id = p.scope_id AND b.budget = p.budget AND b.period_id = p.period_id), 0)
       FROM due WHERE p.scope_type = due.scope_type AND p.scope_id = due.scope_id AND p.budget = due.budget AND p.period_id = due.period_id
       RETURNING 1 AS one
     ) SELECT one FROM closed`,
    [nowMs],
  );
  return rows.length;
}
