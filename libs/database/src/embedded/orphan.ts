import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Logger } from '#libs/telemetry';
import { hasEnded, isServerOf } from './processes.js';

/**
 * Ends the server that an earlier process left behind when it was killed, and clears its pid file. It is not adopted:
 * its log goes nowhere and its settings may be an older version's, and a fast shutdown takes a tenth of a second.
 */
export async function endOrphan(directory: string, logger: Logger): Promise<void> {
  const pidFile = join(directory, 'postmaster.pid');
  const pid = readPid(pidFile);
  if (pid === undefined) return;
  if (!isServerOf(pid, directory)) {
    // The id may belong to somebody else by now; the server would take that process for a rival and refuse to start.
    rmSync(pidFile, { force: true });
    return;
  }
  logger.warn({ pid }, 'An embedded PostgreSQL was left running by a process that was killed; stopping it.');
  for (const signal of ['SIGINT', 'SIGQUIT'] as const) {
    process.kill(pid, signal);
    if (await hasEnded(pid, 10_000)) return;
  }
  throw new Error(
    `The embedded PostgreSQL left behind (process ${pid}) does not stop. End it and start again.`,
  );
}

export function readPid(pidFile: string): number | undefined {
  try {
    const pid = Number(readFileSync(pidFile, 'utf8').split('\n')[0]);
    return Number.isInteger(pid) && pid > 1 ? pid : undefined;
  } catch {
    // No file, no server.
    return undefined;
  }
}
