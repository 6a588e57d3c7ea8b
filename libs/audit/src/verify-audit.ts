import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import type { DataSource } from 'typeorm';
import { auditRows, storedCheckpoints } from './audit-rows.js';
import { MAC_PURPOSE } from './audit-trail.js';
import { type Checkpoint, TrustedKeys } from './chain.js';
import { CheckpointFile } from './checkpoint-file.js';
import { parseExportLine } from './export-audit.js';
import { ExportDigest, type ExportEnd } from './export-end.js';
import type { InstallationKey } from './installation-key.js';
import { type AuditReport, ChainVerifier } from './verify-chain.js';

/** Where the proof lies that is not in the database. */
export interface Outside {
  readonly dataDir: string;
  /** PEM; instead of the data directory's. */
  readonly publicKey?: string | undefined;
  /** Absent where only an auditor is at work: then rows that are inserted and not sealed yet are not told from real ones. */
  readonly key?: InstallationKey | undefined;
}

/** Judges the trail in the database by the checkpoints in it and outside of it. Changes nothing. */
export async function verifyDatabase(
  database: Pick<DataSource, 'query'>,
  outside: Outside,
): Promise<AuditReport> {
  const { key } = outside;
  const file = new CheckpointFile(outside.dataDir);
  // Checkpoints first: one that is signed while rows are read speaks of rows that were not there yet.
  const checkpoints = [...(await storedCheckpoints(database)), ...file.checkpoints()];
  const keys =
    outside.publicKey === undefined ? file.trustedKeys() : new TrustedKeys().add(outside.publicKey);
  const mac = key && { key: key.derive(MAC_PURPOSE), name: key.nameOf(MAC_PURPOSE) };
  const verifier = new ChainVerifier(checkpoints, keys, mac);
  for await (const row of auditRows(database)) verifier.add(row);
  return verifier.finish();
}

/** Judges an export by nothing but itself, and a public key when one is given: else by the one it carries. */
export async function verifyExport(path: string, publicKey?: string): Promise<AuditReport> {
  const keys = new TrustedKeys();
  const checkpoints: Checkpoint[] = [];
  const digest = new ExportDigest();
  let end: ExportEnd | undefined;
  for await (const { line, text } of linesOf(path)) {
    // What something follows is no end.
    end = line.type === 'end' ? line.end : undefined;
    if (line.type !== 'end') digest.add(text);
    if (line.type === 'checkpoint') checkpoints.push(line.checkpoint);
    if (line.type === 'header' && publicKey === undefined) keys.add(line.publicKey);
  }
  if (publicKey !== undefined) keys.add(publicKey);
  const verifier = new ChainVerifier(checkpoints, keys);
  for await (const { line } of linesOf(path)) if (line.type === 'event') verifier.add(line.row);
  const report = verifier.finish();
  const problem = digest.problemWith(end, keys);
  if (problem === undefined) return report;
  const findings = [...report.findings, { chain: null, seq: null, message: problem }];
  return { ...report, isSound: false, findings };
}

async function* linesOf(path: string) {
  const lines = createInterface({ input: createReadStream(path), crlfDelay: Number.POSITIVE_INFINITY });
  let number = 0;
  for await (const text of lines) {
    number += 1;
    if (text.trim() !== '') yield { line: parseExportLine(text, number), text };
  }
}
