import { Injectable } from '@nestjs/common';
import { Budget, Customer, insertRow, lockRow, readAs, writeRow } from '#libs/database';
import { Clock, GatewayError, type NanoUsd, type Principal } from '#libs/kernel';
import { DataSource, type EntityManager, In } from 'typeorm';
import { assertAdministers, assertReads, makerOf, seesEverything } from './authority.js';
import { type GovernedChange, governedColumns } from './governed-settings.js';
import { assertBudget } from './key-references.js';
import { SpendReader } from './spend-reader.js';
import { SpendSetter } from './spend-setter.js';
import { type Author, type Transaction, Transactions } from './transactions.js';
import { orTaken } from './unique.js';

/** What an administrator decides about an end user; in a change, an absent member is left as it is. */
export interface CustomerChange extends GovernedChange {
  readonly alias?: string | null | undefined;
  readonly blocked?: boolean | undefined;
  readonly models?: readonly string[] | undefined;
}

/** A customer as people look at it. */
export interface CustomerView {
  readonly customer: Customer;
  /** The shared budget it points to. */
  readonly budget: Budget | null;
  readonly spentNanoUsd: NanoUsd;
}

/** A list without pages; more than this in one answer would hurt the process that builds it. */
const MOST_ROWS = 10_000;

/**
 * End users of clients' own products. Anybody may be one without a row here: a row gives it limits, a budget, or stops it.
 * Only proxy administrators change them.
 */
@Injectable()
export class Customers {
  constructor(
    private readonly database: DataSource,
    private readonly transactions: Transactions,
    private readonly clock: Clock,
    private readonly spend: SpendReader,
    private readonly setter: SpendSetter,
  ) {}

  /** Throws 400 when there is one of that id. */
  async create(
    author: Author,
    id: string,
    settings: CustomerChange,
    spentNanoUsd: NanoUsd,
  ): Promise<CustomerView> {
    assertAdministers(author.principal);
    const customer = await orTaken(
      'customers_pkey',
      (cause) =>
        new GatewayError('request.bad_field', `Customer already exists, passed user_id=${id}.`, {
          type: 'bad_request',
          param: 'user_id',
          cause,
        }),
      () =>
        this.transactions.run(author, async (transaction) => {
          const { manager } = transaction;
          const made = await insertRow(
            manager,
            Customer,
            await this.#columns(manager, id, settings, undefined),
          );
          if (spentNanoUsd > 0n) await this.#setSpend(transaction, author, made, spentNanoUsd);
          await transaction.record('created', 'customer', id, { before: null, after: made });
          return made;
        }),
    );
    return this.#view(customer);
  }

  /** Changes what `settings` names. Throws 404 when there is no row. */
  async update(author: Author, id: string, settings: CustomerChange): Promise<CustomerView> {
    assertAdministers(author.principal);
    const customer = await this.transactions.run(author, async (transaction) => {
      const { manager } = transaction;
      const before = await lock(manager, id);
      if (before === null) throw customerNotFound(id);
      const columns = await this.#columns(manager, id, settings, before);
      const after = await writeRow(manager, Customer, { id }, columns);
      await transaction.record('updated', 'customer', id, { before, after });
      return after;
    });
    return this.#view(customer);
  }

  /** Blocks or lets in again, making rows for those who have none; gives all of them back as they are then. */
  async setBlocked(
    author: Author,
    ids: readonly string[],
    blocked: boolean,
  ): Promise<readonly CustomerView[]> {
    assertAdministers(author.principal);
    const sorted = [...new Set(ids)].sort();
    const customers = await this.transactions.run(author, async (transaction) => {
      const { manager } = transaction;
      for (const id of sorted) {
        const now = new Date(this.clock.nowMs());
        // Whoever is let in needs no row for it.
        if (blocked)
          await manager.query('INSERT INTO customers (id) VALUES ($1) ON CONFLICT DO NOTHING', [id]);
        const before = await lock(manager, id);
        if (before === null || before.blocked === blocked) continue;
        const after = await writeRow(manager, Customer, { id }, { blocked, updatedAt: now });
        await transaction.record(blocked ? 'blocked' : 'unblocked', 'customer', id, { before, after });
      }
      return manager.find(Customer, { where: { id: In(sorted) }, order: { id: 'ASC' } });
    });
    return this.#views(customers);
  }

