import type { EntityManager } from 'typeorm';
import { lockName } from '#libs/database';
import { DAY_MS } from '#libs/kernel';
import { type AuditTrail, NOBODY } from './audit-trail.js';
import { CHAINS } from './chain.js';

/**
 * Lets the beginning of each chain go that is older than `before`, up to a checkpoint, and says so in the chain: what is left still
 * verifies. Returns how many rows went. Call it in a transaction.
 */
export async function pruneAudit(
  manager: Pick<EntityManager, 'query'>,
  trail: AuditTrail,
  before: Date,
): Promise<number> {
  let pruned = 0;
  await lockName(manager, 'tollgate.audit-sealer');
  for (const chain of CHAINS) {
    // What an erasure took from a row of either chain is said in `changes`: that one stays a day longer.
    const limit = chain === 'changes' ? new Date(before.getTime() - DAY_MS) : before;
    const [end]: { seq: string; hash: string }[] = await manager.query(
      `SELECT c.seq, c.hash FROM audit_checkpoints c JOIN audit_events e ON e.chain = c.chain AND e.seq = c.seq
       WHERE c.chain = $1 AND e.at < $2 AND c.seq < (SELECT max(seq) FROM audit_events WHERE chain = $1)
       ORDER BY c.seq DESC LIMIT 1`,
      [chain, limit],
    );
    if (!end) continue;
    await manager.query(
      `DELETE FROM audit_values WHERE event_id IN (SELECT id FROM audit_events WHERE chain = $1 AND seq <= $2)`,
      [chain, end.seq],
    );
    const gone: [unknown, number] = await manager.query(
      'DELETE FROM audit_events WHERE chain = $1 AND seq <= $2',
      [chain, end.seq],
    );
    await manager.query('DELETE FROM audit_checkpoints WHERE chain = $1 AND seq < $2', [chain, end.seq]);
    await trail.record(manager, {
      actor: NOBODY,
      action: 'pruned',
      noun: 'audit',
      nounId: chain,
      after: { rows: gone[1] },
      pruned: { chain, upTo: end.seq, hash: end.hash },
    });
    pruned += gone[1];
  }
  return pruned;
}
