import { Injectable } from '@nestjs/common';
import { VirtualKey } from '#libs/database';
import { Clock, GatewayError, newId } from '#libs/kernel';
import { type EntityManager, In } from 'typeorm';
import { assertAdministers, makerOf } from './authority.js';
import { archiveKeys } from './key-archive.js';
import { hashRawKey, maskRawKey, newRawKey } from './key-secret.js';
import { columnsOf, type KeyChange } from './key-settings.js';
import { type Author, type Transaction, Transactions } from './transactions.js';
import { violatedIndex } from './unique.js';

/** A key and the only copy of its secret: to be shown once and forgotten. */
export interface IssuedKey {
  readonly key: VirtualKey;
  readonly raw: string;
}

/** Where a raw key comes from: chosen by the caller, or drawn from this many random bytes. */
export type KeySecret = { readonly custom: string } | { readonly randomBytes: number };

/** Keys named by their hashes or by their aliases. */
export type KeysNamed = { readonly hashes: readonly string[] } | { readonly aliases: readonly string[] };

/**
 * Everything that changes keys. Each change is one transaction with its audit record, and is announced to every process
 * when it commits. Only proxy administrators may change keys (see `assertAdministers`).
 */
@Injectable()
export class Keys {
  constructor(
    private readonly transactions: Transactions,
    private readonly clock: Clock,
  ) {}

