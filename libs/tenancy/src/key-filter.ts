import { Balance, type VirtualKey } from '#libs/database';
import type { SelectQueryBuilder } from 'typeorm';
import { CONSOLE_TEAM_ID } from './reserved-ids.js';
import { containing } from './rows.js';

/** What a list of keys is narrowed by; an absent member does not narrow. */
export interface KeyFilter {
  readonly userId?: string | undefined;
  readonly teamId?: string | undefined;
  readonly organizationId?: string | undefined;
  readonly projectId?: string | undefined;
  /** Keys that this access group was given to. */
  readonly accessGroupId?: string | undefined;
  readonly hash?: string | undefined;
  readonly alias?: string | undefined;
  /** Alias and user match when they contain the text, whatever the case. */
  readonly substring?: boolean | undefined;
  /** The hash itself, or part of an alias. */
  readonly search?: string | undefined;
  readonly status?: 'active' | 'expired' | 'revoked' | undefined;
}

/** In which order a list of keys is read. `spend`: what each has spent in its life. */
export interface KeyOrder {
  readonly by: 'spend' | 'cap' | 'createdAt' | 'updatedAt' | 'hash' | 'alias';
  readonly direction: 'ASC' | 'DESC';
}

const COLUMN_OF: Readonly<Record<Exclude<KeyOrder['by'], 'spend'>, string>> = {
  cap: 'key.maxBudgetNano',
  createdAt: 'key.createdAt',
  updatedAt: 'key.updatedAt',
  hash: 'key.tokenHash',
  alias: 'COALESCE(key.alias, key.label)',
};
/** The planner does not know that the others are never null: told where nulls go, it would not use their indexes. */
const NULLABLE: ReadonlySet<KeyOrder['by']> = new Set(['cap', 'alias']);

/** Sessions of the console are keys too, but nobody's to manage. Written out, not bound: it is the condition of the index that counts. */
export const LISTED = `key.teamId IS DISTINCT FROM '${CONSOLE_TEAM_ID}'`;

/** Adds the filter's conditions. */
export function filterKeys(query: SelectQueryBuilder<VirtualKey>, filter: KeyFilter, now: Date): void {
  query.where(LISTED);
  const exact = {
    teamId: filter.teamId,
    organizationId: filter.organizationId,
    projectId: filter.projectId,
    tokenHash: filter.hash,
    ...(filter.substring ? {} : { userId: filter.userId }),
  };
  for (const [column, value] of Object.entries(exact)) {
    if (value !== undefined) query.andWhere(`key.${column} = :${column}`, { [column]: value });
  }
  if (filter.accessGroupId !== undefined) {
    query.andWhere(
      'key.id = ANY (ARRAY(SELECT unnest(held.key_ids) FROM access_groups held WHERE held.id = :groupId))',
      { groupId: filter.accessGroupId },
    );
  }
  if (filter.substring && filter.userId !== undefined) {
    query.andWhere('key.userId ILIKE :userPart', { userPart: containing(filter.userId) });
  }
  if (filter.alias !== undefined) {
    const [compare, value] = filter.substring ? ['ILIKE', containing(filter.alias)] : ['=', filter.alias];
    query.andWhere(`COALESCE(key.alias, key.label) ${compare} :alias`, { alias: value });
  }
  if (filter.search !== undefined) {
    query.andWhere('(key.tokenHash = :search OR COALESCE(key.alias, key.label) ILIKE :part)', {
      search: filter.search,
      part: containing(filter.search),
    });
  }
  filterByStatus(query, filter.status, now);
}

/**
 * The keys that have spent the most, by the index of magnitudes; a page that reaches those who have spent nothing is shorter
 * than asked. For lists that nothing narrows: among few keys it is quicker to ask each for its spend.
 */
export function byMostSpent(query: SelectQueryBuilder<VirtualKey>): void {
  query
    .innerJoin(
      Balance,
      'balance',
      "balance.scopeType = 'key' AND balance.scopeId = key.id AND balance.budget = 'total' AND balance.periodId = 'total'",
    )
    .orderBy('balance.magnitude', 'DESC')
    .addOrderBy('balance.settledNano', 'DESC')
    .addOrderBy('key.tokenHash', 'DESC');
}

/**
 * SQL for the ids of the query's page in that order, with the query's parameters. Only the largest `among` of all keys are looked
 * at, one after the other until the page is full: told nothing, the planner reads and sorts every key of a large tenant.
 */
export function mostSpentOf(query: SelectQueryBuilder<VirtualKey>, among: number): string {
  const { limit, offset } = query.expressionMap;
  const one = query
    .clone()
    .select('key.id', 'id')
    .addSelect('key.tokenHash', 'hash')
    .andWhere('key.id = largest.scope_id')
    .limit(1)
    .offset(0);
  return `SELECT one.id FROM (SELECT scope_id, magnitude, settled_nano FROM balances WHERE scope_type = 'key' AND budget = 'total'
    ORDER BY magnitude DESC, settled_nano DESC LIMIT ${Math.trunc(among)}) AS largest CROSS JOIN LATERAL (${one.getQuery()}) AS one
    ORDER BY largest.magnitude DESC, largest.settled_nano DESC, one.hash DESC LIMIT ${Number(limit)} OFFSET ${Number(offset)}`;
}

/** Whether the filter leaves all keys in. */
export function isOpenFilter(filter: KeyFilter): boolean {
  return Object.values(filter).every((value) => value === undefined || value === false);
}

/** Adds the order: each is that of an index, and the hash breaks ties, so that pages never overlap. */
export function orderKeys(query: SelectQueryBuilder<VirtualKey>, order: KeyOrder): void {
  if (order.by === 'spend') {
    query
      .leftJoin(
        Balance,
        'balance',
        "balance.scopeType = 'key' AND balance.scopeId = key.id AND balance.budget = 'total' AND balance.periodId = 'total'",
      )
      .addSelect('COALESCE(balance.settledNano, 0)', 'spent')
      .orderBy('spent', order.direction);
  } else if (NULLABLE.has(order.by)) {
    query.orderBy(
      COLUMN_OF[order.by],
      order.direction,
      order.direction === 'ASC' ? 'NULLS FIRST' : 'NULLS LAST',
    );
  } else {
    query.orderBy(COLUMN_OF[order.by], order.direction);
  }
  if (order.by !== 'hash') query.addOrderBy('key.tokenHash', order.direction);
}

/** Provisioning has deactivated the key's user or team. */
const SUSPENDED = `(EXISTS (SELECT 1 FROM users gone WHERE gone.id = key.userId AND NOT gone.scim_active)
  OR EXISTS (SELECT 1 FROM teams gone WHERE gone.id = key.teamId AND NOT gone.scim_active))`;

function filterByStatus(query: SelectQueryBuilder<VirtualKey>, status: KeyFilter['status'], now: Date): void {
  if (status === 'revoked') query.andWhere(`(key.blocked OR ${SUSPENDED})`);
  if (status === 'active') {
    query.andWhere(
      `NOT key.blocked AND NOT ${SUSPENDED} AND (key.expiresAt IS NULL OR key.expiresAt > :now)`,
      { now },
    );
  }
  if (status === 'expired') query.andWhere('key.expiresAt <= :now', { now });
}
