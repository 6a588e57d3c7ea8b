import { Injectable } from '@nestjs/common';
import { ensureLedgerPartitions, withTransaction } from '#libs/database';
import { Logger } from '#libs/telemetry';
import { DataSource } from 'typeorm';
import type { Entry } from '../spool/codec.js';
import { INSERT_ENTRIES, TAKE_OUT_CRASHES } from './columns.js';
import { jsonbOf, rowParameters } from './row-parameters.js';

const DRAIN = { system: 'ledger-drain' };
const CORRECTED_AT_ONCE = 500;

/** Ledger entries and the balances they feed, in PostgreSQL. */
@Injectable()
export class LedgerStore {
  readonly #days = new Set<string>();

  constructor(
    private readonly dataSource: DataSource,
    private readonly logger: Logger,
  ) {}

  /**
   * Stores entries and adds them to their balances, in one step; entries that are there already change nothing.
   * Returns the ids that were new. Any number of processes may do this at once: rows are taken in one order everywhere.
   * An entry that PostgreSQL refuses to take as it is, is stored without its optional texts, so that it cannot stop the others.
   */
  async insert(entries: readonly Entry[]): Promise<ReadonlySet<string>> {
    const unique = new Map(entries.map((entry) => [entry.id, entry]));
    const sorted = [...unique.values()].sort((a, b) => compare(a.day, b.day) || compare(a.id, b.id));
    try {
      await this.#ensureDays(sorted);
      return await this.#insertSorted(sorted);
    } catch (error) {
      // A partition that retention dropped since we made it looks like bad data; the next attempt makes it again.
      this.#days.clear();
      if (!isDataError(error)) throw error;
      return this.#insertAround(sorted, error);
    }
  }

  /**
   * Entries that were stored as crashes, because whoever wrote them was taken for dead, become what they were in truth: as if the
   * crash had never been stored. Returns the ids of those that were.
   */
  async correct(entries: readonly Entry[]): Promise<ReadonlySet<string>> {
    return withTransaction(this.dataSource, DRAIN, async (manager) => {
      const [answer]: { ids: string[] | null }[] = await manager.query(TAKE_OUT_CRASHES, [jsonbOf(entries)]);
      const ids = new Set(answer?.ids);
      const told = entries.filter(({ id }) => ids.has(id));
      // In small batches, which queue for nothing: this transaction has the rows that those in the queue want.
      for (let from = 0; from < told.length; from += CORRECTED_AT_ONCE)
        await manager.query(INSERT_ENTRIES, await rowParameters(told.slice(from, from + CORRECTED_AT_ONCE)));
      return ids;
    }).catch((error: unknown) => {
      if (!isDataError(error) || entries.every((entry) => entry.row.equals(bare(entry).row))) throw error;
      return this.correct(entries.map(bare));
    });
  }

  async #insertSorted(entries: readonly Entry[]): Promise<ReadonlySet<string>> {
    // One statement and no transaction around it: whoever stood still before its end would keep the rows of everybody's balances.
    const [answer]: { ids: string[] | null }[] = await this.dataSource.query(
      INSERT_ENTRIES,
      await rowParameters(entries),
    );
    // Nearly always all are new, and a thousand names need not travel to say so.
    return new Set(answer?.ids ?? entries.map(({ id }) => id));
  }

  /** Halves until the one entry that does not fit is alone. */
  async #insertAround(entries: readonly Entry[], reason: unknown): Promise<ReadonlySet<string>> {
    if (entries.length <= 1) {
      const only = entries[0];
      await this.#ensureDays(entries);
      this.logger.error(
        { error: reason, entryId: only?.id },
        'A ledger entry did not fit its table and is stored without its texts.',
      );
      return this.#insertSorted(only ? [bare(only)] : []);
    }
    const middle = entries.length >> 1;
    const stored = new Set<string>();
    for (const half of [entries.slice(0, middle), entries.slice(middle)]) {
      for (const id of await this.insert(half)) stored.add(id);
    }
    return stored;
  }

  async #ensureDays(entries: readonly Entry[]): Promise<void> {
    for (const day of new Set(entries.map((entry) => entry.day))) {
      if (this.#days.has(day)) continue;
      await withTransaction(this.dataSource, DRAIN, (manager) => ensureLedgerPartitions(manager, day, 1));
      this.#days.add(day);
    }
  }

  /** Notes when keys were last used. A row that somebody else has is passed by: nobody waits for anybody, and it is said again in a minute. */
  async touchKeys(usedAtMs: ReadonlyMap<string, number>): Promise<void> {
    const rows = [...usedAtMs];
    await this.dataSource.query(
      `WITH free AS (SELECT id FROM virtual_keys WHERE id = ANY($1) FOR NO KEY UPDATE SKIP LOCKED)
       UPDATE virtual_keys SET last_active_at = to_timestamp(t.at / 1000.0)
       FROM unnest($1::text[], $2::float8[]) AS t(id, at) JOIN free ON free.id = t.id
       WHERE virtual_keys.id = t.id AND (last_active_at IS NULL OR last_active_at < to_timestamp(t.at / 1000.0))`,
      [rows.map(([id]) => id), rows.map(([, at]) => at)],
    );
  }
}

/** SQLSTATE classes 22 and 54 (and bad text): the data is at fault, so trying again cannot help. */
function isDataError(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return /^(22|54|23502|23514)/.test(code);
}

/** Places of an entry's optional texts in its row, and what stands there when they are left out. */
const OPTIONAL_TEXTS: readonly (readonly [index: number, without: unknown])[] = [
  [7, '?'],
  [8, '?'],
  [11, ''],
  ...[19, 20, 21, 22, 42, 43, 44].map((index) => [index, null] as const),
  [23, []],
];

function bare(entry: Entry): Entry {
  const row: unknown[] = JSON.parse(entry.row.toString('utf8'));
  for (const [index, without] of OPTIONAL_TEXTS) row[index] = without;
  return { ...entry, row: Buffer.from(JSON.stringify(row)) };
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
