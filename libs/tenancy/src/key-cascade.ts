import { VirtualKey } from '#libs/database';
import { type FindOptionsWhere, In } from 'typeorm';
import { archiveKeys } from './key-archive.js';
import type { Transaction } from './transactions.js';

/**
 * Deletes keys whose team, user or organization is going, and keeps each in the archive. Every process forgets them with
 * the row they hang on, which the caller records; so the keys get an audit record each, and no notification of their own.
 */
export async function deleteKeysOf(
  transaction: Transaction,
  where: FindOptionsWhere<VirtualKey>,
  by: string,
): Promise<number> {
  const { manager } = transaction;
  const keys = await manager.find(VirtualKey, {
    where,
    order: { id: 'ASC' },
    lock: { mode: 'pessimistic_write' },
  });
  if (keys.length === 0) return 0;
  const ids = keys.map(({ id }) => id);
  await archiveKeys(manager, ids, 'deleted', by);
  await manager.delete(VirtualKey, { id: In(ids) });
  for (const key of keys) await transaction.note('deleted', 'key', key.id, { before: key, after: null });
  return keys.length;
}
