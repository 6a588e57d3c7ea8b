import { beyondTenancy, Budget, type VirtualKey } from '#libs/database';
import type { EntityManager, SelectQueryBuilder } from 'typeorm';
import { byMostSpent, type KeyOrder, orderKeys } from './key-filter.js';
import type { KeyWithBudget } from './key-view.js';
import type { Paging } from './rows.js';

/** A list of keys to read one page of. */
export interface KeyList {
  /** Has the conditions of the list, and nothing else yet. */
  readonly query: SelectQueryBuilder<VirtualKey>;
  readonly order: KeyOrder;
  readonly paging: Paging;
  /** No condition narrows it: all keys, for somebody who sees them all. */
  readonly isOfAllKeys: boolean;
  /** Whoever asks administers an organization, so that the wall would be asked about very many keys. */
  readonly isLarge: boolean;
}

type CountedPage = readonly [keys: readonly KeyWithBudget[], total: number];

/** So many that each tenth or hundredth of all keys is one of them: going through the order of spend finds a page sooner than sorting them. */
const MANY_KEYS = 20_000;
/** So many of all keys that spent most are asked whether they are of the list. */
const FEWEST_RANKED = 5_000;
/** A list of more than `MANY_KEYS` has about one in twenty of half a million. */
const RANKED_FOR_EACH = 20;

/** One page of a list, and how many keys are in it in all: in one statement where that is the quickest way, else in two or three. */
export async function readKeyPage(manager: EntityManager, list: KeyList): Promise<CountedPage> {
  const { query, order, paging, isLarge } = list;
  const counted = query.clone().select('count(*)', 'total');
  query
    .leftJoinAndMapOne('key.budget', Budget, 'linked', 'linked.id = key.budgetId')
    .offset((paging.page - 1) * paging.size)
    .limit(paging.size);
  // Behind the wall, PostgreSQL would ask about every key of a large organization; how many there are is no row of theirs.
  const count = (): Promise<number> =>
    isLarge ? beyondTenancy(manager, 'how many keys are seen', () => countOf(counted)) : countOf(counted);
  if (order.by !== 'spend' || order.direction !== 'DESC') {
    if (isLarge) return [await inOrder(query, order), await count()];
    return orderedPage(query, order, counted);
  }
  if (list.isOfAllKeys) return mostSpentPage(list, counted);
  const total = await count();
  if (total <= MANY_KEYS) return [await inOrder(query, order), total];
  return [await rankedPage(manager, list), total];
}

async function countOf(counted: SelectQueryBuilder<VirtualKey>): Promise<number> {
  return Number((await counted.getRawOne<{ total: string }>())?.total ?? 0);
}

function inOrder(query: SelectQueryBuilder<VirtualKey>, order: KeyOrder): Promise<KeyWithBudget[]> {
  orderKeys(query, order);
  return query.getMany();
}

/** A page and how many match in all, in one statement; a page behind the last takes a second one. */
async function withTotal(
  query: SelectQueryBuilder<VirtualKey>,
  counted: SelectQueryBuilder<VirtualKey>,
): Promise<CountedPage> {
  const page = await query
    .addSelect(`(${counted.getQuery()})`, 'list_total')
    .getRawAndEntities<{ list_total: string }>();
  const [first] = page.raw;
  return [page.entities, first === undefined ? await countOf(counted) : Number(first.list_total)];
}

function orderedPage(
  query: SelectQueryBuilder<VirtualKey>,
  order: KeyOrder,
  counted: SelectQueryBuilder<VirtualKey>,
): Promise<CountedPage> {
  orderKeys(query, order);
  return withTotal(query, counted);
}

/** Of all keys: the index of magnitudes has the page, unless it reaches those who spent nothing. */
async function mostSpentPage(
  { query, order, paging }: KeyList,
  counted: SelectQueryBuilder<VirtualKey>,
): Promise<CountedPage> {
  const top = query.clone();
  byMostSpent(top);
  const page = await withTotal(top, counted);
  return page[0].length < paging.size ? orderedPage(query, order, counted) : page;
}

/**
 * A page of very many keys. Those who spent the most are found by an index; the end of that list, where nobody spent anything, is not.
 * The order is looked up with our own rights, because PostgreSQL would ask the wall about every balance; the keys of the page are not.
 */
async function rankedPage(
  manager: EntityManager,
  { query, order, paging: { page: number, size } }: KeyList,
): Promise<KeyWithBudget[]> {
  const top = query.clone().select('key.id', 'id');
  byMostSpent(top, Math.max(FEWEST_RANKED, RANKED_FOR_EACH * number * size));
  const ranked = await beyondTenancy(manager, 'the order of keys by spend', () =>
    top.getRawMany<{ id: string }>(),
  );
  if (ranked.length < size) return inOrder(query, order);
  const ids = ranked.map(({ id }) => id);
  const page: KeyWithBudget[] = await query
    .clone()
    .andWhere('key.id = ANY(:page)', { page: ids })
    .offset(0)
    .getMany();
  return page.toSorted((a, b) => ids.indexOf(a.id) - ids.indexOf(b.id));
}
