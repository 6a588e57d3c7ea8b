import { createWriteStream, readFileSync } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type AuditReport, exportAudit, InstallationKey, verifyDatabase, verifyExport } from '#libs/audit';
import type { CommandOptions } from './options.js';
import { readConfig } from './read-config.js';
import { withStore } from './with-store.js';

/** Exit 0: everything recorded is there as it was recorded. 1: something is not, or nothing could be read. */
export async function verify(options: CommandOptions): Promise<number> {
  const publicKey =
    options['public-key'] === undefined ? undefined : readFileSync(options['public-key'], 'utf8');
  if (options.export !== undefined) return tell(await verifyExport(options.export, publicKey));
  const config = await readConfig(options);
  const { dataDir } = config.server;
  const key = InstallationKey.existing(config.secrets.saltKey, dataDir);
  return withStore(config, options.database, async (dataSource) =>
    tell(await verifyDatabase(dataSource, { dataDir, publicKey, key })),
  );
}

/** The trail as JSON lines, to a file or to standard output. */
export async function exportTrail(options: CommandOptions): Promise<number> {
  const config = await readConfig(options);
  const { dataDir } = config.server;
  const key = InstallationKey.open(config.secrets.saltKey, dataDir);
  return withStore(config, options.database, async (dataSource) => {
    const lines = Readable.from(exportAudit(dataSource, key, dataDir));
    if (options.out !== undefined) {
      await pipeline(lines, createWriteStream(options.out, { mode: 0o600 }));
      return 0;
    }
    try {
      await pipeline(lines, process.stdout, { end: false });
    } catch (error) {
      // Whoever reads has seen enough (`| head`): no failure of ours.
      if ((error as NodeJS.ErrnoException).code !== 'EPIPE') throw error;
    }
    return 0;
  });
}

function tell({ isSound, findings, chains, erasedValues, keyIds }: AuditReport): number {
  const lines = findings.map(({ message }) => `wrong  ${message}`);
  for (const { chain, rows, provenUpTo, unsealed } of chains) {
    lines.push(`chain  ${chain}: ${rows} rows, proven up to ${provenUpTo} by signed checkpoints.`);
    if (rows > provenUpTo) lines.push(`look   ${chain}: unproven after ${provenUpTo}.`);
    if (unsealed > 0) lines.push(`look   ${chain}: ${unsealed} rows are not sealed yet.`);
  }
  if (erasedValues > 0)
    lines.push(`note   ${erasedValues} values were erased, each with a record of its erasure.`);
  lines.push(
    keyIds.length === 0
      ? 'look   No public key is at hand, so no checkpoint could be believed: pass --public-key FILE, or --data-dir.'
      : `note   Checkpoints were checked with the public key ${keyIds.join(', ')}.`,
    isSound ? 'The audit trail is sound.' : 'The audit trail was tampered with.',
  );
  process.stdout.write(`${lines.join('\n')}\n`);
  return isSound ? 0 : 1;
}
