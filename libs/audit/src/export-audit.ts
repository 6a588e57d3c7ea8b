import type { DataSource } from 'typeorm';
import { auditRows, storedCheckpoints } from './audit-rows.js';
import { type Checkpoint, CheckpointSigner } from './chain.js';
import { ExportDigest, type ExportEnd } from './export-end.js';
import { CheckpointFile, checkpointLine, parseCheckpoint } from './checkpoint-file.js';
import type { InstallationKey } from './installation-key.js';
import { type Chain, readable } from './record.js';
import type { AuditRow } from './verify-chain.js';

type ExportLine =
  | { readonly type: 'header'; readonly publicKey: string }
  | { readonly type: 'event'; readonly row: AuditRow }
  | { readonly type: 'checkpoint'; readonly checkpoint: Checkpoint }
  | { readonly type: 'end'; readonly end: ExportEnd };

const FORMAT = 'tollgate-audit-1';

/**
 * The whole trail as JSON lines: a header with the public key, each event with what it takes to check it and what it
 * takes to read it, the checkpoints, a fresh one at the end of each chain, and a signature over all of it, so that an export proves all of itself.
 */
export async function* exportAudit(
  database: Pick<DataSource, 'query'>,
  key: InstallationKey,
  dataDir: string,
): AsyncGenerator<string> {
  const signer = new CheckpointSigner(key);
  const digest = new ExportDigest();
  for await (const line of linesOf(database, signer, dataDir)) {
    digest.add(line);
    yield `${line}\n`;
  }
  yield `${JSON.stringify({ type: 'end', ...digest.end(signer, new Date()) })}\n`;
}

async function* linesOf(
  database: Pick<DataSource, 'query'>,
  signer: CheckpointSigner,
  dataDir: string,
): AsyncGenerator<string> {
  const { publicKey } = signer;
  yield JSON.stringify({ type: 'header', format: FORMAT, at: new Date().toISOString(), publicKey });
  const heads = new Map<Chain, { seq: bigint; hash: string }>();
  const checkpoints = new Map<string, Checkpoint>();
  for (const one of [...(await storedCheckpoints(database)), ...new CheckpointFile(dataDir).checkpoints()])
    checkpoints.set(`${one.chain} ${one.seq} ${one.keyId}`, one);
  for await (const row of auditRows(database)) {
    if (row.seq !== null && row.hash !== null) heads.set(row.chain, { seq: row.seq, hash: row.hash });
    yield exportLine(row);
  }
  for (const checkpoint of checkpoints.values())
    yield `{"type":"checkpoint",${checkpointLine(checkpoint).slice(1)}`;
  for (const [chain, { seq, hash }] of heads) {
    const last = signer.sign(chain, seq, hash, new Date());
    yield `{"type":"checkpoint",${checkpointLine(last).slice(1)}`;
  }
}

function exportLine({ id, chain, seq, hash, mac, record, items }: AuditRow): string {
  return JSON.stringify({
    type: 'event',
    id,
    chain,
    seq: seq?.toString() ?? null,
    hash,
    mac,
    record,
    items,
    event: record === null ? null : readable(record, items ?? {}),
  });
}

/** Throws, naming the line, when it is not one of an export. */
export function parseExportLine(text: string, number: number): ExportLine {
  const checkpoint = parseCheckpoint(text);
  let line: { type?: string; publicKey?: string } & Record<string, unknown>;
  try {
    line = JSON.parse(text) as typeof line;
  } catch (cause) {
    throw new Error(`line ${number} of the export is not JSON`, { cause });
  }
  if (line.type === 'checkpoint' && checkpoint) return { type: 'checkpoint', checkpoint };
  if (line.type === 'header' && typeof line.publicKey === 'string')
    return { type: 'header', publicKey: line.publicKey };
  if (line.type === 'end' && typeof line['keyId'] === 'string' && typeof line['signature'] === 'string')
    return { type: 'end', end: line as unknown as ExportEnd };
  if (line.type !== 'event') throw new Error(`line ${number} of the export is of no known kind`);
  const { seq } = line;
  const row = { ...line, seq: typeof seq === 'string' ? BigInt(seq) : null } as unknown as AuditRow;
  return { type: 'event', row };
}
