import { type ChildProcess, spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Logger } from '#libs/telemetry';
import type { Cluster } from './cluster.js';
import { hasEnded } from './processes.js';
import { serverFlags } from './settings.js';

/** Recovery after a power cut replays at most `max_wal_size`. */
const START_TIMEOUT_MS = 60_000;
const START_POLL_MS = 10;
const FIRST_PORT = 15_000;
const LAST_PORT = 32_000;
const PORT_PROBES = 50;

/** A running server process. */
export interface Server {
  readonly pid: number;
  readonly port: number;
  /** Resolves when the process has ended, for whatever reason. */
  readonly ended: Promise<void>;
}

/** Starts the server and waits until it takes connections. Throws with the server's last words when it does not. */
export async function startServer(
  cluster: Cluster,
  port: number,
  logger: Logger,
  throwAway: boolean,
): Promise<Server> {
  const child = spawn(
    join(cluster.programs, 'bin', 'postgres'),
    ['-D', cluster.dataArgument, ...serverFlags(port, throwAway)],
    {
      ...cluster.account,
      cwd: cluster.directory,
      env: { LC_ALL: 'C', TZ: 'UTC', PATH: '/usr/bin:/bin' },
      stdio: ['ignore', 'ignore', 'pipe'],
      // Its own process group: Ctrl-C in a terminal must not stop the database before we have drained into it.
      detached: true,
    },
  );
  const lastWords: string[] = [];
  const lines = createInterface({ input: child.stderr });
  lines.on('line', (line) => {
    lastWords.push(line);
    if (lastWords.length > 10) lastWords.shift();
    // "Administrator command" is our own stop, told to a connection that was just closing: no problem.
    if (/^(FATAL|PANIC):(?!.*due to administrator command)/.test(line))
      logger.warn({ postgres: line }, 'The embedded PostgreSQL reports a problem.');
    else logger.debug({ postgres: line }, 'The embedded PostgreSQL says something.');
  });
  const ended = new Promise<void>((resolve) => {
    child.once('error', (error) => {
      lastWords.push(error.message);
      resolve();
    });
    child.once('close', () => resolve());
  });
  await waitUntilReady(child, join(cluster.directory, 'postmaster.pid'), ended, lastWords);
  // A forgotten server must not keep our process from ending; the exit hook takes it along.
  child.unref();
  return { pid: child.pid ?? 0, port, ended };
}

/** Stops a server: fast (clients are cut off, everything is written), and if it does not answer, at once. */
export async function stopServer(server: Server): Promise<void> {
  for (const signal of ['SIGINT', 'SIGQUIT', 'SIGKILL'] as const) {
    try {
      process.kill(server.pid, signal);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ESRCH') return;
      throw error;
    }
    if (await hasEnded(server.pid, 15_000)) return;
  }
}

/**
 * A free port that no outgoing connection is ever given: the ranges of Linux and macOS begin above. A server that dies must
 * find its port free when it is started again, and it lies idle for a moment then.
 */
export async function findFreePort(): Promise<number> {
  for (let attempt = 0; attempt < PORT_PROBES; attempt += 1) {
    const port = randomInt(FIRST_PORT, LAST_PORT);
    if (await isFree(port)) return port;
  }
  throw new Error(`no free port from ${FIRST_PORT} to ${LAST_PORT}`);
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
  });
}

/** The server itself writes `ready` into its pid file; its log is in any language and can be lost. */
async function waitUntilReady(
  child: ChildProcess,
  pidFile: string,
  ended: Promise<void>,
  lastWords: readonly string[],
): Promise<void> {
  let over = false;
  void ended.then(() => (over = true));
  const deadline = performance.now() + START_TIMEOUT_MS;
  while (!isReady(pidFile, child.pid)) {
    if (over) throw new Error(`The embedded PostgreSQL did not start: ${lastWords.join(' | ')}`);
    if (performance.now() > deadline) {
      child.kill('SIGQUIT');
      throw new Error(
        `The embedded PostgreSQL was not ready within ${START_TIMEOUT_MS / 1000} s: ${lastWords.join(' | ')}`,
      );
    }
    await new Promise((resolve) => setTimeout(resolve, START_POLL_MS));
  }
}

function isReady(pidFile: string, pid: number | undefined): boolean {
  try {
    const lines = readFileSync(pidFile, 'utf8').split('\n');
    return Number(lines[0]) === pid && lines[7]?.trim() === 'ready';
  } catch {
    // Not written yet.
    return false;
  }
}
