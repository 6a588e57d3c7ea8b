import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, rename, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import type { Logger } from '#libs/telemetry';
import type { Binaries } from './binaries.js';

const run = promisify(execFile);

/** The unprivileged account that the server runs as when we are root; PostgreSQL refuses to run as root. */
export interface ServerAccount {
  readonly uid: number;
  readonly gid: number;
}

/** The account to run the server as; undefined: our own. As root it is `postgres`, made when there is none. */
export async function findServerAccount(logger: Logger): Promise<ServerAccount | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const existing = await lookUp('postgres');
  if (existing) return existing;
  logger.info(
    {},
    'Running as root: making a system user "postgres", because PostgreSQL does not run as root.',
  );
  try {
    await run('useradd', [
      '--system',
      '--user-group',
      '--no-create-home',
      '--shell',
      '/usr/sbin/nologin',
      'postgres',
    ]);
  } catch (cause) {
    throw new Error(
      'PostgreSQL does not run as root, and a user "postgres" could not be made. Start Tollgate as another user, or set DATABASE_URL.',
      { cause },
    );
  }
  const made = await lookUp('postgres');
  if (!made) throw new Error('The user "postgres" was made and cannot be found.');
  return made;
}

async function lookUp(name: string): Promise<ServerAccount | undefined> {
  try {
    const [uid, gid] = await Promise.all([run('id', ['-u', name]), run('id', ['-g', name])]);
    return { uid: Number(uid.stdout), gid: Number(gid.stdout) };
  } catch {
    // `id` fails for a name it does not know.
    return undefined;
  }
}

/** Whether `account` may enter `path` and everything above it. A home directory of root's usually may not be entered. */
export async function canReach(path: string, account: ServerAccount): Promise<boolean> {
  const { mode, uid, gid } = await stat(path);
  const shift = uid === account.uid ? 6 : gid === account.gid ? 3 : 0;
  if (((mode >> shift) & 0o1) === 0) return false;
  return path === dirname(path) || canReach(dirname(path), account);
}

/**
 * Where `account` can run the binaries from: where they are, or else (the project lies in root's home directory) a copy
 * in the system's cache, made once a version. Only root can write there, so nobody can slip in another program.
 */
export async function reachableBinaries(
  binaries: Binaries,
  account: ServerAccount,
  logger: Logger,
): Promise<string> {
  if (await canReach(join(binaries.root, 'bin'), account)) return binaries.root;
  const cache = (await prepareCache()) ?? (await mkdtemp(join(tmpdir(), 'tollgate-postgres-')));
  const copy = join(cache, `postgres-${binaries.version}-${process.arch}`);
  if (!(await exists(copy))) {
    logger.info({ copy }, 'Copying the embedded PostgreSQL to where its user can run it.');
    const half = await mkdtemp(join(cache, 'copying-'));
    await cp(binaries.root, join(half, 'native'), { recursive: true, verbatimSymlinks: true });
    // Renamed when whole, so that a copy that was interrupted is never run; whoever comes second finds it there.
    await rename(join(half, 'native'), copy).catch(async (error: unknown) => {
      if (!(await exists(copy))) throw error;
    });
    await rm(half, { recursive: true, force: true });
  }
  return copy;
}

async function prepareCache(): Promise<string | undefined> {
  const cache = '/var/cache/tollgate';
  try {
    await mkdir(cache, { recursive: true, mode: 0o755 });
    const { uid, mode } = await stat(cache);
    return uid === 0 && (mode & 0o022) === 0 && (mode & 0o5) === 0o5 ? cache : undefined;
  } catch {
    // A read-only root file system: a temporary copy does as well.
    return undefined;
  }
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
