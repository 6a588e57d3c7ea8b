import type { EntityManager } from 'typeorm';
import { partitionsBefore } from './ledger-partitions.js';

/** A lock on a busy parent is waited for this long; the next round tries again. */
const LOCK_WAIT_MS = 2_000;

/**
 * Drops the days before `day` (`YYYY-MM-DD`, UTC) of a table that is partitioned by day, one a call of `transact`, the oldest
 * first, and returns their names. A day goes as a whole: nothing is deleted row by row, so nothing is left to be cleaned up after.
 */
export async function dropDaysBefore(
  transact: <T>(work: (manager: EntityManager) => Promise<T>) => Promise<T>,
  table: 'ledger_entries' | 'logged_prompts' | 'decisions',
  day: string,
): Promise<readonly string[]> {
  const due = await transact((manager) => partitionsBefore(manager, table, day));
  const dropped: string[] = [];
  for (const partition of due) {
    await transact(async (manager) => {
      await manager.query(`SET LOCAL lock_timeout = ${LOCK_WAIT_MS}`);
      await manager.query(`DROP TABLE IF EXISTS "${partition}"`);
    });
    dropped.push(partition);
  }
  return dropped;
}
