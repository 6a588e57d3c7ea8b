import { Injectable } from '@nestjs/common';
import { insertRow, KeyGrace, VirtualKey } from '#libs/database';
import { Clock, newId, type NanoUsd } from '#libs/kernel';
import { type EntityManager, In } from 'typeorm';
import { makerOf } from './authority.js';
import { archiveKeys } from './key-archive.js';
import { assignGroups, leaveGroupsBehind } from './group-assignments.js';
import { KeyJudge } from './key-judge.js';
import { keyNotFound, orRefuseDuplicates } from './key-refusals.js';
import { hashesOf, type KeysNamed, lockKey, lockKeys, writeKey } from './key-rows.js';
import { hashRawKey, maskRawKey, newRawKey } from './key-secret.js';
import { blankKey, columnsOf, type KeyChange } from './key-settings.js';
import { KeySpend } from './key-spend.js';
import { type Author, type Transaction, Transactions } from './transactions.js';

/** A key and the only copy of its secret: to be shown once and forgotten. */
export interface IssuedKey {
  readonly key: VirtualKey;
  readonly raw: string;
}

/** Where a raw key comes from: chosen by the caller, or drawn from this many random bytes. */
export type KeySecret = { readonly custom: string } | { readonly randomBytes: number };

/** Keys blocked by one statement: one transaction over half a million would keep everybody else waiting. */
const BLOCKED_AT_ONCE = 5_000;

/**
 * Everything that changes keys. Each change is one transaction with its audit record, and is announced to every process
 * when it commits. Who may change what is judged by `KeyJudge`, on rows that are locked.
 */
@Injectable()
export class Keys {
  constructor(
    private readonly transactions: Transactions,
    private readonly clock: Clock,
    private readonly judge: KeyJudge,
    private readonly spend: KeySpend,
  ) {}

  /** Makes a key. Of many that ask for one alias at once, exactly one gets it; the others are refused. */
  async generate(
    author: Author,
    settings: KeyChange,
    secret: KeySecret,
    spentNanoUsd: NanoUsd = 0n,
  ): Promise<IssuedKey> {
    return orRefuseDuplicates(settings, () =>
      this.transactions.run(author, async (transaction) => {
        const draft = this.#draft(author, ownedBy(author, settings));
        const row = await this.judge.newKey(transaction.manager, author.principal, draft);
        const issued = await this.#insert(transaction, row, secret);
        const holder = { type: 'key', id: row.id, teamId: row.teamId } as const;
        await assignGroups(transaction, author, holder, settings.accessGroupIds);
        if (spentNanoUsd > 0n) await this.spend.set(transaction, author, issued.key, spentNanoUsd);
        return issued;
      }),
    );
  }

  /** Inserts a key inside a change that somebody else began and judged (a new user's first key). */
  async issue(
    transaction: Transaction,
    author: Author,
    settings: KeyChange,
    secret: KeySecret,
  ): Promise<IssuedKey> {
    return this.#insert(transaction, this.#draft(author, settings), secret);
  }

  /**
   * Changes what `settings` names and nothing else; `spentNanoUsd` sets what it has spent. A former secret names the key as
   * well. Throws 404 to administrators when there is no such key, and the same refusal as for another's to everybody else.
   */
  async update(
    author: Author,
    named: KeysNamed,
    settings: KeyChange,
    spentNanoUsd?: NanoUsd,
    action: 'update' | 'update_with_team' = 'update',
  ): Promise<VirtualKey> {
    if (spentNanoUsd !== undefined) await this.spend.prepare();
    const updated = await orRefuseDuplicates(settings, () =>
      this.transactions.run(author, async (transaction) => {
        const { manager } = transaction;
        const now = new Date(this.clock.nowMs());
        const before = await lockKey(manager, named, now);
        const change = await this.judge.change(manager, author.principal, before, {
          columns: columnsOf(settings, before, now.getTime()),
          setsSpend: spentNanoUsd !== undefined,
          action,
        });
        const after = await this.#write(author, manager, change.before, change.columns, now);
        await leaveGroupsBehind(transaction, author, change.before, after);
        const holder = { type: 'key', id: after.id, teamId: after.teamId } as const;
        await assignGroups(transaction, author, holder, settings.accessGroupIds);
        if (spentNanoUsd !== undefined) await this.spend.set(transaction, author, after, spentNanoUsd);
        await this.#record(transaction, 'updated', change.before, after);
        return after;
      }),
    );
    if (spentNanoUsd !== undefined) await this.spend.followed(updated);
    return updated;
  }

