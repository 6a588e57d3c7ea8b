import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, chown, mkdir, mkdtemp, readFile, rename, rm, rmdir, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Secret } from '#libs/kernel';
import type { Logger } from '#libs/telemetry';
import { findBinaries } from './binaries.js';
import { canReach, findServerAccount, reachableBinaries, type ServerAccount } from './server-account.js';

export const SUPERUSER = 'tollgate';

/** A cluster on disk, ready to be served. */
export interface Cluster {
  readonly directory: string;
  /** Where the programs are, for the account that runs them. */
  readonly programs: string;
  readonly account: ServerAccount | undefined;
  /** How the server names the directory to itself. */
  readonly dataArgument: string;
  readonly password: Secret;
}

/**
 * When root's directories bar the server's account from its own one, it is started inside it and calls it by this name:
 * a process may always enter where it already is.
 */
const WHERE_I_AM = '/proc/self/cwd';

/** Finds or makes the cluster in `dataDir/postgres`. The caller holds the lock of `dataDir`. */
export async function openCluster(dataDir: string, logger: Logger, throwAway: boolean): Promise<Cluster> {
  const binaries = findBinaries();
  const account = await findServerAccount(logger);
  const programs = account ? await reachableBinaries(binaries, account, logger) : binaries.root;
  const directory = join(dataDir, 'postgres');
  const reachable = account === undefined || (await canReach(dataDir, account));
  if (!reachable && process.platform !== 'linux') {
    throw new Error(
      `The user "postgres" cannot reach ${dataDir}. Choose a --data-dir outside root's home directory.`,
    );
  }
  const isNew = !existsSync(join(directory, 'PG_VERSION'));
  const password = await ownPassword(join(dataDir, 'postgres.password'), isNew);
  const cluster = { programs, account, password };
  if (isNew) {
    const half = `${directory}.new`;
    await rm(half, { recursive: true, force: true });
    await mkdir(half, { mode: 0o700 });
    await initialise({ ...cluster, directory: half, dataArgument: reachable ? half : WHERE_I_AM }, throwAway);
    await removeIfEmpty(directory);
    await rename(half, directory);
  } else {
    await assertSameMajor(directory, binaries.majorVersion);
    if (account && (await stat(directory)).uid !== account.uid) {
      throw new Error(
        `${directory} belongs to another user than "postgres". It was made by a start that was not root's.`,
      );
    }
  }
  return { ...cluster, directory, dataArgument: reachable ? directory : WHERE_I_AM };
}

async function initialise(cluster: Cluster, throwAway: boolean): Promise<void> {
  const { account, directory } = cluster;
  const handover = await mkdtemp(join(tmpdir(), 'tollgate-'));
  const passwordFile = join(handover, 'password');
  try {
    await writeFile(passwordFile, `${cluster.password.reveal()}\n`, { mode: 0o600 });
    for (const path of account ? [handover, passwordFile, directory] : [])
      await chown(path, account?.uid ?? 0, account?.gid ?? 0);
    await runInitdb(cluster, [
      `--pgdata=${cluster.dataArgument}`,
      `--username=${SUPERUSER}`,
      `--pwfile=${passwordFile}`,
      '--auth=scram-sha-256',
      '--encoding=UTF8',
      // The server's own collation: the system's changes with its C library, and takes the indexes along.
      '--locale=C',
      '--locale-provider=builtin',
      '--builtin-locale=C.UTF-8',
      '--no-instructions',
      ...(throwAway ? ['--no-sync'] : []),
    ]);
  } finally {
    await rm(handover, { recursive: true, force: true });
  }
}

function runInitdb({ programs, directory, account }: Cluster, flags: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(join(programs, 'bin', 'initdb'), flags, {
      ...account,
      cwd: directory,
      env: { LC_ALL: 'C', PATH: '/usr/bin:/bin' },
      stdio: ['ignore', 'ignore', 'pipe'],
      detached: true,
    });
    let said = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => (said = (said + text).slice(-2_000)));
    child.once('error', reject);
    child.once('close', (code) => {
      if (code === 0) resolve();
      else
        reject(
          new Error(`The embedded PostgreSQL could not be made (initdb ended with ${code}): ${said.trim()}`),
        );
    });
  });
}

/** The superuser's password, readable by its owner only. Made together with the cluster; it cannot be made again without it. */
async function ownPassword(file: string, isNew: boolean): Promise<Secret> {
  if (isNew) {
    const password = randomBytes(24).toString('hex');
    await writeFile(`${file}.new`, `${password}\n`, { mode: 0o600 });
    await rename(`${file}.new`, file);
    return new Secret(password);
  }
  if (!existsSync(file)) {
    throw new Error(
      `${file} is missing: it holds the password of the embedded PostgreSQL beside it. Restore it from a backup.`,
    );
  }
  await chmod(file, 0o600);
  return new Secret((await readFile(file, 'utf8')).trim());
}

/** An empty directory is in the way of the rename; one with files in it is never touched. */
async function removeIfEmpty(directory: string): Promise<void> {
  if (existsSync(directory)) await rmdir(directory);
}

async function assertSameMajor(directory: string, majorVersion: string): Promise<void> {
  const stored = (await readFile(join(directory, 'PG_VERSION'), 'utf8')).trim();
  if (stored === majorVersion) return;
  throw new Error(
    `${directory} was made by PostgreSQL ${stored}, and this version of Tollgate brings PostgreSQL ${majorVersion}. Dump it with the older version and load it into a fresh data directory.`,
  );
}
