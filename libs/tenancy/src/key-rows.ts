import { KeyGrace, VirtualKey, writeRow } from '#libs/database';
import { GatewayError } from '#libs/kernel';
import { type EntityManager, In, MoreThan } from 'typeorm';

/** Keys named by their hashes or by their aliases. */
export type KeysNamed = { readonly hashes: readonly string[] } | { readonly aliases: readonly string[] };

/**
 * The named keys, locked in the order of their ids, so that two changes of the same keys cannot wait for each other. A
 * former secret names its key while its grace lasts: who wants to stop a leaked one may have no other.
 */
export async function lockKeys(
  manager: EntityManager,
  named: KeysNamed,
  now: Date,
  options: { readonly currentOnly?: boolean } = {},
): Promise<VirtualKey[]> {
  const lock = { order: { id: 'ASC' }, lock: { mode: 'pessimistic_write' } } as const;
  if ('aliases' in named) {
    return manager.find(VirtualKey, { where: { alias: In([...named.aliases]) }, ...lock });
  }
  const hashes = [...named.hashes];
  const former = options.currentOnly ? [] : await keysOfFormer(manager, hashes, now);
  const byHash = { tokenHash: In(hashes) };
  return manager.find(VirtualKey, {
    where: former.length === 0 ? byHash : [byHash, { id: In(former) }],
    ...lock,
  });
}

/** The one named key, locked. Throws 400 for an alias that several share: it does not say which. */
export async function lockKey(
  manager: EntityManager,
  named: KeysNamed,
  now: Date,
): Promise<VirtualKey | undefined> {
  const keys = await lockKeys(manager, named, now);
  if ('aliases' in named && keys.length > 1) {
    const message = 'More than one key has this alias: name the key itself.';
    throw new GatewayError('request.bad_field', message, { param: 'key_alias' });
  }
  return keys[0];
}

/** Ids of the keys that these former secrets still open. */
export async function keysOfFormer(
  manager: EntityManager,
  hashes: readonly string[],
  now: Date,
): Promise<string[]> {
  const graces = await manager.findBy(KeyGrace, { tokenHash: In([...hashes]), validUntil: MoreThan(now) });
  return [...new Set(graces.map(({ keyId }) => keyId))];
}

/** Writes the columns and reads the row back. */
export async function writeKey(
  manager: EntityManager,
  id: string,
  columns: Partial<VirtualKey>,
): Promise<VirtualKey> {
  return writeRow(manager, VirtualKey, { id }, columns);
}

/** Every hash that opens the key now: what caches know it by. */
export async function hashesOf(manager: EntityManager, key: VirtualKey): Promise<string[]> {
  const graces = await manager.findBy(KeyGrace, { keyId: key.id });
  return [key.tokenHash, ...graces.map(({ tokenHash }) => tokenHash)];
}
