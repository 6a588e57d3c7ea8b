import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { NO_USAGE } from '#libs/kernel';
import type { BeginRecord, EndRecord } from '../ledger.js';
import { decodeBegin, decodeEntry, type Entry, entryOf } from './codec.js';
import { recordsOf } from './frame.js';
import { isOwnerAlive, ownerOf, wasShown, writerOf } from './incarnation.js';
import { segmentName, segmentNumbers } from './segment.js';

/** What a dead process left: its files, now ours. */
export interface Orphan {
  readonly directory: string;
  readonly writer: string;
}

/** A directory without a socket may be one that is just being made: its owner shows it a moment later. */
const JUST_MADE_MS = 2_000;

/**
 * Takes over the directories of dead processes by renaming them, all files of a process at once; of two adopters one
 * wins, the other passes on. An adopter that dies is itself found dead by the next.
 */
export async function adoptOrphans(root: string, adopter: string): Promise<Orphan[]> {
  mkdirSync(root, { recursive: true, mode: 0o700 });
  const adopted: Orphan[] = [];
  for (const name of readdirSync(root)) {
    const owner = ownerOf(name);
    const from = join(root, name);
    const to = join(root, `${adopter}@${writerOf(name)}`);
    if (owner === adopter) {
      // Taken earlier, and PostgreSQL went away before all of it was stored.
      if (from === to) adopted.push({ directory: to, writer: writerOf(name) });
      continue;
    }
    if (await isTaken(from, join(root, owner), owner)) continue;
    try {
      renameSync(from, to);
    } catch (error) {
      if (isMissing(error)) continue;
      throw error;
    }
    adopted.push({ directory: to, writer: writerOf(name) });
  }
  return adopted;
}

/** An adopted directory lives as long as its adopter's own one does. */
async function isTaken(directory: string, ownerDirectory: string, owner: string): Promise<boolean> {
  try {
    const { mtimeMs } = statSync(directory);
    if (await isOwnerAlive(ownerDirectory, owner)) return true;
    return (
      directory === ownerDirectory && Math.abs(Date.now() - mtimeMs) < JUST_MADE_MS && !wasShown(directory)
    );
  } catch (error) {
    // Gone meanwhile. An adopter's directory that is gone while what it adopted is not: it ended, and forgot it.
    if (isMissing(error)) return directory === ownerDirectory;
    throw error;
  }
}

/**
 * Everything a dead process wrote, as ledger entries: its ends as they are, and for each begin without an end the crash
 * charge, flagged. Read in one go per file, so that memory is bounded by a segment plus the ids seen.
 */
export function* entriesOf(orphan: Orphan, nowMs: number): Generator<Entry> {
  const ended = new Set<string>();
  const begun = new Map<string, string>();
  for (const number of segmentNumbers(readdirSync(orphan.directory))) {
    for (const record of recordsOf(readFileSync(join(orphan.directory, segmentName(number))))) {
      if (record.kind === 'begin') {
        const { id } = decodeBegin(record.members);
        if (!ended.has(id)) begun.set(id, record.members);
        continue;
      }
      const entry = decodeEntry(record.row);
      ended.add(entry.id);
      begun.delete(entry.id);
      yield entry;
    }
  }
  for (const members of begun.values()) {
    const begin = decodeBegin(members);
    yield entryOf(begin, crashEnd(begin, nowMs));
  }
}

export function removeOrphan(orphan: Orphan): void {
  rmSync(orphan.directory, { recursive: true, force: true });
}

/** What a call is charged when its process died before it could say: all it may have cost. */
function crashEnd(begin: BeginRecord, nowMs: number): EndRecord {
  return {
    id: begin.id,
    endedAtMs: nowMs,
    firstByteAtMs: null,
    status: 'failure',
    flag: 'crash',
    usage: { ...NO_USAGE, source: 'estimated' },
    costNanoUsd: begin.crashChargeNanoUsd,
    inputCostNanoUsd: begin.crashChargeNanoUsd,
    outputCostNanoUsd: 0n,
    error: { code: 'ledger.crash', message: 'The process that served this call ended before the call did.' },
    responseId: null,
  };
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}