  /** Deletes the keys that are there, keeping each in the archive, and gives them back; none there is an empty list. */
  async delete(author: Author, named: KeysNamed): Promise<readonly VirtualKey[]> {
    return this.transactions.run(author, async (transaction) => {
      const { manager } = transaction;
      const keys = await lockKeys(manager, named, new Date(this.clock.nowMs()));
      await this.judge.actions(
        manager,
        author.principal,
        'delete',
        keys,
        new Set(Object.values(named)[0]).size,
      );
      if (keys.length === 0) return keys;
      const ids = keys.map((key) => key.id);
      const graces = await manager.findBy(KeyGrace, { keyId: In(ids) });
      await archiveKeys(manager, ids, 'deleted', makerOf(author.principal));
      await manager.delete(KeyGrace, { keyId: In(ids) });
      await manager.delete(VirtualKey, { id: In(ids) });
      for (const key of keys) {
        const former = graces.filter(({ keyId }) => keyId === key.id).map(({ tokenHash }) => tokenHash);
        await transaction.record('deleted', 'key', key.id, {
          before: key,
          after: null,
          hashes: [key.tokenHash, ...former],
        });
      }
      return keys;
    });
  }

  /** Blocks or unblocks; a key that already is what was asked for is answered as it is. Throws 404 when there is none. */
  async setBlocked(author: Author, hash: string, blocked: boolean): Promise<VirtualKey> {
    return this.transactions.run(author, async (transaction) => {
      const { manager } = transaction;
      const now = new Date(this.clock.nowMs());
      const found = await lockKey(manager, { hashes: [hash] }, now);
      const [before] = await this.judge.actions(
        manager,
        author.principal,
        blocked ? 'block' : 'unblock',
        found === undefined ? [] : [found],
      );
      if (before === undefined) throw keyNotFound();
      if (before.blocked === blocked) return before;
      const after = await this.#write(author, manager, before, { blocked }, now);
      await this.#record(transaction, blocked ? 'blocked' : 'unblocked', before, after);
      return after;
    });
  }

  /**
   * Blocks every key, for the day a master key leaks; how many were not blocked before. Keys of the console's sessions are
   * keys too. Asked again after a failure it goes on where it stopped.
   */
  async blockAll(author: Author): Promise<number> {
    this.judge.assertAdministrator(author.principal);
    let total = 0;
    for (;;) {
      const blocked = await this.transactions.run(author, (transaction) =>
        this.#blockSome(author, transaction.manager),
      );
      total += blocked;
      if (blocked < BLOCKED_AT_ONCE) break;
    }
    await this.transactions.run(author, (transaction) =>
      transaction.record('blocked', 'key', EVERY_KEY, { before: null, after: { blocked: total } }),
    );
    return total;
  }

  #draft(author: Author, settings: KeyChange): VirtualKey {
    const nowMs = this.clock.nowMs();
    const maker = makerOf(author.principal);
    return {
      ...blankKey(newId('key', nowMs), new Date(nowMs)),
      ...columnsOf(settings, undefined, nowMs),
      createdBy: maker,
      updatedBy: maker,
    };
  }

  async #insert(transaction: Transaction, row: VirtualKey, secret: KeySecret): Promise<IssuedKey> {
    const raw = rawOf(secret);
    const key = await insertRow(transaction.manager, VirtualKey, {
      ...row,
      tokenHash: hashRawKey(raw),
      maskedName: maskRawKey(raw),
    });
    await transaction.record('created', 'key', key.id, { before: null, after: key, hashes: [key.tokenHash] });
    return { key, raw };
  }

  async #blockSome(author: Author, manager: EntityManager): Promise<number> {
    const rows: unknown[] = await manager.query(
      `WITH next AS (SELECT id FROM virtual_keys WHERE NOT blocked ORDER BY id LIMIT ${BLOCKED_AT_ONCE} FOR UPDATE),
       done AS (
         UPDATE virtual_keys k SET blocked = true, updated_by = $1, updated_at = $2, settings_updated_at = $2
         FROM next WHERE k.id = next.id RETURNING 1 AS one
       ) SELECT one FROM done`,
      [makerOf(author.principal), new Date(this.clock.nowMs())],
    );
    return rows.length;
  }

  async #write(
    author: Author,
    manager: EntityManager,
    before: VirtualKey,
    columns: Partial<VirtualKey>,
    now: Date,
  ): Promise<VirtualKey> {
    return writeKey(manager, before.id, {
      ...columns,
      updatedBy: makerOf(author.principal),
      updatedAt: now,
      settingsUpdatedAt: now,
    });
  }

  async #record(
    transaction: Transaction,
    action: 'updated' | 'blocked' | 'unblocked',
    before: VirtualKey,
    after: VirtualKey,
  ): Promise<void> {
    const hashes = await hashesOf(transaction.manager, after);
    await transaction.record(action, 'key', after.id, { before, after, hashes });
  }
}

/** Who makes a key without saying whose it is makes it for itself; administrators make keys of nobody. */
function ownedBy({ principal }: Author, settings: KeyChange): KeyChange {
  const isOpen = (settings.userId ?? null) === null && (settings.serviceAccountId ?? null) === null;
  if (!isOpen || principal.role === 'proxy_admin' || principal.user === undefined) return settings;
  return { ...settings, userId: principal.user.id };
}

/** Stands for every key in a change. */
export const EVERY_KEY = '*';

export function rawOf(secret: KeySecret): string {
  return 'custom' in secret ? secret.custom : newRawKey(secret.randomBytes);
}