  /** Makes a key. Of many that ask for one alias at once, exactly one gets it; the others are refused. */
  async generate(author: Author, settings: KeyChange, secret: KeySecret): Promise<IssuedKey> {
    assertAdministers(author.principal);
    return this.#orRefuseDuplicates(settings, () =>
      this.transactions.run(author, (transaction) => this.issue(transaction, author, settings, secret)),
    );
  }

  /** Inserts a key inside a change that somebody else began (a new user's first key). */
  async issue(
    transaction: Transaction,
    author: Author,
    settings: KeyChange,
    secret: KeySecret,
  ): Promise<IssuedKey> {
    const { manager } = transaction;
    const nowMs = this.clock.nowMs();
    const now = new Date(nowMs);
    const raw = 'custom' in secret ? secret.custom : newRawKey(secret.randomBytes);
    const maker = makerOf(author.principal);
    const id = newId('key', nowMs);
    await manager.insert(VirtualKey, {
      ...columnsOf(settings, undefined, nowMs),
      id,
      tokenHash: hashRawKey(raw),
      maskedName: maskRawKey(raw),
      createdBy: maker,
      updatedBy: maker,
      createdAt: now,
      updatedAt: now,
      settingsUpdatedAt: now,
    } as never);
    const key = await manager.findOneByOrFail(VirtualKey, { id });
    await transaction.record('created', 'key', id, { before: null, after: key, hashes: [key.tokenHash] });
    return { key, raw };
  }

  /** Changes what `settings` names and nothing else. Throws 404 when there is no such key. */
  async update(author: Author, named: KeysNamed, settings: KeyChange): Promise<VirtualKey> {
    assertAdministers(author.principal);
    return this.#orRefuseDuplicates(settings, () =>
      this.transactions.run(author, async (transaction) => {
        const before = await this.#lockOne(transaction.manager, named);
        const now = new Date(this.clock.nowMs());
        const columns = columnsOf(settings, before, now.getTime());
        const after = await this.#write(transaction.manager, before, {
          ...columns,
          updatedBy: makerOf(author.principal),
          updatedAt: now,
          settingsUpdatedAt: now,
        });
        await transaction.record('updated', 'key', after.id, { before, after, hashes: [after.tokenHash] });
        return after;
      }),
    );
  }

  /** Deletes the keys that are there, keeping each in the archive, and gives them back; none there is an empty list. */
  async delete(author: Author, named: KeysNamed): Promise<readonly VirtualKey[]> {
    assertAdministers(author.principal);
    return this.transactions.run(author, async (transaction) => {
      const keys = await this.#lock(transaction.manager, named);
      if (keys.length === 0) return keys;
      const ids = keys.map((key) => key.id);
      await archiveKeys(transaction.manager, ids, 'deleted', makerOf(author.principal));
      await transaction.manager.delete(VirtualKey, { id: In(ids) });
      for (const key of keys) {
        await transaction.record('deleted', 'key', key.id, {
          before: key,
          after: null,
          hashes: [key.tokenHash],
        });
      }
      return keys;
    });
  }

  /** Blocks or unblocks; a key that already is what was asked for is answered as it is. Throws 404 when there is none. */
  async setBlocked(author: Author, hash: string, blocked: boolean): Promise<VirtualKey> {
    assertAdministers(author.principal);
    return this.transactions.run(author, async (transaction) => {
      const before = await this.#lockOne(transaction.manager, { hashes: [hash] });
      if (before.blocked === blocked) return before;
      const now = new Date(this.clock.nowMs());
      const after = await this.#write(transaction.manager, before, {
        blocked,
        updatedBy: makerOf(author.principal),
        updatedAt: now,
        settingsUpdatedAt: now,
      });
      await transaction.record(blocked ? 'blocked' : 'unblocked', 'key', after.id, {
        before,
        after,
        hashes: [after.tokenHash],
      });
      return after;
    });
  }

  /**
   * Gives the key a new secret; the old one is dead when this commits. Id, alias, spend and every setting that `settings`
   * does not name stay. Asked twice at once with the old secret, one wins and the other finds no such key.
   */
  async regenerate(author: Author, hash: string, settings: KeyChange, secret: KeySecret): Promise<IssuedKey> {
    assertAdministers(author.principal);
    return this.#orRefuseDuplicates(settings, () =>
      this.transactions.run(author, async (transaction) => {
        const before = await this.#lockOne(transaction.manager, { hashes: [hash] });
        const maker = makerOf(author.principal);
        await archiveKeys(transaction.manager, [before.id], 'rotated', maker);
        const now = new Date(this.clock.nowMs());
        const raw = 'custom' in secret ? secret.custom : newRawKey(secret.randomBytes);
        const key = await this.#write(transaction.manager, before, {
          ...columnsOf(settings, before, now.getTime()),
          tokenHash: hashRawKey(raw),
          maskedName: maskRawKey(raw),
          rotationCount: before.rotationCount + 1,
          lastRotationAt: now,
          updatedBy: maker,
          updatedAt: now,
          settingsUpdatedAt: now,
        });
        await transaction.record('rotated', 'key', key.id, {
          before,
          after: key,
          hashes: [before.tokenHash, key.tokenHash],
        });
        return { key, raw };
      }),
    );
  }

  async #lockOne(manager: EntityManager, named: KeysNamed): Promise<VirtualKey> {
    const [key] = await this.#lock(manager, named);
    if (key === undefined) throw keyNotFound();
    return key;
  }

  /** Locked in the order of their ids, so that two changes of the same keys cannot wait for each other. */
  async #lock(manager: EntityManager, named: KeysNamed): Promise<VirtualKey[]> {
    const where =
      'hashes' in named ? { tokenHash: In([...named.hashes]) } : { alias: In([...named.aliases]) };
    return manager.find(VirtualKey, { where, order: { id: 'ASC' }, lock: { mode: 'pessimistic_write' } });
  }

  async #write(
    manager: EntityManager,
    before: VirtualKey,
    columns: Partial<VirtualKey>,
  ): Promise<VirtualKey> {
    await manager.update(VirtualKey, { id: before.id }, columns as never);
    return manager.findOneByOrFail(VirtualKey, { id: before.id });
  }

  /** The unique index decides, not a look beforehand: between a look and an insert somebody else may have come. */
  async #orRefuseDuplicates<T>(settings: KeyChange, write: () => Promise<T>): Promise<T> {
    try {
      return await write();
    } catch (thrown) {
      refuseDuplicateKey(thrown, settings.alias ?? null);
      throw thrown;
    }
  }
}

/** Turns a broken unique index into the refusal a caller understands; does nothing for other failures. */
export function refuseDuplicateKey(thrown: unknown, alias: string | null): void {
  const index = violatedIndex(thrown);
  if (index === 'virtual_keys_alias_key') {
    throw new GatewayError(
      'request.bad_field',
      `Key with alias '${alias ?? ''}' already exists. Aliases are unique.`,
      {
        param: 'key_alias',
        cause: thrown,
      },
    );
  }
  if (index === 'virtual_keys_token_hash_key') {
    throw new GatewayError(
      'request.bad_field',
      'This key cannot be used: choose another value, or let one be generated.',
      {
        param: 'key',
        cause: thrown,
      },
    );
  }
}

export function keyNotFound(): GatewayError {
  return new GatewayError('request.not_found', 'Key not found in database', { param: 'key' });
}
