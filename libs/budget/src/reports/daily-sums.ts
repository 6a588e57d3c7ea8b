import { Inject, Injectable } from '@nestjs/common';
import type { ActivityFacet } from '#libs/database';
import type { NanoUsd } from '#libs/kernel';
import { SpendLedger } from '../ledger/spend-ledger.js';
import { Reading } from './reading.js';
import { narrowToSums, narrowToView, OWNER_SUMS, type OwnerSums, type View } from './view.js';
import { Where } from './where.js';

/** What daily rows can be told apart by. `tag`: a row with two tags counts for both. */
export type DailyColumn =
  | 'day'
  | 'key_id'
  | 'user_id'
  | 'team_id'
  | 'organization_id'
  | 'customer_id'
  | 'tag'
  | 'model_group'
  | 'model'
  | 'provider'
  | 'endpoint';

export interface Sums {
  readonly spendNanoUsd: NanoUsd;
  readonly requests: number;
  readonly successes: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly cacheReadTokens: number;
  readonly cacheWriteTokens: number;
  readonly responseMs: number;
}

export interface DailyFilter {
  readonly view: View;
  /** `YYYY-MM-DD`, both included; absent: for ever. */
  readonly from?: string | undefined;
  readonly until?: string | undefined;
  /** These days alone. */
  readonly days?: readonly string[] | undefined;
  /** By its public name or the provider's. */
  readonly model?: string | undefined;
  readonly only?: Partial<Record<Exclude<DailyColumn, 'day'>, readonly string[] | undefined>>;
  readonly exceptTeams?: readonly string[] | undefined;
}

/** By which columns sums are wanted: each row has exactly those. */
export interface DailyQuery<Column extends DailyColumn> extends DailyFilter {
  readonly by: readonly Column[];
  /** Rows without keys, where the view and the filter allow it; else `fine`. */
  readonly coarse?: ActivityFacet;
  readonly fine?: ActivityFacet;
  /** The largest spend first, this many; absent: all, in the order of the columns. */
  readonly top?: number;
  /** Only among so many of the scopes of this type that spent most in their life: what they spent is read, not what everybody did. */
  readonly among?: { readonly type: 'key' | 'customer'; readonly most: number };
}

export type DailyRow<Column extends DailyColumn> = Sums & Readonly<Record<Column, string | null>>;

export const SUMS = `sum(spend_nano) AS spend_nano, sum(requests) AS requests, sum(successes) AS successes, sum(input_tokens) AS input_tokens,
  sum(output_tokens) AS output_tokens, sum(cache_read_tokens) AS cache_read_tokens, sum(cache_write_tokens) AS cache_write_tokens, sum(response_ms) AS response_ms`;

/** The names that `SUMS` gives them. */
export const SUMMED =
  'spend_nano, requests, successes, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, response_ms';

export type StoredSums = Readonly<
  Record<
    | 'spend_nano'
    | 'requests'
    | 'successes'
    | 'input_tokens'
    | 'output_tokens'
    | 'cache_read_tokens'
    | 'cache_write_tokens'
    | 'response_ms',
    string | null
  >
>;

/** Sums of what was spent by day, from the rows that the drain keeps: whatever the size of the log, a few thousand rows are read. */
@Injectable()
export class DailySums {
  constructor(
    private readonly reading: Reading,
    @Inject(SpendLedger) private readonly ledger: Pick<SpendLedger, 'flush'>,
  ) {}

  async sum<Column extends DailyColumn>(query: DailyQuery<Column>): Promise<DailyRow<Column>[]> {
    await this.ledger.flush();
    const where = new Where();
    narrowDaily(where, query, ownerSumsOf(query) ?? facetOf(query));
    if (query.among !== undefined) {
      const { type, most } = query.among;
      where.and(`${type}_id IN (SELECT scope_id FROM (${LARGEST(type, where.parameter(most))}) AS largest)`);
    }
    const columns = query.by.map(expressionOf).join(', ');
    const grouped = query.by.map((_, index) => index + 1).join(', ');
    const tags = query.by.some((column) => column === 'tag') ? `, unnest(tags) AS tag` : '';
    const ordered =
      query.top === undefined
        ? grouped && `ORDER BY ${grouped}`
        : `ORDER BY spend_nano DESC LIMIT ${where.parameter(query.top)}`;
    const rows = await this.reading.query<StoredSums & Record<Column, string | null>>(
      query.view,
      `SELECT ${columns}${columns && ', '}${SUMS} FROM daily_activity${tags} WHERE ${where.sql} ${grouped && `GROUP BY ${grouped}`} ${ordered}`,
      where.parameters,
    );
    return rows.map((row) => ({ ...row, ...sumsOf(row) }));
  }
}

