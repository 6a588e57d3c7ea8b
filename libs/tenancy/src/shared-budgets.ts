import { Injectable } from '@nestjs/common';
import { Budget, Organization } from '#libs/database';
import { Clock, GatewayError, newId, type Principal } from '#libs/kernel';
import { DataSource, In } from 'typeorm';
import { assertAdministers, makerOf, seesEverything } from './authority.js';
import { type GovernedChange, governedColumns } from './governed-settings.js';
import { type Author, Transactions } from './transactions.js';
import { violatedIndex } from './unique.js';

/** Tables whose rows may point to a shared budget. An organization's is never taken from under it: see `delete`. */
const HOLDERS = [
  'virtual_keys',
  'users',
  'teams',
  'team_members',
  'organization_members',
  'projects',
  'customers',
  'tags',
] as const;
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
    try {
      return await this.transactions.run(author, async (transaction) => {
        const now = new Date(nowMs);
        await transaction.manager.insert(Budget, {
          ...governedColumns(settings, undefined, nowMs),
          id: named,
          createdBy: maker,
          updatedBy: maker,
          createdAt: now,
          updatedAt: now,
        } as never);
        const budget = await transaction.manager.findOneByOrFail(Budget, { id: named });
        await transaction.record('created', 'budget', named, { before: null, after: budget });
        return budget;
      });
    } catch (thrown) {
      if (violatedIndex(thrown) !== 'budgets_pkey') throw thrown;
      const message = `Budget with id '${named}' already exists.`;
      throw new GatewayError('request.bad_field', message, {
        param: 'budget_id',
        detail: { error: message },
        cause: thrown,
      });
    }
  }

  /** Changes what `settings` names, for everything that points to it. Throws 404 when there is no such budget. */
  async update(author: Author, id: string, settings: GovernedChange): Promise<Budget> {
    assertAdministers(author.principal);
    return this.transactions.run(author, async (transaction) => {
      const { manager } = transaction;
      const before = await manager.findOne(Budget, { where: { id }, lock: { mode: 'pessimistic_write' } });
      if (before === null) throw budgetNotFound(id);
      const nowMs = this.clock.nowMs();
      await manager.update(Budget, { id }, {
        ...governedColumns(settings, before, nowMs),
        updatedBy: makerOf(author.principal),
        updatedAt: new Date(nowMs),
      } as never);
      const after = await manager.findOneByOrFail(Budget, { id });
      await transaction.record('updated', 'budget', id, { before, after });
      return after;
    });
  }

  /** Deletes it and frees what pointed to it. Throws 404 when it is not there, 400 while an organization counts with it. */
  async delete(author: Author, id: string): Promise<Budget> {
    assertAdministers(author.principal);
    return this.transactions.run(author, async (transaction) => {
      const { manager } = transaction;
      const before = await manager.findOne(Budget, { where: { id }, lock: { mode: 'pessimistic_write' } });
      if (before === null) throw budgetNotFound(id);
      if (await manager.existsBy(Organization, { budgetId: id })) {
        const message = `Budget '${id}' is an organization's. Give the organization another one first.`;
        throw new GatewayError('request.bad_field', message, { param: 'id', detail: { error: message } });
      }
      for (const table of HOLDERS)
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
    if (!seesEverything(caller)) assertAdministers(caller);
    const found = await this.database.getRepository(Budget).findBy({ id: In([...ids]) });
    const byId = new Map(found.map((budget) => [budget.id, budget]));
    return [...new Set(ids)].flatMap((id) => byId.get(id) ?? []);
  }

  async list(caller: Principal): Promise<readonly Budget[]> {
    if (!seesEverything(caller)) assertAdministers(caller);
    return this.database
      .getRepository(Budget)
      .find({ order: { createdAt: 'ASC', id: 'ASC' }, take: MOST_ROWS });
  }
}

export function budgetNotFound(id: string): GatewayError {
  const message = `Budget '${id}' does not exist.`;
  return new GatewayError('request.not_found', message, { param: 'budget_id', detail: { error: message } });
}
