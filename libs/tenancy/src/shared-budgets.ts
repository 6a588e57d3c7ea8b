import { Injectable } from '@nestjs/common';
import { Budget, GOVERNED_TABLES, insertRow, lockRow, Organization, writeRow } from '#libs/database';
import { Clock, GatewayError, newId, type Principal } from '#libs/kernel';
import { DataSource, In } from 'typeorm';
import { assertAdministers, assertReads, makerOf } from './authority.js';
import { type GovernedChange, governedColumns } from './governed-settings.js';
import { type Author, Transactions } from './transactions.js';
import { orTaken } from './unique.js';

const MOST_ROWS = 10_000;

/**
 * Limits and budgets under a name of their own. Whatever points to one counts with its settings where it has none itself,
 * each for itself: a shared budget shares numbers, not money. Proxy administrators only.
 */
@Injectable()
export class SharedBudgets {
  constructor(
    private readonly database: DataSource,
    private readonly transactions: Transactions,
    private readonly clock: Clock,
  ) {}

  /** Without an id one is made. Throws 400 when the id is taken. */
  async create(author: Author, id: string | undefined, settings: GovernedChange): Promise<Budget> {
    assertAdministers(author.principal);
    const nowMs = this.clock.nowMs();
    const maker = makerOf(author.principal);
    const named = id ?? newId('budget', nowMs);
    return orTaken(
      'budgets_pkey',
      (cause) => {
        const message = `Budget with id '${named}' already exists.`;
        return new GatewayError('request.bad_field', message, {
          param: 'budget_id',
          detail: { error: message },
          cause,
        });
      },
      () =>
        this.transactions.run(author, async (transaction) => {
          const now = new Date(nowMs);
          const budget = await insertRow(transaction.manager, Budget, {
            ...governedColumns(settings, undefined, nowMs),
            id: named,
            createdBy: maker,
            updatedBy: maker,
            createdAt: now,
            updatedAt: now,
          });
          await transaction.record('created', 'budget', named, { before: null, after: budget });
          return budget;
        }),
    );
  }

  /** Changes what `settings` names, for everything that points to it. Throws 404 when there is no such budget. */
  async update(author: Author, id: string, settings: GovernedChange): Promise<Budget> {
    assertAdministers(author.principal);
    return this.transactions.run(author, async (transaction) => {
      const { manager } = transaction;
      const before = await lockRow(manager, Budget, { id });
      if (before === null) throw budgetNotFound(id);
      const nowMs = this.clock.nowMs();
      const after = await writeRow(
        manager,
        Budget,
        { id },
        {
          ...governedColumns(settings, before, nowMs),
          updatedBy: makerOf(author.principal),
          updatedAt: new Date(nowMs),
        },
      );
      await transaction.record('updated', 'budget', id, { before, after });
      return after;
    });
  }

  /** Deletes it and frees what pointed to it. Throws 404 when it is not there, 400 while an organization counts with it. */
  async delete(author: Author, id: string): Promise<Budget> {
    assertAdministers(author.principal);
    return this.transactions.run(author, async (transaction) => {
      const { manager } = transaction;
      const before = await lockRow(manager, Budget, { id });
      if (before === null) throw budgetNotFound(id);
      if (await manager.existsBy(Organization, { budgetId: id })) {
        const message = `Budget '${id}' is an organization's. Give the organization another one first.`;
        throw new GatewayError('request.bad_field', message, { param: 'id', detail: { error: message } });
      }
      // An organization's is never taken from under it.
      const { organization: _, ...holders } = GOVERNED_TABLES;
      for (const { table } of Object.values(holders))
        await manager.query(`UPDATE ${table} SET budget_id = NULL WHERE budget_id = $1`, [id]);
      await manager.query('UPDATE virtual_keys SET customer_budget_id = NULL WHERE customer_budget_id = $1', [
        id,
      ]);
      await manager.delete(Budget, { id });
      await transaction.record('deleted', 'budget', id, { before, after: null });
      return before;
    });
  }

  /** Those of the named budgets that are there, in the order asked. */
  async find(caller: Principal, ids: readonly string[]): Promise<readonly Budget[]> {
    assertReads(caller);
    const found = await this.database.getRepository(Budget).findBy({ id: In([...ids]) });
    const byId = new Map(found.map((budget) => [budget.id, budget]));
    return [...new Set(ids)].flatMap((id) => byId.get(id) ?? []);
  }

  async list(caller: Principal): Promise<readonly Budget[]> {
    assertReads(caller);
    return this.database
      .getRepository(Budget)
      .find({ order: { createdAt: 'ASC', id: 'ASC' }, take: MOST_ROWS });
  }
}

export function budgetNotFound(id: string): GatewayError {
  const message = `Budget '${id}' does not exist.`;
  return new GatewayError('request.not_found', message, { param: 'budget_id', detail: { error: message } });
}
