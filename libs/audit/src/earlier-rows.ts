import type { EntityManager } from 'typeorm';
import { type AuditAction, AuditTrail } from './audit-trail.js';
import { FOREIGN } from './chain.js';

interface EarlierRow {
  readonly id: string;
  readonly at: Date;
  readonly actor_user_id: string | null;
  readonly actor_key_id: string | null;
  readonly actor_ip: string | null;
  readonly request_id: string | null;
  readonly action: AuditAction;
  readonly noun: string;
  readonly noun_id: string;
  readonly items: {
    readonly earlier?: { readonly before: object | null; readonly after: object | null };
  } | null;
}

/**
 * Rows without a record are of a release before there was a chain; they get one before the chain begins. Found later,
 * somebody has put them there.
 */
export async function adoptEarlierRows(
  manager: EntityManager,
  trail: AuditTrail,
  isBeginning: boolean,
): Promise<void> {
  const rows: EarlierRow[] = await manager.query(
    `SELECT e.*, v.items FROM audit_events e LEFT JOIN audit_values v ON v.event_id = e.id
     WHERE e.seq IS NULL AND e.record IS NULL ORDER BY e.at, e.id LIMIT 1000`,
  );
  for (const row of rows) {
    const { earlier } = row.items ?? {};
    const actor = {
      userId: row.actor_user_id,
      keyId: row.actor_key_id,
      ip: row.actor_ip,
      requestId: row.request_id,
    };
    const { action, noun, noun_id: nounId, at } = row;
    const adopted = trail.rowOf(
      { actor, action, noun, nounId, at, before: earlier?.before ?? null, after: earlier?.after ?? null },
      'changes',
      row.id,
    );
    await manager.query('UPDATE audit_events SET record = $2, mac = $3 WHERE id = $1', [
      row.id,
      adopted.record,
      isBeginning ? adopted.mac : FOREIGN,
    ]);
    await manager.query(
      `INSERT INTO audit_values (event_id, items) VALUES ($1, $2)
       ON CONFLICT (event_id) DO UPDATE SET items = excluded.items`,
      [row.id, JSON.stringify(adopted.items)],
    );
  }
}
