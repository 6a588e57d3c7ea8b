import type { EntityManager } from 'typeorm';
import type { Items } from './record.js';
import { ERASED } from './verify-chain.js';

const AT_ONCE = 500;
/** What tells where somebody was; goes with whatever the person did itself. */
const OF_THE_ACTOR = ['actorUserId', 'actorIp', 'requestId'];

/** What was taken, for the record that makes its absence right: event -> names. */
export type Cleared = Record<string, readonly string[]>;

/**
 * Takes the values out of the trail that name a person, and those that tell where it was when it acted. The records stay, so the
 * chain still verifies; whoever takes must `record` what was taken, in the same transaction.
 */
export async function clearAuditValues(
  manager: Pick<EntityManager, 'query'>,
  pattern: string,
  ids: readonly string[],
): Promise<Cleared> {
  const regexp = new RegExp(pattern, 'i');
  const cleared: Cleared = {};
  for (let after = ''; ;) {
    const rows: { id: string; actor: string | null; items: Items }[] = await manager.query(
      `SELECT e.id, e.actor_user_id AS actor, v.items FROM audit_events e JOIN audit_values v ON v.event_id = e.id
       WHERE e.id > $1 AND (e.actor_user_id = ANY ($3::text[]) OR EXISTS (SELECT FROM jsonb_each(v.items) AS item WHERE item.value ->> 1 ~* $2)) ORDER BY e.id LIMIT ${AT_ONCE}`,
      [after, pattern, ids],
    );
    for (const row of rows) {
      const isActor = row.actor !== null && ids.includes(row.actor);
      const names = Object.entries(row.items)
        .filter(([name, [, text]]) => (isActor && OF_THE_ACTOR.includes(name)) || regexp.test(text))
        .map(([name]) => name);
      if (names.length === 0) continue;
      cleared[row.id] = names;
      await manager.query('UPDATE audit_values SET items = items - $2::text[] WHERE event_id = $1', [
        row.id,
        names,
      ]);
      await manager.query(
        `UPDATE audit_events SET
           actor_user_id = CASE WHEN 'actorUserId' = ANY ($2::text[]) THEN NULL ELSE actor_user_id END,
           actor_ip = CASE WHEN 'actorIp' = ANY ($2::text[]) THEN NULL ELSE actor_ip END,
           request_id = CASE WHEN 'requestId' = ANY ($2::text[]) THEN NULL ELSE request_id END,
           noun_id = CASE WHEN 'nounId' = ANY ($2::text[]) THEN $3 ELSE noun_id END
         WHERE id = $1`,
        [row.id, names, ERASED],
      );
    }
    const last = rows.at(-1)?.id;
    if (rows.length < AT_ONCE || last === undefined) return cleared;
    after = last;
  }
}