/** The scopes of a type that spent most in their life, by an index that knows them. */
export const LARGEST = (type: string, limit: string): string =>
  `SELECT scope_id, settled_nano FROM balances WHERE scope_type = '${type}' AND budget = 'total'
   ORDER BY magnitude DESC, settled_nano DESC LIMIT ${limit}`;

/** A coarse facet has no owners below its own: a limited view, or a filter by key or user, needs the fine one. */
function facetOf(query: DailyQuery<DailyColumn>): ActivityFacet {
  const { view, only, coarse, fine = 'key' } = query;
  const needsOwners = !view.everything || only?.key_id !== undefined || only?.user_id !== undefined;
  if (coarse === undefined || needsOwners) return fine;
  if (coarse !== 'team' || namesTeams(query)) return coarse;
  return only?.organization_id === undefined ? 'teams' : 'organization_teams';
}

/** Which sums a limited view can be read from; undefined: only from the rows of single keys. */
function ownerSumsOf(query: DailyQuery<DailyColumn>): OwnerSums | undefined {
  const { view, only, by, coarse } = query;
  const tellsOwnersApart =
    only?.key_id !== undefined || only?.user_id !== undefined || by.some((column) => BELOW_TEAMS.has(column));
  if (view.everything || view.customerId !== undefined || tellsOwnersApart) return undefined;
  switch (coarse) {
    case 'tagged':
      return OWNER_SUMS.tagged;
    case 'tagging':
      return OWNER_SUMS.tagging;
    case 'team':
      return namesTeams(query) ? OWNER_SUMS.callsByTeam : OWNER_SUMS.callsOfTeams;
    case 'team_days':
      return OWNER_SUMS.daysByTeam;
    case 'proxy':
    case 'organization':
      return namesTeams(query) ? OWNER_SUMS.callsByTeam : OWNER_SUMS.calls;
    default:
      return undefined;
  }
}

const BELOW_TEAMS: ReadonlySet<DailyColumn> = new Set(['key_id', 'user_id', 'customer_id']);

function namesTeams({ only, by, exceptTeams }: DailyQuery<DailyColumn>): boolean {
  return only?.team_id !== undefined || exceptTeams !== undefined || by.includes('team_id');
}

/** Adds everything a filter says to a query over daily rows. */
export function narrowDaily(where: Where, filter: DailyFilter, from: ActivityFacet | OwnerSums): void {
  // Written out: the planner chooses among partial indexes by it.
  if (typeof from === 'string') {
    where.and(`facet = '${from}'`);
    narrowToView(where, filter.view);
  } else narrowToSums(where, filter.view, from, filter.only?.tag);
  if (filter.from !== undefined) where.and(`day >= ${where.parameter(filter.from)}::date`);
  if (filter.until !== undefined) where.and(`day <= ${where.parameter(filter.until)}::date`);
  if (filter.days !== undefined) where.and(`day = ANY(${where.parameter(filter.days)}::date[])`);
  if (filter.model !== undefined) {
    const model = where.parameter(filter.model);
    where.and(`(model_group = ${model} OR model = ${model})`);
  }
  for (const [column, values] of Object.entries(filter.only ?? {})) {
    if (column !== 'tag') where.andIn(column, values);
    else if (values !== undefined) where.and(`tags && ${where.parameter(values)}::text[]`);
  }
  if (filter.exceptTeams !== undefined)
    where.and(`team_id <> ALL(${where.parameter(filter.exceptTeams)}::text[])`);
}

function expressionOf(column: DailyColumn): string {
  return column === 'day' ? `to_char(day, 'YYYY-MM-DD') AS day` : column;
}

export function sumsOf(row: StoredSums): Sums {
  return {
    spendNanoUsd: BigInt(row.spend_nano ?? 0),
    requests: Number(row.requests),
    successes: Number(row.successes),
    inputTokens: Number(row.input_tokens),
    outputTokens: Number(row.output_tokens),
    cacheReadTokens: Number(row.cache_read_tokens),
    cacheWriteTokens: Number(row.cache_write_tokens),
    responseMs: Number(row.response_ms),
  };
}
