import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import type { Config } from '#libs/config';

/** A log that is larger is the log collector's to clean: reading it whole would take the process's memory. */
const MOST_LOG_BYTES = 256 * 1024 * 1024;

/**
 * Takes a person out of files outside the store: `LOG_FILE`, and the SQLite copy of the request log. Returns how many places
 * were changed, by file, and what could not be reached.
 */
export function eraseFromFiles(
  config: Config,
  pattern: RegExp,
  standIn: string,
): { readonly counts: Record<string, number>; readonly untouched: readonly string[] } {
  const counts: Record<string, number> = {};
  const untouched: string[] = [];
  const log = config.logging.file;
  if (log !== undefined && existsSync(log)) {
    if (statSync(log).size > MOST_LOG_BYTES) untouched.push('LOG_FILE (too large)');
    else counts['LOG_FILE'] = eraseFromLog(log, pattern, standIn);
  }
  const mirror = config.stores.sqliteMirror;
  if (mirror !== undefined && existsSync(mirror))
    counts['request_log'] = eraseFromMirror(mirror, pattern, standIn);
  return { counts, untouched };
}

/** In place: whoever writes the file appends to it, and between reading and writing nothing of this process can. */
function eraseFromLog(path: string, pattern: RegExp, standIn: string): number {
  const text = readFileSync(path, 'utf8');
  let count = 0;
  const clean = text.replaceAll(pattern, () => {
    count += 1;
    return standIn;
  });
  if (count > 0) writeFileSync(path, clean);
  return count;
}

function eraseFromMirror(path: string, pattern: RegExp, standIn: string): number {
  const file = new DatabaseSync(path, { timeout: 5_000 });
  try {
    const users = file.prepare('SELECT DISTINCT user FROM request_log').all();
    const change = file.prepare('UPDATE request_log SET user = ? WHERE user = ?');
    let count = 0;
    for (const { user } of users) {
      if (typeof user !== 'string' || user.replaceAll(pattern, standIn) === user) continue;
      count += Number(change.run(user.replaceAll(pattern, standIn), user).changes);
    }
    if (count > 0) file.exec('VACUUM; PRAGMA wal_checkpoint(TRUNCATE)');
    return count;
  } finally {
    file.close();
  }
}
