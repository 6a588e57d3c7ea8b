import { beyondTenancy, Budget, type VirtualKey } from '#libs/database';
import type { EntityManager, SelectQueryBuilder } from 'typeorm';
import { type Counted, readCount } from './key-count.js';
import { byMostSpent, type KeyOrder, mostSpentOf, orderKeys } from './key-filter.js';
import type { ListedKey } from './key-view.js';
import type { Paging } from './rows.js';

/** A list of keys to read one page of. */
export interface KeyList {
  readonly manager: EntityManager;
  /** Has the conditions of the list, and nothing else yet. */
  readonly query: SelectQueryBuilder<VirtualKey>;
  readonly order: KeyOrder;
  readonly paging: Paging;
  /** How many keys are in it. */
  readonly counted: Counted;
  /** No condition narrows it: all keys, for somebody who sees them all. */
  readonly isOfAllKeys: boolean;
  readonly isOfTeam: boolean;
  /** Whoever asks administers an organization, so that the wall would be asked about very many keys. */
  readonly isLarge: boolean;
}

type KeyPage = readonly [keys: readonly ListedKey[], total: number];

/** One page of a list, and how many keys are in it in all: in one statement where that is the quickest way, else in two. */
export function readKeyPage(list: KeyList): Promise<KeyPage> {
  const { query, order, paging } = list;
  query
    .leftJoinAndMapOne('key.budget', Budget, 'linked', 'linked.id = key.budgetId')
    .addSelect('is_suspended(key.userId, key.teamId)', 'suspended')
    .offset((paging.page - 1) * paging.size)
    .limit(paging.size);
  if (order.by === 'spend' && order.direction === 'DESC') {
    if (list.isOfAllKeys) return mostSpentPage(list);
    if (!list.isOfTeam) return rankedPage(list);
  }
  return list.isLarge ? largePage(list) : orderedPage(list);
}

/** A page and how many match in all, in one statement. */
function orderedPage(list: KeyList): Promise<KeyPage> {
  orderKeys(list.query, list.order);
  return withTotal(list, list.query);
}

/** Of all keys, for whoever sees them all: the index of magnitudes has the page, unless it reaches those who spent nothing. */
async function mostSpentPage(list: KeyList): Promise<KeyPage> {
  const top = list.query.clone();
  byMostSpent(top);
  const page = await withTotal(list, top);
  return page[0].length < list.paging.size ? orderedPage(list) : page;
}

/** Behind the wall, PostgreSQL would ask about every key of a large organization; how many there are is no row of theirs. */
async function largePage({ manager, query, order, counted }: KeyList): Promise<KeyPage> {
  const total = await beyondTenancy(manager, 'how many keys are seen', () => readCount(manager, counted));
  return [await inOrder(query, order), total];
}

/** So many that each tenth or hundredth of all keys is one of them: going through the order of spend finds a page sooner than sorting them. */
const MANY_KEYS = 20_000;
/** So many of all keys that spent most are asked whether they are of the list. */
const FEWEST_RANKED = 5_000;
/** A list of more than `MANY_KEYS` has about one in twenty of half a million. */
const RANKED_FOR_EACH = 20;

/**
 * A page of what may be very many keys. Those who spent the most are found by an index; the end of that list, where nobody spent
 * anything, is not. The order and the number are looked up with our own rights, because PostgreSQL would ask the wall about every key
 * and every balance; the keys of the page are not.
 */
async function rankedPage({ manager, query, order, paging, counted }: KeyList): Promise<KeyPage> {
  const { page: number, size } = paging;
  const top = mostSpentOf(query, Math.max(FEWEST_RANKED, RANKED_FOR_EACH * number * size));
  const ranked = await beyondTenancy(manager, 'number of keys, and their order by spend', () =>
    manager
      .createQueryBuilder()
      .select('counted.total', 'total')
      .addSelect(`CASE WHEN counted.total > ${MANY_KEYS} THEN ARRAY(${top}) ELSE '{}' END`, 'ids')
      .from(`(${counted.sql} OFFSET 0)`, 'counted')
      .setParameters({ ...counted.parameters, ...query.getParameters() })
      .getRawOne<{ total: string; ids: string[] }>(),
  );
  const { total = 0, ids = [] } = ranked ?? {};
  if (ids.length < size) return [await inOrder(query, order), Number(total)];
  const [page] = await listed(query.clone().andWhere('key.id = ANY(:page)', { page: ids }).offset(0));
  return [page.toSorted((a, b) => ids.indexOf(a.id) - ids.indexOf(b.id)), Number(total)];
}

async function inOrder(query: SelectQueryBuilder<VirtualKey>, order: KeyOrder): Promise<ListedKey[]> {
  orderKeys(query, order);
  const [keys] = await listed(query);
  return keys;
}

/** A page behind the last takes a second statement. */
async function withTotal(
  { manager, counted }: KeyList,
  query: SelectQueryBuilder<VirtualKey>,
): Promise<KeyPage> {
  const [keys, first] = await listed(query.addSelect(`(${counted.sql})`, 'list_total'));
  return [keys, first === undefined ? await readCount(manager, counted) : Number(first.list_total)];
}

interface ListedRow {
  readonly key_id: string;
  readonly suspended: boolean;
  readonly list_total?: string;
}

/** The keys of a query for a page, with the first of its rows: it may say more of the whole list. */
async function listed(query: SelectQueryBuilder<VirtualKey>): Promise<[ListedKey[], ListedRow | undefined]> {
  const { raw, entities } = await query.getRawAndEntities<ListedRow>();
  const suspended = new Set(raw.flatMap((row) => (row.suspended ? row.key_id : [])));
  return [entities.map((key) => Object.assign(key, { isSuspended: suspended.has(key.id) })), raw[0]];
}
