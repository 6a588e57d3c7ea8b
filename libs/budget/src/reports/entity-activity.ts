import { Injectable } from '@nestjs/common';
import type { ActivityFacet } from '#libs/database';
import {
  type DailyFilter,
  narrowDaily,
  type Sums,
  SUMS,
  sumsOf,
  type StoredSums,
  SUMMED,
} from './daily-sums.js';
import { Reading } from './reading.js';
import { OWNER_SUMS, type OwnerSums } from './view.js';
import { Where } from './where.js';

/** Whose activity somebody asks for, and how it is found: its column, its facets, and where its name is. */
export const ACTIVITY_NOUNS = {
  user: { column: 'user_id', coarse: 'proxy', fine: 'key', table: 'users', label: 'email' },
  team: { column: 'team_id', coarse: 'team', fine: 'key', table: 'teams', label: 'alias' },
  organization: {
    column: 'organization_id',
    coarse: 'organization',
    fine: 'key',
    table: 'organizations',
    label: 'alias',
  },
  customer: {
    column: 'customer_id',
    coarse: 'customers',
    fine: 'customer',
    table: 'customers',
    label: 'alias',
  },
  tag: { column: 'tag', coarse: 'tagging', fine: 'tags', table: undefined, label: undefined },
} as const satisfies Record<
  string,
  {
    column: string;
    coarse: ActivityFacet;
    fine: ActivityFacet;
    table: string | undefined;
    label: string | undefined;
  }
>;
export type ActivityNoun = keyof typeof ACTIVITY_NOUNS;

/** Where entities stand in rows without keys: everybody's, those of a caller who administers some, and the same of single models. */
interface EntitySums {
  readonly everybody: ActivityFacet;
  readonly theirs?: OwnerSums;
  readonly byModel?: Omit<EntitySums, 'byModel'>;
  /** Without a name only the largest are read: nobody knows how many there are. */
  readonly isMany?: true;
}
const ENTITY_SUMS: Readonly<Partial<Record<ActivityNoun, EntitySums>>> = {
  team: {
    everybody: 'team_days',
    theirs: OWNER_SUMS.daysByTeam,
    byModel: { everybody: 'team', theirs: OWNER_SUMS.callsByTeam },
  },
  organization: { everybody: 'organization', theirs: OWNER_SUMS.calls },
  customer: {
    everybody: 'customer_days',
    byModel: { everybody: 'customer', isMany: true },
    isMany: true,
  },
  tag: { everybody: 'tagged', theirs: OWNER_SUMS.tagged },
};

export interface EntityDay extends Sums {
  readonly day: string;
  readonly entity: string | null;
  /** An e-mail address or an alias. */
  readonly label: string | null;
}

/** Nobody's rows join nobody's; by `IS NOT DISTINCT FROM` each would be compared with each. */
const HASHED = (entity: string): string => `coalesce(${entity}, chr(1))`;

/** What users, teams, organizations, customers or tags did, day by day: those that spent most. */
@Injectable()
export class EntityActivity {
  constructor(private readonly reading: Reading) {}

  /** `everybody`: the filter names nobody, so those that spent most in their life are taken, which an index knows. */
  async days(
    noun: ActivityNoun,
    filter: DailyFilter,
    most: number,
    everybody: boolean,
  ): Promise<EntityDay[]> {
    const { column, fine, table, label } = ACTIVITY_NOUNS[noun];
    const kept = filter.only?.key_id === undefined ? ENTITY_SUMS[noun] : undefined;
    const sums = filter.model === undefined ? kept : (kept?.byModel ?? kept);
    // Keys of a caller that speaks for one customer may serve others too: only rows that name it are its own.
    const own = filter.view.customerId === undefined ? fine : 'customer';
    // A caller who administers some sees their sums, like the proxy's administrators see everybody's.
    const theirs =
      filter.view.customerId === undefined && filter.only?.user_id === undefined ? sums?.theirs : undefined;
    const everybodys = filter.view.everything ? sums : undefined;
    const where = new Where();
    narrowDaily(where, filter, everybodys?.everybody ?? theirs ?? own);
    const limit = where.parameter(most);
    if (everybody && (everybodys === undefined || everybodys.isMany)) {
      where.and(`${column} IN (SELECT scope_id FROM (SELECT scope_id FROM balances WHERE scope_type = '${noun}' AND budget = 'total'
        ORDER BY magnitude DESC, settled_nano DESC LIMIT ${limit}) AS largest)`);
    }
    const wanted = noun === 'tag' ? filter.only?.tag : undefined;
    const one = wanted === undefined ? '' : ` AND tag = ANY(${where.parameter(wanted)}::text[])`;
    const rows = await this.reading.query<
      StoredSums & { day: string; entity: string | null; label: string | null }
    >(
      filter.view,
      `WITH rows AS MATERIALIZED (
         SELECT daily_activity.day, ${column} AS entity, ${SUMS}
         FROM daily_activity${noun === 'tag' ? ', unnest(tags) AS tag' : ''} WHERE ${where.sql}${one} GROUP BY 1, 2
       ), top AS (SELECT entity FROM rows GROUP BY entity ORDER BY sum(spend_nano) DESC LIMIT ${limit})
       SELECT to_char(rows.day, 'YYYY-MM-DD') AS day, rows.entity, ${SUMMED}, ${table === undefined ? 'NULL' : `n.${label}`} AS label FROM top JOIN rows ON ${HASHED('rows.entity')} = ${HASHED('top.entity')}
       ${table === undefined ? '' : `LEFT JOIN ${table} n ON n.id = top.entity`}`,
      where.parameters,
    );
    return rows.map((row) => ({ ...sumsOf(row), day: row.day, entity: row.entity, label: row.label }));
  }
}
