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
