import { Injectable } from '@nestjs/common';
import { type Actor, type ChangeAction, recordChange } from '#libs/audit';
import { type ChangeMark, Changes, withTransaction } from '#libs/database';
import type { Principal } from '#libs/kernel';
import { DataSource, type EntityManager } from 'typeorm';
import { makerOf } from './authority.js';

/** Who asks for a change, and from where. */
export interface Author {
  readonly principal: Principal;
  readonly ip: string | null;
  readonly requestId: string | null;
}

export type Noun = 'key' | 'user' | 'team' | 'model' | 'credential' | 'access_group' | 'config';

export interface RowChange {
  readonly before: object | null;
  readonly after: object | null;
  /** A key's old and new hashes: what caches know it by. */
  readonly hashes?: readonly string[];
}

/** A change under way: its rows, its audit records and its notifications are one transaction. */
export class Transaction {
  readonly #actor: Actor;
  readonly #published: {
    readonly noun: Noun | 'key_hash';
    readonly id: string;
    readonly mark: ChangeMark;
  }[] = [];

  constructor(
    readonly manager: EntityManager,
    author: Author,
    private readonly changes: Changes,
  ) {
    this.#actor = {
      userId: makerOf(author.principal),
      keyId: author.principal.key?.id ?? null,
      ip: author.ip,
      requestId: author.requestId,
    };
  }

  /** Records one row's change; at commit every process is told to forget what it knows of it. */
  async record(action: ChangeAction, noun: Noun, id: string, change: RowChange): Promise<void> {
    await recordChange(this.manager, this.#actor, action, noun, id, change.before, change.after);
    await this.#publish(noun, id);
    for (const hash of change.hashes ?? []) await this.#publish('key_hash', hash);
  }

  /** After the commit: this process forgets at once, also while it hears of no changes. Returns the last one's mark. */
  applyHere(): ChangeMark | undefined {
    for (const { noun, id, mark } of this.#published) this.changes.applyOwn(noun, id, mark);
    return this.#published.at(-1)?.mark;
  }

  async #publish(noun: Noun | 'key_hash', id: string): Promise<void> {
    this.#published.push({ noun, id, mark: await this.changes.publish(this.manager, noun, id) });
  }
}

/** Runs changes. */
@Injectable()
export class Transactions {
  constructor(
    private readonly database: DataSource,
    private readonly changes: Changes,
  ) {}

  /**
   * Runs `work` in one transaction and, once committed, waits a moment until this process has dropped what it had cached
   * of the rows: whoever blocks a key and is answered will not see this process accept it again. Throws what `work` throws, with nothing
   * changed.
   */
  async run<T>(author: Author, work: (transaction: Transaction) => Promise<T>): Promise<T> {
    let transaction: Transaction | undefined;
    const result = await withTransaction(this.database, author.principal, async (manager) => {
      transaction = new Transaction(manager, author, this.changes);
      return work(transaction);
    });
    const mark = transaction?.applyHere();
    // While notifications are down nobody would ever be told; the write is committed all the same.
    if (mark !== undefined && this.changes.state() !== 'down') await this.changes.waitUntilApplied(mark);
    return result;
  }
}
