import type { EntityManager } from 'typeorm';

/** Longer than any outage worth bridging; a process away for longer drops its caches instead. */
const KEEP_MS = 10 * 60_000;

interface CleanUpState {
  /** Rows of transactions below this are gone: who has not read that far has missed something. */
  readonly deletedBelow: string;
  /** Every transaction below this had ended at that time. */
  readonly ended: { readonly xid: string; readonly atMs: number };
}

/**
 * Deletes changes that every connected process has had at least `keepMs` to read, and returns how many. Call it in a
 * transaction, every few minutes; racing calls take turns. Age is counted from when a change became visible, not from when it was
 * written: one that was written early and committed late would otherwise be deleted before anybody saw it.
 */
export async function cleanUpChanges(manager: EntityManager, keepMs: number = KEEP_MS): Promise<number> {
  await manager.query(
    `INSERT INTO app_state (name, value)
     VALUES ('changes.cleanup', jsonb_build_object('deletedBelow', '0', 'ended', jsonb_build_object('xid', '0', 'atMs', 0)))
     ON CONFLICT (name) DO NOTHING`,
  );
  const now: { xmin: string; ms: string }[] = await manager.query(
    `SELECT pg_snapshot_xmin(pg_current_snapshot()) AS xmin, floor(extract(epoch FROM clock_timestamp()) * 1000) AS ms`,
  );
  const stored: { value: CleanUpState }[] = await manager.query(
    `SELECT value FROM app_state WHERE name = 'changes.cleanup' FOR UPDATE`,
  );
  const [clock] = now;
  const state = stored[0]?.value;
  if (clock === undefined || state === undefined) throw new Error('the state of the clean-up was not read');
  if (Number(clock.ms) - state.ended.atMs < keepMs) return 0;

  const deletedBelow = state.ended.xid;
  const deleted: [unknown, number] = await manager.query('DELETE FROM changes WHERE xid < $1::xid8', [
    deletedBelow,
  ]);
  const next: CleanUpState = { deletedBelow, ended: { xid: clock.xmin, atMs: Number(clock.ms) } };
  await manager.query(`UPDATE app_state SET value = $1::jsonb WHERE name = 'changes.cleanup'`, [
    JSON.stringify(next),
  ]);
  return deleted[1];
}
