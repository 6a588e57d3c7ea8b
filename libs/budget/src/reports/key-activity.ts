import { Injectable } from '@nestjs/common';
import type { ActivityFacet } from '#libs/database';
import { hashOfNamed } from '#libs/tenancy';
import {
  type DailyColumn,
  type DailyFilter,
  narrowDaily,
  type Sums,
  SUMS,
  sumsOf,
  type StoredSums,
} from './daily-sums.js';
import { Reading } from './reading.js';
import { EVERYTHING } from './view.js';
import { Where } from './where.js';

/** Who a key is, for people who read a report. A deleted key is known from the archive. */
export interface KeyFacts {
  readonly keyId: string;
  readonly hash: string | null;
  readonly alias: string | null;
  readonly maskedName: string | null;
  readonly teamId: string | null;
  readonly userId: string | null;
  readonly userEmail: string | null;
  readonly exists: boolean;
}

export interface KeyDay extends Sums, KeyFacts {
  readonly day: string;
  readonly entity: string | null;
  readonly modelGroup: string;
  readonly model: string;
  readonly provider: string;
  readonly endpoint: string;
}

interface StoredKeyDay extends StoredSums {
  readonly day: string;
  readonly entity: string | null;
  readonly model_group: string;
  readonly model: string;
  readonly provider: string;
  readonly endpoint: string;
  readonly key_id: string;
  readonly hash: string | null;
  readonly alias: string | null;
  readonly masked_name: string | null;
  readonly team_id: string | null;
  readonly user_id: string | null;
  readonly user_email: string | null;
  readonly key_exists: boolean;
}

/** What single keys did, day by day: of those that spent most, because nobody reads half a million. */
@Injectable()
export class KeyActivity {
  constructor(private readonly reading: Reading) {}

  /**
   * The `most` keys that spent most among the filter's rows. `everybody`: there is no filter but time, so the keys that
   * spent most in their life are taken, which an index knows. So are those of an organization, where enough of the
   * proxy's largest are its own; else reading all its rows is little enough.
   */
  async days(
    filter: DailyFilter,
    facet: ActivityFacet,
    entity: Exclude<DailyColumn, 'day' | 'tag'>,
    most: number,
    everybody: boolean,
  ): Promise<KeyDay[]> {
    const organizations = everybody ? undefined : wholeOrganizations(filter);
    const where = new Where();
    if (everybody) where.and(`key_id IN (SELECT id FROM candidates)`);
    narrowDaily(where, filter, facet);
    const limit = where.parameter(most);
    const candidates =
      organizations === undefined
        ? `SELECT scope_id AS id FROM balances WHERE scope_type = 'key' AND budget = 'total' ORDER BY magnitude DESC, settled_nano DESC LIMIT ${limit}`
        : `SELECT largest_keys_of(${where.parameter(organizations)}::text[], ${limit}) AS id`;
    const read = (condition: string): string => `
         SELECT to_char(day, 'YYYY-MM-DD') AS day, key_id, ${entity} AS entity, model_group, model, provider, endpoint, ${SUMS}
         FROM daily_activity WHERE ${where.sql} AND key_id IS NOT NULL${condition} GROUP BY 1, 2, 3, 4, 5, 6, 7`;
    // Only one of the two is run: the server knows how many candidates there are before it begins.
    const enough = '(SELECT count(*) FROM candidates)';
    const isNarrowed = organizations !== undefined;
    const rows = await this.reading.query<StoredKeyDay>(
      filter.view,
      `WITH ${everybody || isNarrowed ? `candidates AS (${candidates}), ` : ''}rows AS MATERIALIZED (${
        isNarrowed
          ? `${read(` AND key_id = ANY(ARRAY(SELECT id FROM candidates)) AND ${enough} >= ${limit}`)} UNION ALL ${read(` AND ${enough} < ${limit}`)}`
          : read('')
      }), top AS (SELECT key_id FROM rows GROUP BY key_id ORDER BY sum(spend_nano) DESC LIMIT ${limit}), facts AS MATERIALIZED (
         ${KEY_FACTS('top')}
       ) SELECT rows.*, facts.hash, facts.alias, facts.masked_name, facts.team_id, facts.user_id, facts.user_email, facts.key_exists
       FROM rows JOIN facts USING (key_id) ORDER BY rows.day DESC`,
      where.parameters,
    );
    return rows.map((row) => ({
      ...sumsOf(row),
      day: row.day,
      entity: row.entity,
      modelGroup: row.model_group,
      model: row.model,
      provider: row.provider,
      endpoint: row.endpoint,
      ...factsOf(row),
    }));
  }

