import { randomBytes } from 'node:crypto';
import {
  existsSync,
  linkSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { isAlive, startOf } from './processes.js';

interface Holder {
  readonly pid: number;
  readonly start: string | undefined;
  readonly host: string;
}

const TOUCH_MS = 5_000;
/** Four touches missed: a holder on another host (a container that shares the volume) is then taken for dead. */
const STALE_MS = 20_000;

/** The data directory is in use; the message says by whom. */
export class DirectoryInUse extends Error {
  override readonly name = 'DirectoryInUse';
}

/**
 * Keeps a data directory to one process at a time. A holder that died is found out by its process id and start time; one
 * on another host, whose processes cannot be seen from here, by a file that it no longer touches.
 */
export class DirectoryLock {
  private readonly timer: NodeJS.Timeout;

  private constructor(
    private readonly file: string,
    private readonly content: string,
  ) {
    this.timer = setInterval(() => this.touch(), TOUCH_MS);
    this.timer.unref();
  }

  /** Throws `DirectoryInUse` when somebody else holds it; waits for a holder on another host that may be dead. */
  static async take(dataDir: string, staleMs: number = STALE_MS): Promise<DirectoryLock> {
    const file = join(dataDir, 'tollgate.lock');
    const own: Holder = { pid: process.pid, start: startOf(process.pid), host: hostname() };
    const content = JSON.stringify({ ...own, nonce: randomBytes(8).toString('hex') });
    const deadline = performance.now() + staleMs + 2_000;
    for (;;) {
      if (tryCreate(file, content)) return new DirectoryLock(file, content);
      const held = read(file);
      if (held === undefined) continue;
      const verdict = judge(file, held.holder, staleMs);
      if (verdict === 'dead') removeExactly(file, held.content);
      else if (verdict === 'alive' || performance.now() >= deadline) throw inUse(dataDir, held.holder);
      else await new Promise((resolve) => setTimeout(resolve, 500));
    }
  }

  release(): void {
    clearInterval(this.timer);
    removeExactly(this.file, this.content);
  }

  private touch(): void {
    const now = new Date();
    if (existsSync(this.file)) utimesSync(this.file, now, now);
  }
}

/** Written beside and linked, so that nobody ever reads half a lock. */
function tryCreate(file: string, content: string): boolean {
  const beside = `${file}.${randomBytes(6).toString('hex')}`;
  writeFileSync(beside, content, { mode: 0o600, flag: 'wx' });
  try {
    linkSync(beside, file);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') return false;
    // Some network and container file systems have no links.
    if (code === 'EPERM' || code === 'ENOTSUP' || code === 'ENOSYS') return tryWrite(file, content);
    throw error;
  } finally {
    rmSync(beside, { force: true });
  }
}

function tryWrite(file: string, content: string): boolean {
  try {
    writeFileSync(file, content, { mode: 0o600, flag: 'wx' });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

function read(file: string): { holder: Holder | undefined; content: string } | undefined {
  let content: string;
  try {
    content = readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  try {
    return { holder: JSON.parse(content) as Holder, content };
  } catch {
    // Damaged by a power cut: nobody who lives wrote it.
    return { holder: undefined, content };
  }
}

function judge(file: string, holder: Holder | undefined, staleMs: number): 'alive' | 'dead' | 'unknown' {
  if (holder === undefined) return 'dead';
  if (holder.host === hostname()) {
    return isAlive(holder.pid) && startOf(holder.pid) === holder.start ? 'alive' : 'dead';
  }
  const touchedAt = statSync(file, { throwIfNoEntry: false })?.mtimeMs;
  return touchedAt === undefined || Date.now() - touchedAt > staleMs ? 'dead' : 'unknown';
}

/** Removes the lock only if it is still the one that was judged: in between somebody quicker may have taken it. */
function removeExactly(file: string, content: string): void {
  const aside = `${file}.${randomBytes(6).toString('hex')}`;
  try {
    renameSync(file, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  if (readFileSync(aside, 'utf8') !== content) renameSync(aside, file);
  else rmSync(aside, { force: true });
}

function inUse(dataDir: string, holder: Holder | undefined): DirectoryInUse {
  const who = holder ? `process ${holder.pid} on ${holder.host}` : 'another process';
  return new DirectoryInUse(
    `The data directory ${dataDir} is in use by ${who}. Stop it, or start with another --data-dir; to run several, give all of them the same DATABASE_URL and REDIS_URL.`,
  );
}
