import type { DataSource } from 'typeorm';
import type { Checkpoint } from './chain.js';
import type { Chain, Items } from './record.js';
import type { AuditRow } from './verify-chain.js';

/** Small, because judging a page of rows blocks whoever serves beside it. */
const PAGE = 200;

interface StoredRow {
  readonly id: string;
  readonly chain: Chain;
  readonly at: Date;
  readonly actor_user_id: string | null;
  readonly actor_key_id: string | null;
  readonly actor_ip: string | null;
  readonly request_id: string | null;
  readonly action: string;
  readonly noun: string;
  readonly noun_id: string;
  readonly record: string | null;
  readonly mac: string | null;
  readonly seq: string | null;
  readonly hash: string | null;
  readonly items: Items | null;
}

type Queries = Pick<DataSource, 'query'>;

/** The trail as it is stored, each chain in its order, then what is not sealed; a page at a time. */
export async function* auditRows(database: Queries): AsyncGenerator<AuditRow> {
  for (const chain of ['changes', 'access'] as const) {
    for (let after = '0'; ;) {
      const rows: StoredRow[] = await database.query(
        `SELECT e.*, v.items FROM audit_events e LEFT JOIN audit_values v ON v.event_id = e.id
         WHERE e.chain = $1 AND e.seq > $2 ORDER BY e.seq LIMIT ${PAGE}`,
        [chain, after],
      );
      yield* rows.map(toRow);
      const last = rows.at(-1)?.seq;
      if (rows.length < PAGE || last === null || last === undefined) break;
      after = last;
    }
  }
  // What is sealed from here on was seen or is newer: a row is judged once, because its id says whether it was.
  const unsealed: StoredRow[] = await database.query(
    `SELECT e.*, v.items FROM audit_events e LEFT JOIN audit_values v ON v.event_id = e.id
     WHERE e.seq IS NULL ORDER BY e.at, e.id LIMIT 100000`,
  );
  yield* unsealed.map(toRow);
}

function toRow(row: StoredRow): AuditRow {
  const { id, chain, record, mac, hash, items } = row;
  return {
    id,
    chain,
    record,
    mac,
    hash,
    items,
    seq: row.seq === null ? null : BigInt(row.seq),
    shown: {
      at: row.at.toISOString(),
      actorUserId: row.actor_user_id,
      actorKeyId: row.actor_key_id,
      actorIp: row.actor_ip,
      requestId: row.request_id,
      action: row.action,
      noun: row.noun,
      nounId: row.noun_id,
    },
  };
}

export async function storedCheckpoints(database: Queries): Promise<Checkpoint[]> {
  const rows: {
    chain: Chain;
    seq: string;
    hash: string;
    at: Date;
    key_id: string;
    signature: string;
  }[] = await database.query('SELECT * FROM audit_checkpoints ORDER BY chain, seq');
  return rows.map(({ chain, seq, hash, at, key_id: keyId, signature }) => ({
    chain,
    seq: BigInt(seq),
    hash,
    at: at.toISOString(),
    keyId,
    signature,
  }));
}
