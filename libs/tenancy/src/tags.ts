import { Injectable } from '@nestjs/common';
import { Budget, insertRow, lockRow, Tag, writeRow } from '#libs/database';
import { Clock, GatewayError, type NanoUsd, type Principal } from '#libs/kernel';
import { DataSource, type EntityManager, In } from 'typeorm';
import { assertAdministers, assertReads, makerOf } from './authority.js';
import { type GovernedChange, governedColumns } from './governed-settings.js';
import { assertBudget } from './key-references.js';
import { SpendReader } from './spend-reader.js';
import { type Author, Transactions } from './transactions.js';
import { orTaken } from './unique.js';

export interface TagChange extends GovernedChange {
  readonly description?: string | null | undefined;
}

/** A tag as people look at it. */
export interface TagView {
  readonly tag: Tag;
  readonly budget: Budget | null;
  readonly spentNanoUsd: NanoUsd;
}

/** A tag nobody stored, but calls carried it. */
export interface SeenTag {
  readonly name: string;
  readonly lastSeenAt: Date;
  readonly spentNanoUsd: NanoUsd;
}

const MOST_ROWS = 10_000;
/** Callers choose tags, so there is no end to their number. */
const MOST_SEEN = 1_000;

/** Words with limits and a budget for all calls that carry them. Proxy administrators only. */
@Injectable()
export class Tags {
  constructor(
    private readonly database: DataSource,
    private readonly transactions: Transactions,
    private readonly clock: Clock,
    private readonly spend: SpendReader,
  ) {}

  /** Throws 400 when there is one of that name. */
  async create(author: Author, name: string, settings: TagChange): Promise<Tag> {
    assertAdministers(author.principal);
    return orTaken(
      'tags_pkey',
      (cause) => {
        const message = `Tag ${name} already exists.`;
        return new GatewayError('request.bad_field', message, { param: 'name', detail: message, cause });
      },
      () =>
        this.transactions.run(author, async (transaction) => {
          const { manager } = transaction;
          const now = new Date(this.clock.nowMs());
          const maker = { name, createdBy: makerOf(author.principal), createdAt: now };
          const tag = await insertRow(manager, Tag, {
            ...(await this.#columns(manager, settings, undefined)),
            ...maker,
          });
          await transaction.record('created', 'tag', name, { before: null, after: tag });
          return tag;
        }),
    );
  }

  /** Throws 404 when there is none. */
  async update(author: Author, name: string, settings: TagChange): Promise<Tag> {
    assertAdministers(author.principal);
    return this.transactions.run(author, async (transaction) => {
      const { manager } = transaction;
      const before = await lock(manager, name);
      const after = await writeRow(manager, Tag, { name }, await this.#columns(manager, settings, before));
      await transaction.record('updated', 'tag', name, { before, after });
      return after;
    });
  }

  /** The row goes; calls may carry the word on. Throws 404 when there is none. */
  async delete(author: Author, name: string): Promise<void> {
    assertAdministers(author.principal);
    await this.transactions.run(author, async (transaction) => {
      const before = await lock(transaction.manager, name);
      await transaction.manager.delete(Tag, { name });
      await transaction.record('deleted', 'tag', name, { before, after: null });
    });
  }

  /** The named tags. Throws 404 naming the first that is not there. */
  async find(caller: Principal, names: readonly string[]): Promise<readonly TagView[]> {
    assertReads(caller);
    const tags = await this.database.getRepository(Tag).findBy({ name: In([...names]) });
    const byName = new Map(tags.map((tag) => [tag.name, tag]));
    const found = [...new Set(names)].map((name) => {
      const tag = byName.get(name);
      if (tag === undefined) throw tagNotFound(name);
      return tag;
    });
    return this.#views(found);
  }

  async list(caller: Principal): Promise<readonly TagView[]> {
    assertReads(caller);
    return this.#views(
      await this.database.getRepository(Tag).find({ order: { name: 'ASC' }, take: MOST_ROWS }),
    );
  }

  /** Tags of calls that nobody stored, those with the most spend first. */
  async seen(caller: Principal): Promise<readonly SeenTag[]> {
    assertReads(caller);
    const rows: { name: string; at: Date; nano: string }[] = await this.database.query(
      `SELECT b.scope_id AS name, b.updated_at AS at, b.settled_nano AS nano FROM balances b
       WHERE b.scope_type = 'tag' AND b.budget = 'total' AND NOT EXISTS (SELECT FROM tags t WHERE t.name = b.scope_id)
       ORDER BY b.settled_nano DESC LIMIT ${MOST_SEEN}`,
    );
    return rows.map(({ name, at, nano }) => ({ name, lastSeenAt: at, spentNanoUsd: BigInt(nano) }));
  }

  async #columns(
    manager: EntityManager,
    settings: TagChange,
    current: Tag | undefined,
  ): Promise<Partial<Tag>> {
    if (settings.budgetId !== undefined && settings.budgetId !== null)
      await assertBudget(manager, settings.budgetId, 'budget_id');
    const nowMs = this.clock.nowMs();
    return {
      ...governedColumns(settings, current, nowMs),
      ...(settings.description === undefined ? {} : { description: settings.description }),
      updatedAt: new Date(nowMs),
    };
  }

  async #views(tags: readonly Tag[]): Promise<readonly TagView[]> {
    const ids = [...new Set(tags.flatMap(({ budgetId }) => budgetId ?? []))];
    const budgets = ids.length === 0 ? [] : await this.database.getRepository(Budget).findBy({ id: In(ids) });
    const byId = new Map(budgets.map((budget) => [budget.id, budget]));
    const rows = tags.map((tag) => ({ tag, budget: byId.get(tag.budgetId ?? '') ?? null }));
    const spent = await this.spend.spendIn(
      rows.map(({ tag, budget }) => ({ scope: { type: 'tag', id: tag.name }, budget: tag, linked: budget })),
    );
    return rows.map((row) => ({ ...row, spentNanoUsd: spent.get(`tag:${row.tag.name}`) ?? 0n }));
  }
}

async function lock(manager: EntityManager, name: string): Promise<Tag> {
  const tag = await lockRow(manager, Tag, { name });
  if (tag === null) throw tagNotFound(name);
  return tag;
}

function tagNotFound(name: string): GatewayError {
  const message = `Tag ${name} not found.`;
  return new GatewayError('request.not_found', message, { param: 'name', detail: message });
}
