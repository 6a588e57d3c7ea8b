import type { EntityManager } from 'typeorm';
import { ORDER_OF_ROWS } from './daily-activity-sql.js';

/** Which day was laid out last (`{"until": "YYYY-MM-DD"}`). */
const PROGRESS = 'activity.laid-out';
/** Moved in one transaction: late records of these rows wait for it, some tenths of a second. */
const ROWS_AT_ONCE = 10_000;
/** Held by whoever rewrites rows where they lie: what is moved meanwhile would be missed. */
const MOVING = `hashtextextended('tollgate.days-laid-out', 0)`;

/** Takes part in the transaction that `manager` is in: no day is laid out until it ends. */
export async function holdDaysInPlace(manager: EntityManager): Promise<void> {
  await manager.query(`SELECT pg_advisory_xact_lock_shared(${MOVING})`);
}

/**
 * Puts the rows of single keys of days that are over into the order of organizations and teams. The drain stores them batch by batch, so
 * that each row that a report on a team reads is on another page. Nothing is changed but where rows lie. The oldest days before `before`
 * (`YYYY-MM-DD`, UTC) that were not laid out yet, `most` of them; returns those. One process at a time; `transact` runs each piece in a
 * transaction of its own.
 */
export async function layOutDays(
  transact: <T>(work: (manager: EntityManager) => Promise<T>) => Promise<T>,
  before: string,
  most: number,
): Promise<readonly string[]> {
  const laidOut: string[] = [];
  while (laidOut.length < most) {
    const next = await transact((manager) => nextDay(manager, before));
    if (next === undefined) break;
    const parts = Math.ceil(next.rows / ROWS_AT_ONCE);
    for (let part = 0; part < parts; part += 1) {
      const isMoved = await transact((manager) => move(manager, next.day, parts, part));
      if (!isMoved) return laidOut;
    }
    await transact((manager) =>
      manager.query(
        `INSERT INTO app_state (name, value) VALUES ($1, jsonb_build_object('until', $2::text))
         ON CONFLICT (name) DO UPDATE SET value = excluded.value`,
        [PROGRESS, next.day],
      ),
    );
    laidOut.push(next.day);
  }
  return laidOut;
}

async function nextDay(
  manager: EntityManager,
  before: string,
): Promise<{ day: string; rows: number } | undefined> {
  const rows: { day: string; rows: number }[] = await manager.query(
    `SELECT to_char(next.day, 'YYYY-MM-DD') AS day,
            (SELECT count(*)::int FROM daily_activity_keys k WHERE k.facet = 'key' AND k.day = next.day) AS rows
       FROM (SELECT day FROM daily_activity_keys WHERE facet = 'key' AND day < $1::date
               AND day > coalesce((SELECT (value ->> 'until')::date FROM app_state WHERE name = $2), '-infinity')
              ORDER BY day LIMIT 1) AS next`,
    [before, PROGRESS],
  );
  return rows[0];
}

/** False: somebody holds the days in place. Locks are taken in the order in which the drain takes them. */
async function move(manager: EntityManager, day: string, parts: number, part: number): Promise<boolean> {
  const [lock]: { mine: boolean }[] = await manager.query(
    `SELECT pg_try_advisory_xact_lock(${MOVING}) AS mine`,
  );
  if (lock?.mine !== true) return false;
  await manager.query(
    `WITH held AS MATERIALIZED (
       SELECT row_id FROM daily_activity_keys
        WHERE facet = 'key' AND day = $1::date AND (hashtextextended(coalesce(team_id, user_id, key_id, ''), 0) & 65535) % $2::int = $3::int
        ORDER BY ${ORDER_OF_ROWS} FOR UPDATE
     ), gone AS (
       DELETE FROM daily_activity_keys d USING held WHERE d.facet = 'key' AND d.day = $1::date AND d.row_id = held.row_id RETURNING d.*
     )
     INSERT INTO daily_activity_keys SELECT * FROM gone ORDER BY ${ORDER_OF_ROWS}`,
    [day, parts, part],
  );
  return true;
}