  /** Keys by their ids; one that was deleted long ago may be missing. */
  async facts(keyIds: readonly string[]): Promise<ReadonlyMap<string, KeyFacts>> {
    if (keyIds.length === 0) return new Map();
    const rows = await this.reading.query<StoredKeyDay>(
      EVERYTHING,
      KEY_FACTS('unnest($1::text[]) AS top (key_id)'),
      [keyIds],
    );
    return new Map(rows.map((row) => [row.key_id, factsOf(row)]));
  }

  /** The id of a key named raw or by its hash, an earlier secret's too. A key that nobody has is empty, and matches no rows. */
  async idNamed(named: string): Promise<string> {
    const [row] = await this.reading.query<{ id: string | null }>(
      EVERYTHING,
      `SELECT coalesce((SELECT id FROM virtual_keys WHERE token_hash = $1),
         (SELECT id FROM archived_keys WHERE token_hash = $1 ORDER BY archive_id DESC LIMIT 1)) AS id`,
      [hashOfNamed(named)],
    );
    return row?.id ?? '';
  }
}

const WITHIN_ORGANIZATIONS = ['key_id', 'user_id', 'team_id', 'customer_id', 'tag', 'model'] as const;

/** The organizations that a filter leaves whole, and nothing beside them; undefined: it asks for less, or for no organization. */
function wholeOrganizations({ view, only, exceptTeams, model }: DailyFilter): readonly string[] | undefined {
  const named = only?.organization_id ?? (view.everything ? [] : view.organizationIds);
  const isWhole =
    named.length > 0 &&
    exceptTeams === undefined &&
    model === undefined &&
    isWithout(only, WITHIN_ORGANIZATIONS);
  return isWhole ? named : undefined;
}

function isWithout(only: DailyFilter['only'], columns: readonly (keyof NonNullable<typeof only>)[]): boolean {
  return columns.every((column) => only?.[column] === undefined);
}

/**
 * What is known of the keys of `top` (with `key_id`), a few. Whose they are is worked out first: behind the wall PostgreSQL looks a user
 * up by an index only when the condition asks nothing but whether two names are equal.
 */
const KEY_FACTS = (
  top: string,
): string => `SELECT owned.*, (SELECT u.email FROM users u WHERE u.id = owned.user_id) AS user_email FROM (
  SELECT top.key_id, coalesce(k.token_hash, a.token_hash) AS hash, coalesce(k.alias, k.label, a."row" ->> 'alias') AS alias,
    coalesce(k.masked_name, a."row" ->> 'masked_name') AS masked_name, coalesce(k.team_id, a."row" ->> 'team_id') AS team_id,
    coalesce(k.user_id, a."row" ->> 'user_id') AS user_id, k.id IS NOT NULL AS key_exists
  FROM ${top} LEFT JOIN virtual_keys k ON k.id = top.key_id
    LEFT JOIN LATERAL (SELECT token_hash, "row" FROM archived_keys WHERE archived_keys.id = top.key_id AND k.id IS NULL ORDER BY archive_id DESC LIMIT 1) a ON true
  OFFSET 0) AS owned`;

function factsOf(row: StoredKeyDay): KeyFacts {
  return {
    keyId: row.key_id,
    hash: row.hash,
    alias: row.alias,
    maskedName: row.masked_name,
    teamId: row.team_id,
    userId: row.user_id,
    userEmail: row.user_email,
    exists: row.key_exists,
  };
}
