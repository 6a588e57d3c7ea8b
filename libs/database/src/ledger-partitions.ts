import type { EntityManager } from 'typeorm';

/**
 * Makes sure that `ledger_entries` has a partition for each of `days` days from `fromDay` (`YYYY-MM-DD`, UTC) on, and
 * returns how many it made. An entry of a day without one cannot be stored, so whoever drains calls this first; for
 * days that exist it costs a catalogue look-up and takes no lock. Safe to race from many processes.
 */
export async function ensureLedgerPartitions(
  manager: EntityManager,
  fromDay: string,
  days: number,
): Promise<number> {
  const rows: { made: number }[] = await manager.query(
    'SELECT ensure_ledger_partitions($1::date, $2::int) AS made',
    [fromDay, days],
  );
  return rows[0]?.made ?? 0;
}

/** The same for another table that is partitioned by day. */
export async function ensureDayPartitions(
  manager: EntityManager,
  table: 'logged_prompts' | 'decisions',
  fromDay: string,
  days: number,
): Promise<number> {
  const rows: { made: number }[] = await manager.query(
    'SELECT ensure_day_partitions($1, $2::date, $3::int) AS made',
    [table, fromDay, days],
  );
  return rows[0]?.made ?? 0;
}

/** Names of the table's partitions of days before `day` (`YYYY-MM-DD`), the oldest first. */
export async function partitionsBefore(
  manager: Pick<EntityManager, 'query'>,
  table: 'ledger_entries' | 'logged_prompts' | 'decisions',
  day: string,
): Promise<readonly string[]> {
  const rows: { name: string }[] = await manager.query(
    `SELECT c.relname AS name FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
     WHERE i.inhparent = $1::regclass AND c.relname ~ ('^' || $1 || '_[0-9]{8}$') AND right(c.relname, 8) < $2
     ORDER BY c.relname`,
    [table, day.replaceAll('-', '')],
  );
  return rows.map(({ name }) => name);
}
