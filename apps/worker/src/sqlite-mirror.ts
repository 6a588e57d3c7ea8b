import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { Config } from '#libs/config';
import { Pseudonyms } from '#libs/telemetry';
import { DataSource } from 'typeorm';

/** Entries become visible a little out of order; this much is read again each time and known ones are passed over. */
const OVERLAP_MS = 120_000;
const AT_ONCE = 1_000;

interface MirroredRow {
  readonly id: string;
  readonly drained: string;
  readonly timestamp: string;
  readonly user: string;
  readonly model: string;
  readonly tokens: string;
}

/**
 * Copies requests into the SQLite file that `database_url: sqlite:///F` named, for scripts that read it: table
 * `request_log(timestamp, user, model, tokens)`. Each request once, also after a crash half-way: the rows and the mark up
 * to which they were read are written in one transaction.
 */
@Injectable()
export class SqliteMirror implements OnApplicationShutdown {
  #file: DatabaseSync | undefined;

  constructor(
    private readonly config: Config,
    private readonly dataSource: DataSource,
    private readonly pseudonyms: Pseudonyms,
  ) {}

  /** Returns how many rows were added; 0 when no file is configured. */
  async mirror(): Promise<number> {
    const path = this.config.stores.sqliteMirror;
    if (path === undefined) return 0;
    const file = (this.#file ??= open(path));
    let added = 0;
    for (;;) {
      const rows = await this.#next(file);
      // Whom the request log does not name, its copy does not either.
      added += write(
        file,
        rows.map((row) => ({ ...row, user: this.pseudonyms.of('user', row.user) })),
      );
      if (rows.length < AT_ONCE) return added;
    }
  }

  onApplicationShutdown(): void {
    this.#file?.close();
    this.#file = undefined;
  }

  async #next(file: DatabaseSync): Promise<MirroredRow[]> {
    const state = file.prepare('SELECT max(drained) AS mark FROM mirrored').get();
    const mark = typeof state?.['mark'] === 'number' ? state['mark'] : 0;
    const known = file.prepare('SELECT entry_id FROM mirrored WHERE drained >= ?').all(mark - OVERLAP_MS);
    return this.dataSource.query(
      `SELECT id, extract(epoch FROM drained_at) * 1000 AS drained, to_char(started_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS timestamp,
         coalesce(user_id, customer_id, key_id, '') AS user, model_group AS model, input_tokens + output_tokens AS tokens
       FROM ledger_entries
       WHERE drained_at >= to_timestamp($1 / 1000.0) AND id <> ALL($2::text[])
       ORDER BY drained_at, id LIMIT ${AT_ONCE}`,
      [mark - OVERLAP_MS, known.map((row) => String(row['entry_id']))],
    );
  }
}

function open(path: string): DatabaseSync {
  mkdirSync(dirname(path), { recursive: true });
  const file = new DatabaseSync(path, { timeout: 2_000 });
  file.exec(`PRAGMA journal_mode = WAL;
    CREATE TABLE IF NOT EXISTS request_log (timestamp TEXT NOT NULL, user TEXT, model TEXT, tokens INTEGER NOT NULL);
    CREATE INDEX IF NOT EXISTS request_log_timestamp ON request_log (timestamp);
    CREATE TABLE IF NOT EXISTS mirrored (entry_id TEXT PRIMARY KEY, drained REAL NOT NULL) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS mirrored_drained ON mirrored (drained)`);
  return file;
}

function write(file: DatabaseSync, rows: readonly MirroredRow[]): number {
  if (rows.length === 0) return 0;
  const mark = file.prepare('INSERT OR IGNORE INTO mirrored (entry_id, drained) VALUES (?, ?)');
  const log = file.prepare('INSERT INTO request_log (timestamp, user, model, tokens) VALUES (?, ?, ?, ?)');
  let added = 0;
  let last = 0;
  file.exec('BEGIN IMMEDIATE');
  try {
    for (const { id, drained, timestamp, user, model, tokens } of rows) {
      last = Math.max(last, Number(drained));
      if (mark.run(id, Number(drained)).changes === 0) continue;
      log.run(timestamp, user, model, Number(tokens));
      added += 1;
    }
    // What is older than the overlap is never asked for again; the newest mark stays.
    file.prepare('DELETE FROM mirrored WHERE drained < ?').run(last - 2 * OVERLAP_MS);
    file.exec('COMMIT');
  } catch (error) {
    file.exec('ROLLBACK');
    throw error;
  }
  return added;
}
