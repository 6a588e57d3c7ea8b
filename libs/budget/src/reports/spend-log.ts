import { Inject, Injectable } from '@nestjs/common';
import { LedgerEntry, LoggedPrompt } from '#libs/database';
import type { EntityManager, SelectQueryBuilder } from 'typeorm';
import { SpendLedger } from '../ledger/spend-ledger.js';
import { type LogFilter, narrowLog } from './log-filter.js';
import { Reading } from './reading.js';
import type { View } from './view.js';

export interface NamedEntry {
  readonly entry: LedgerEntry;
  readonly keyAlias: string | null;
  readonly teamAlias: string | null;
}

/** Rows in one unpaged answer; some 1.5 KB each. */
export const MOST_ROWS = 10_000;
/** Rows are counted up to here: a count of millions costs more than anybody learns from it. */
const MOST_COUNTED = 10_000;

/** What calls can be put in order by. */
const ORDERS = {
  spend: 'entry.costNano',
  total_tokens: '(entry.inputTokens + entry.outputTokens)',
  startTime: 'entry.startedAt',
  endTime: 'entry.endedAt',
  request_duration_ms: '(entry.endedAt - entry.startedAt)',
  model: 'entry.model',
  ttft_ms: '(entry.firstByteAt - entry.startedAt)',
} as const;
export type LogOrder = keyof typeof ORDERS;
export const LOG_ORDERS = Object.keys(ORDERS) as [LogOrder, ...LogOrder[]];

export interface LogPaging {
  readonly page: number;
  readonly size: number;
  readonly by: LogOrder;
  readonly direction: 'ASC' | 'DESC';
  /** Where the last page ended: goes on from there however deep it is. In the order of time only. */
  readonly after?: { readonly startedAt: Date; readonly id: string } | undefined;
}

export interface LogPage {
  readonly entries: readonly NamedEntry[];
  readonly total: number;
  readonly totalIsCapped: boolean;
}

/** Reads the ledger for people, call by call, on connections of its own; includes every call that has ended in this process. */
@Injectable()
export class SpendLog {
  constructor(
    private readonly reading: Reading,
    @Inject(SpendLedger) private readonly ledger: Pick<SpendLedger, 'flush'>,
  ) {}

  /** The newest calls first, at most MOST_ROWS; `truncated` tells that there are more. */
  async list(view: View, filter: LogFilter): Promise<{ entries: readonly NamedEntry[]; truncated: boolean }> {
    await this.ledger.flush();
    return this.reading.with(view, async (manager) => {
      const rows = await newestFirst(queryOf(manager, view, filter))
        .limit(MOST_ROWS + 1)
        .getMany();
      const { entries } = await named(manager, rows.slice(0, MOST_ROWS));
      return { entries, truncated: rows.length > MOST_ROWS };
    });
  }

  async page(
    view: View,
    filter: LogFilter,
    { page, size, by, direction, after }: LogPaging,
  ): Promise<LogPage> {
    await this.ledger.flush();
    return this.reading.with(view, async (manager) => {
      const query = queryOf(manager, view, filter);
      const counted = query
        .clone()
        .select('1')
        .limit(MOST_COUNTED + 1);
      const [sql, parameters] = counted.getQueryAndParameters();
      if (after !== undefined) {
        query.andWhere(
          `(entry.startedAt, entry.id) ${direction === 'DESC' ? '<' : '>'} (:afterTime, :afterId)`,
          {
            afterTime: after.startedAt,
            afterId: after.id,
          },
        );
      }
      const rows = await query
        .orderBy(ORDERS[by], direction, by === 'ttft_ms' ? 'NULLS LAST' : undefined)
        .addOrderBy('entry.id', direction)
        .offset(after === undefined ? (page - 1) * size : 0)
        .limit(size)
        .getMany();
      const { entries, total } = await named(manager, rows, { sql, parameters });
      return {
        entries,
        total: Math.min(total, MOST_COUNTED),
        totalIsCapped: total > MOST_COUNTED,
      };
    });
  }

  /** What a call asked and was answered, where that is kept; undefined: there is no such call in view, or nothing was kept. */
  async prompt(view: View, requestId: string): Promise<LoggedPrompt | undefined> {
    await this.ledger.flush();
    return this.reading.with(view, async (manager) => {
      const entry = await newestFirst(queryOf(manager, view, { requestId })).getOne();
      if (entry === null) return undefined;
      const kept = await manager.findOneBy(LoggedPrompt, { day: entry.day, id: entry.id });
      return kept ?? undefined;
    });
  }
}

function queryOf(manager: EntityManager, view: View, filter: LogFilter): SelectQueryBuilder<LedgerEntry> {
  const query = manager.getRepository(LedgerEntry).createQueryBuilder('entry');
  narrowLog(query, view, filter);
  return query;
}

/** With the names of their keys and teams; in the same statement, how many rows `counted` has. */
async function named(
  manager: EntityManager,
  entries: readonly LedgerEntry[],
  counted: { readonly sql: string; readonly parameters: readonly unknown[] } = {
    sql: 'SELECT 1 WHERE false',
    parameters: [],
  },
): Promise<{ readonly entries: readonly NamedEntry[]; readonly total: number }> {
  const next = counted.parameters.length;
  const rows: { noun: string; id: string; name: string | null }[] = await manager.query(
    `SELECT 'total' AS noun, count(*)::text AS id, NULL AS name FROM (${counted.sql}) AS counted
     UNION ALL SELECT 'key', id, coalesce(alias, label) FROM virtual_keys WHERE id = ANY($${next + 1}::text[])
     UNION ALL SELECT 'team', id, alias FROM teams WHERE id = ANY($${next + 2}::text[])`,
    [
      ...counted.parameters,
      distinct(entries.map(({ keyId }) => keyId)),
      distinct(entries.map(({ teamId }) => teamId)),
    ],
  );
  const names = new Map(rows.map(({ noun, id, name }) => [`${noun}:${id}`, name]));
  return {
    entries: entries.map((entry) => ({
      entry,
      keyAlias: names.get(`key:${entry.keyId}`) ?? null,
      teamAlias: names.get(`team:${entry.teamId}`) ?? null,
    })),
    total: Number(rows.find(({ noun }) => noun === 'total')?.id ?? 0),
  };
}

function newestFirst(query: SelectQueryBuilder<LedgerEntry>): SelectQueryBuilder<LedgerEntry> {
  return query.orderBy('entry.startedAt', 'DESC').addOrderBy('entry.id', 'DESC');
}

function distinct(ids: readonly (string | null)[]): string[] {
  return [...new Set(ids)].filter((id) => id !== null);
}
