import { Injectable } from '@nestjs/common';
import { newId } from '#libs/kernel';
import type { EntityManager } from 'typeorm';
import { auditCopy } from './audit-copy.js';
import { InstallationKey } from './installation-key.js';
import { type Actor, type Chain, type Happening, macOf, toRecord } from './record.js';

export type AuditAction =
  | 'created'
  | 'updated'
  | 'deleted'
  | 'blocked'
  | 'unblocked'
  | 'rotated'
  | 'read'
  | 'used'
  | 'exported'
  | 'erased'
  | 'signed_in'
  | 'refused'
  | 'suppressed'
  | 'pruned';

/** What is written of one thing that happened; `before` and `after` are whole rows, whose secrets are masked here. */
export interface AuditEntry {
  readonly actor: Actor;
  readonly action: AuditAction;
  readonly noun: string;
  readonly nounId: string;
  readonly before?: object | null;
  readonly after?: object | null;
  readonly at?: Date;
  /** A name of its own makes a thing be recorded once, however often and by whomever it is told. */
  readonly id?: string;
  readonly cleared?: Happening['cleared'];
  readonly pruned?: Happening['pruned'];
}

export const NOBODY: Actor = { userId: null, keyId: null, ip: null, requestId: null };

/** Made with this purpose's key, a row's mac shows that this product wrote it. */
export const MAC_PURPOSE = 'audit rows';

const COLUMNS = [
  'id', 'chain', 'at', 'actor_user_id', 'actor_key_id', 'actor_ip', 'request_id', 'action', 'noun', 'noun_id', 'record', 'mac',
] as const; // prettier-ignore

const INSERT = `
  WITH e AS (SELECT * FROM jsonb_to_recordset($1::jsonb) AS e(${COLUMNS.map((name) => `${name} ${name === 'at' ? 'timestamptz' : 'text'}`).join(', ')}, items jsonb)),
  kept AS (INSERT INTO audit_values (event_id, items) SELECT id, items FROM e ON CONFLICT DO NOTHING)
  INSERT INTO audit_events (${COLUMNS.join(', ')}) SELECT ${COLUMNS.join(', ')} FROM e ON CONFLICT DO NOTHING`;

/**
 * Writes who did what to which row, inside the transaction of what was done: the deed and its record are there together or not
 * at all. Secrets are masked, so the audit trail never becomes a second place to steal them from.
 */
@Injectable()
export class AuditTrail {
  readonly #key: Buffer;
  readonly #keyName: string;

  constructor(key: InstallationKey) {
    this.#key = key.derive(MAC_PURPOSE);
    this.#keyName = key.nameOf(MAC_PURPOSE);
  }

  /** One statement, however many entries. Returns their ids. */
  async record(
    manager: Pick<EntityManager, 'query'>,
    entries: AuditEntry | readonly AuditEntry[],
    chain: Chain = 'changes',
  ): Promise<readonly string[]> {
    const list: readonly AuditEntry[] = Array.isArray(entries) ? entries : [entries];
    if (list.length === 0) return [];
    const rows = list.map((entry) => this.rowOf(entry, chain));
    await manager.query(INSERT, [JSON.stringify(rows)]);
    return rows.map(({ id }) => id);
  }

  /** A row as it is stored, columns by name. */
  rowOf(entry: AuditEntry, chain: Chain, id: string = entry.id ?? newId('audit')) {
    const { actor, action, noun, before, after } = entry;
    const at = entry.at ?? new Date();
    // PostgreSQL keeps no NUL; names of things come from requests.
    const nounId = storable(entry.nounId);
    const kept: Actor = {
      userId: storable(actor.userId),
      keyId: actor.keyId,
      ip: storable(actor.ip),
      requestId: storable(actor.requestId),
    };
    const { record, items } = toRecord({
      id,
      chain,
      at,
      actor: kept,
      action,
      noun,
      nounId,
      before: before ? auditCopy(before) : null,
      after: after ? auditCopy(after) : null,
      ...(entry.cleared && { cleared: entry.cleared }),
      ...(entry.pruned && { pruned: entry.pruned }),
    });
    return {
      id,
      chain,
      at: at.toISOString(),
      actor_user_id: kept.userId,
      actor_key_id: kept.keyId,
      actor_ip: kept.ip,
      request_id: kept.requestId,
      action,
      noun,
      noun_id: nounId,
      record,
      mac: macOf(this.#key, this.#keyName, record),
      items,
    };
  }
}

const LONGEST_NAME = 1_024;

function storable<T extends string | null>(text: T): T {
  return text === null ? text : (text.replaceAll('\0', '').slice(0, LONGEST_NAME) as T);
}
