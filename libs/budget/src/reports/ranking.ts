import { Inject, Injectable } from '@nestjs/common';
import type { NanoUsd, Scope } from '#libs/kernel';
import { SpendLedger } from '../ledger/spend-ledger.js';
import { LIFETIME } from '../periods.js';
import { LARGEST } from './daily-sums.js';
import type { KeyFacts } from './key-activity.js';
import { Reading } from './reading.js';
import { EVERYTHING, narrowToView, type View } from './view.js';
import { Where } from './where.js';

export interface RankedKey extends Omit<KeyFacts, 'userEmail' | 'exists'> {
  readonly models: readonly string[];
  readonly organizationId: string | null;
  readonly maxBudgetNano: string | null;
  readonly createdAt: Date;
  readonly spentNanoUsd: NanoUsd;
}

export interface RankedUser {
  readonly id: string;
  readonly email: string | null;
  readonly alias: string | null;
  readonly role: string;
  readonly models: readonly string[];
  readonly maxBudgetNano: string | null;
  readonly spentNanoUsd: NanoUsd;
}

/** A budget in one of its periods; without them, the scope's whole life. */
export interface BudgetAt {
  readonly scope: Scope;
  readonly budget?: string;
  readonly periodId?: string;
}

/** Who spent most in its life. The index knows the order in steps of a tenth; only the last step is sorted. */
@Injectable()
export class Ranking {
  constructor(
    private readonly reading: Reading,
    @Inject(SpendLedger) private readonly ledger: Pick<SpendLedger, 'flush'>,
  ) {}

  async keys(view: View, most: number): Promise<RankedKey[]> {
    await this.ledger.flush();
    const where = new Where();
    narrowToView(where, { ...view, teamIds: [], organizationIds: [] });
    const limit = where.parameter(most);
    const columns = `k.id AS "keyId", k.token_hash AS hash, coalesce(k.alias, k.label) AS alias, k.masked_name AS "maskedName", k.team_id AS "teamId",
      k.user_id AS "userId", k.organization_id AS "organizationId", k.models, k.max_budget_nano AS "maxBudgetNano", k.created_at AS "createdAt"`;
    const rows = await this.reading.query<RankedKey & { spent: string }>(
      view,
      view.everything
        ? `SELECT ${columns}, b.settled_nano AS spent FROM (${LARGEST('key', limit)}) b JOIN virtual_keys k ON k.id = b.scope_id ORDER BY b.settled_nano DESC`
        : `SELECT ${columns}, coalesce(b.settled_nano, 0) AS spent FROM (SELECT *, id AS key_id FROM virtual_keys) k
           LEFT JOIN balances b ON b.scope_type = 'key' AND b.scope_id = k.id AND b.budget = 'total' AND b.period_id = 'total'
           WHERE ${where.sql} ORDER BY 11 DESC, k.id LIMIT ${limit}`,
      where.parameters,
    );
    return rows.map(({ spent, ...row }) => ({ ...row, spentNanoUsd: BigInt(spent) }));
  }

  /** `userId`: this one alone. */
  async users(userId: string | undefined, most: number): Promise<RankedUser[]> {
    await this.ledger.flush();
    const columns = `u.id, u.email, u.alias, u.role, u.models, u.max_budget_nano AS "maxBudgetNano"`;
    const rows = await this.reading.query<RankedUser & { spent: string }>(
      EVERYTHING,
      userId === undefined
        ? `SELECT ${columns}, b.settled_nano AS spent FROM (${LARGEST('user', '$1')}) b JOIN users u ON u.id = b.scope_id ORDER BY b.settled_nano DESC`
        : `SELECT ${columns}, coalesce(b.settled_nano, 0) AS spent FROM users u
           LEFT JOIN balances b ON b.scope_type = 'user' AND b.scope_id = u.id AND b.budget = 'total' AND b.period_id = 'total' WHERE u.id = $1`,
      [userId ?? most],
    );
    return rows.map(({ spent, ...row }) => ({ ...row, spentNanoUsd: BigInt(spent) }));
  }

  /** Names of the customers that spent most. */
  async customers(most: number): Promise<string[]> {
    await this.ledger.flush();
    const rows = await this.reading.query<{ scope_id: string }>(EVERYTHING, LARGEST('customer', '$1'), [
      most,
    ]);
    return rows.map(({ scope_id }) => scope_id);
  }

  /** What scopes have spent in the named periods, in the order asked. */
  async spentAt(budgets: readonly BudgetAt[]): Promise<NanoUsd[]> {
    if (budgets.length === 0) return [];
    await this.ledger.flush();
    const rows = await this.reading.query<{ n: string; spent: string }>(
      EVERYTHING,
      `SELECT t.n, b.settled_nano AS spent FROM unnest($1::text[], $2::text[], $3::text[], $4::text[]) WITH ORDINALITY AS t (type, id, budget, period, n)
       JOIN balances b ON b.scope_type = t.type AND b.scope_id = t.id AND b.budget = t.budget AND b.period_id = t.period`,
      [
        budgets.map(({ scope }) => scope.type),
        budgets.map(({ scope }) => scope.id),
        budgets.map(({ budget = LIFETIME }) => budget),
        budgets.map(({ periodId = LIFETIME }) => periodId),
      ],
    );
    const spent = new Map(rows.map((row) => [Number(row.n), BigInt(row.spent)]));
    return budgets.map((_, index) => spent.get(index + 1) ?? 0n);
  }
}