  /** Deletes rows, not spend; all or none. Throws 404 naming those that are not there. */
  async delete(author: Author, ids: readonly string[]): Promise<number> {
    assertAdministers(author.principal);
    const wanted = [...new Set(ids)];
    return this.transactions.run(author, async (transaction) => {
      const { manager } = transaction;
      const found = await manager.find(Customer, {
        where: { id: In(wanted) },
        order: { id: 'ASC' },
        lock: { mode: 'pessimistic_write' },
      });
      const known = new Set(found.map(({ id }) => id));
      const missing = wanted.filter((id) => !known.has(id));
      if (missing.length > 0) throw customerNotFound(missing.slice(0, 20).join(', '));
      await manager.delete(Customer, { id: In(wanted) });
      for (const customer of found)
        await transaction.record('deleted', 'customer', customer.id, { before: customer, after: null });
      return found.length;
    });
  }

  /** Throws 404 when there is no row, or it is not the caller's to see: its own customer's, or everybody's for administrators. */
  async info(caller: Principal, id: string): Promise<CustomerView> {
    const mayAsk = seesEverything(caller) || (caller.customerId !== undefined && caller.customerId === id);
    const customer = mayAsk
      ? await readAs(this.database, caller, (manager) => manager.findOneBy(Customer, { id }))
      : null;
    if (customer === null) throw customerNotFound(id);
    return this.#view(customer);
  }

  async list(caller: Principal): Promise<readonly CustomerView[]> {
    assertReads(caller);
    const customers = await readAs(this.database, caller, (manager) =>
      manager.find(Customer, { order: { id: 'ASC' }, take: MOST_ROWS }),
    );
    return this.#views(customers);
  }

  async #columns(
    manager: EntityManager,
    id: string,
    settings: CustomerChange,
    current: Customer | undefined,
  ): Promise<Partial<Customer>> {
    if (settings.budgetId !== undefined && settings.budgetId !== null)
      await assertBudget(manager, settings.budgetId, 'budget_id');
    const nowMs = this.clock.nowMs();
    const columns: Partial<Customer> = {
      ...governedColumns(settings, current, nowMs),
      updatedAt: new Date(nowMs),
    };
    if (current === undefined) Object.assign(columns, { id, createdAt: new Date(nowMs) });
    if (settings.alias !== undefined) columns.alias = settings.alias;
    if (settings.blocked !== undefined) columns.blocked = settings.blocked;
    if (settings.models !== undefined) columns.models = [...settings.models];
    return columns;
  }

  async #setSpend(transaction: Transaction, author: Author, customer: Customer, to: NanoUsd): Promise<void> {
    const scope = { type: 'customer', id: customer.id } as const;
    await this.setter.set(transaction.manager, { scope, budget: customer }, to, makerOf(author.principal));
    await transaction.announce('spend', `customer:${customer.id}`);
  }

  async #view(customer: Customer): Promise<CustomerView> {
    const [view] = await this.#views([customer]);
    if (view === undefined) throw customerNotFound(customer.id);
    return view;
  }

  async #views(customers: readonly Customer[]): Promise<readonly CustomerView[]> {
    const ids = [...new Set(customers.flatMap(({ budgetId }) => budgetId ?? []))];
    const budgets = ids.length === 0 ? [] : await this.database.getRepository(Budget).findBy({ id: In(ids) });
    const byId = new Map(budgets.map((budget) => [budget.id, budget]));
    const linkedOf = (customer: Customer): Budget | null => byId.get(customer.budgetId ?? '') ?? null;
    const spent = await this.spend.spendIn(
      customers.map((customer) => ({
        scope: { type: 'customer', id: customer.id },
        budget: customer,
        linked: linkedOf(customer),
      })),
    );
    return customers.map((customer) => ({
      customer,
      budget: linkedOf(customer),
      spentNanoUsd: spent.get(`customer:${customer.id}`) ?? 0n,
    }));
  }
}

function lock(manager: EntityManager, id: string): Promise<Customer | null> {
  return lockRow(manager, Customer, { id });
}

function customerNotFound(ids: string): GatewayError {
  return new GatewayError('request.not_found', `End User Id does not exist: ${ids}`, {
    type: 'not_found',
    param: 'end_user_id',
  });
}
