import { Injectable } from '@nestjs/common';
import { beyondTenancy, Budget, readAs, VirtualKey } from '#libs/database';
import { Clock, type NanoUsd, type Principal } from '#libs/kernel';
import { DataSource, type EntityManager, In, type SelectQueryBuilder } from 'typeorm';
import { maySeeKeyOf } from './authority/key-access.js';
import { placesOf } from './authority/load-judgement.js';
import { administered, standingOf } from './authority/standing.js';
import { findDeparted } from './key-archive.js';
import { listDeparted } from './key-departed.js';
import {
  byMostSpent,
  filterKeys,
  isOpenFilter,
  type KeyFilter,
  type KeyOrder,
  orderKeys,
} from './key-filter.js';
import { keyNotFound } from './key-refusals.js';
import { keysOfFormer, type KeysNamed } from './key-rows.js';
import { assertMayAsk, listedKeys, type ListScope } from './key-visibility.js';
import { containing } from './rows.js';
import { SpendReader } from './spend-reader.js';

export type KeyStatus = 'active' | 'expired' | 'revoked' | 'deleted';

/** A key as people look at it. */
export interface KeyView {
  readonly key: VirtualKey;
  /** The shared budget it points to. */
  readonly budget: Budget | null;
  readonly status: KeyStatus;
  /** Provisioning has deactivated its user or its team: it opens nothing until they return, whatever the key itself says. */
  readonly isSuspended: boolean;
  readonly spentNanoUsd: NanoUsd;
  readonly deletedAt: Date | null;
  readonly deletedBy: string | null;
}

export interface Page<T> {
  readonly items: readonly T[];
  readonly total: number;
}

export interface Paging {
  /** From 1. */
  readonly page: number;
  readonly size: number;
}

/** So many that each tenth or hundredth of all keys is one of them: going through the order of spend finds a page sooner than sorting them. */
const MANY_KEYS = 20_000;

/** Looks keys up for people. A key the caller may not see is answered exactly as one that does not exist. */
@Injectable()
export class KeyCatalogue {
  constructor(
    private readonly database: DataSource,
    private readonly clock: Clock,
    private readonly spend: SpendReader,
  ) {}

  /** One key, from the archive when it is gone; a former secret finds its key while it works. Throws 404. */
  async get(caller: Principal, hash: string): Promise<KeyView> {
    const [view] = await this.find(caller, { hashes: [hash] });
    if (view === undefined) throw keyNotFound();
    return view;
  }

  /** Those of the named keys that are there (or were) and that the caller may see, in the order asked. */
  async find(caller: Principal, named: KeysNamed): Promise<readonly KeyView[]> {
    const departures = await readAs(this.database, caller, async (manager) => {
      const found = await this.#findNamed(manager, named);
      const standing = await standingOf(manager, caller);
      const places = await placesOf(
        manager,
        [...found.values()].map(({ key }) => key),
      );
      const visible = new Set(places.filter((place) => maySeeKeyOf(standing, place)).map(({ key }) => key));
      const order = 'hashes' in named ? named.hashes : named.aliases;
      return [...new Set(order)].flatMap((name) => {
        const departure = found.get(name);
        return departure !== undefined && visible.has(departure.key) ? [departure] : [];
      });
    });
    return this.#withSpend(caller, departures);
  }

  /**
   * A page of the keys that match and that the caller may see, with how many there are in all. Throws 403 when somebody asks
   * for the keys of a user, a team or an organization that are not its own to ask for, whether they exist or not.
   */
  async list(
    caller: Principal,
    filter: KeyFilter,
    order: KeyOrder,
    paging: Paging,
    scope: ListScope = {},
  ): Promise<Page<KeyView>> {
    const [keys, total] = await readAs(this.database, caller, async (manager) => {
      const standing = await standingOf(manager, caller);
      await assertMayAsk(manager, standing, filter);
      const query = manager.createQueryBuilder(VirtualKey, 'key');
      filterKeys(query, filter, new Date(this.clock.nowMs()));
      const own = listedKeys(standing, filter, scope);
      if (own !== undefined) query.andWhere(own.where, own.parameters);
      const counted = query.clone().select('count(*)', 'total');
      query
        .leftJoinAndMapOne('key.budget', Budget, 'linked', 'linked.id = key.budgetId')
        .offset((paging.page - 1) * paging.size)
        .limit(paging.size);
      // Behind the wall, PostgreSQL would ask about every key of a large organization; how many there are is no row of theirs.
      const isLarge = own !== undefined && administered(standing).organizationIds.length > 0;
      const count = (): Promise<number> =>
        isLarge ? beyondTenancy(manager, 'how many keys are seen', () => countOf(counted)) : countOf(counted);
      if (order.by !== 'spend' || order.direction !== 'DESC') {
        if (isLarge) return [await inOrder(query, order), await count()] as const;
        return orderedPage(query, order, counted);
      }
      if (own === undefined && isOpenFilter(filter)) return mostSpentPage(query, order, paging, counted);
      const total = await count();
      if (total <= MANY_KEYS) return [await inOrder(query, order), total] as const;
      return [await openPage(manager, query, order, paging), total] as const;
    });
    return { items: await this.#priced(keys.map(present)), total };
  }

  /** A page of deleted keys, the latest first, as far as the caller could see them while they lived. */
  async listDeleted(caller: Principal, filter: KeyFilter, paging: Paging): Promise<Page<KeyView>> {
    const [departed, total] = await readAs(this.database, caller, async (manager) => {
      const standing = await standingOf(manager, caller);
      await assertMayAsk(manager, standing, filter);
      return listDeparted(manager, standing, filter, paging);
    });
    return { items: await this.#priced(departed.map((each) => ({ ...each, budget: null }))), total };
  }

  /** A page of the aliases in use, in order. */
  async aliases(
    caller: Principal,
    filter: Pick<KeyFilter, 'search' | 'teamId'>,
    paging: Paging,
  ): Promise<Page<string>> {
    return readAs(this.database, caller, async (manager) => {
      const standing = await standingOf(manager, caller);
      await assertMayAsk(manager, standing, filter);
      const query = manager.createQueryBuilder(VirtualKey, 'key').where('key.alias IS NOT NULL');
      if (filter.teamId !== undefined) query.andWhere('key.teamId = :teamId', { teamId: filter.teamId });
      if (filter.search !== undefined)
        query.andWhere('COALESCE(key.alias, key.label) ILIKE :part', { part: containing(filter.search) });
      const own = listedKeys(standing, filter, { includesTeams: true });
      if (own !== undefined) query.andWhere(own.where, own.parameters);
      const counted = await query.clone().select('count(*)', 'total').getRawOne<{ total: string }>();
      const rows = await query
        .select('key.alias', 'alias')
        .orderBy('COALESCE(key.alias, key.label)', 'ASC', 'NULLS FIRST')
        .offset((paging.page - 1) * paging.size)
        .limit(paging.size)
        .getRawMany<{ alias: string }>();
      return { items: rows.map(({ alias }) => alias), total: Number(counted?.total ?? 0) };
    });
  }

  async #findNamed(manager: EntityManager, named: KeysNamed): Promise<Map<string, Departure>> {
    if ('aliases' in named) {
      const keys = await manager.findBy(VirtualKey, { alias: In([...named.aliases]) });
      return new Map(keys.map((key) => [key.alias ?? '', present(key)]));
    }
    const living = await manager.findBy(VirtualKey, { tokenHash: In([...named.hashes]) });
    const found = new Map(living.map((key) => [key.tokenHash, present(key)]));
    const unknown = (): string[] => named.hashes.filter((hash) => !found.has(hash));
    // A former secret is looked for before the archive: there it is the key as it was before its rotation.
    for (const hash of unknown()) {
      const [keyId] = await keysOfFormer(manager, [hash], new Date(this.clock.nowMs()));
      const key = keyId === undefined ? null : await manager.findOneBy(VirtualKey, { id: keyId });
      if (key !== null) found.set(hash, present(key));
    }
    const missing = unknown();
    if (missing.length === 0) return found;
    for (const [hash, departed] of await findDeparted(manager, missing))
      found.set(hash, { ...departed, budget: null });
    return found;
  }

  async #withSpend(caller: Principal, found: readonly Departure[]): Promise<readonly KeyView[]> {
    const ids = found.flatMap(({ key }) => key.budgetId ?? []);
    if (ids.length === 0) return this.#priced(found);
    const budgets = await readAs(this.database, caller, (manager) => manager.findBy(Budget, { id: In(ids) }));
    const byId = new Map(budgets.map((budget) => [budget.id, budget]));
    return this.#priced(
      found.map((each) => ({ ...each, budget: byId.get(each.key.budgetId ?? '') ?? null })),
    );
  }

  async #priced(found: readonly Departure[]): Promise<readonly KeyView[]> {
    if (found.length === 0) return [];
    const spent = await this.spend.spendIn(
      found.map(({ key, budget }) => ({ scope: { type: 'key', id: key.id }, budget: key, linked: budget })),
    );
    const nowMs = this.clock.nowMs();
    const suspended = await this.#suspended(found);
    return found.map((departure) => ({
      ...departure,
      isSuspended: suspended.has(departure.key.id),
      status: statusOf(departure, nowMs, suspended.has(departure.key.id)),
      spentNanoUsd: spent.get(`key:${departure.key.id}`) ?? 0n,
    }));
  }

  /** The keys of deactivated users and teams, by id. */
  async #suspended(found: readonly Departure[]): Promise<ReadonlySet<string>> {
    const ids = (of: (key: VirtualKey) => string | null): string[] => [
      ...new Set(found.flatMap(({ key }) => of(key) ?? [])),
    ];
    // A key that is seen is shown as it is, also where its owner's row is hidden.
    const rows = await readAs(this.database, { system: 'owners-of-seen-keys' }, (manager) =>
      manager.query<{ noun: string; id: string }[]>(
        `SELECT 'user' AS noun, id FROM users WHERE id = ANY($1) AND NOT scim_active
         UNION ALL SELECT 'team', id FROM teams WHERE id = ANY($2) AND NOT scim_active`,
        [ids(({ userId }) => userId), ids(({ teamId }) => teamId)],
      ),
    );
    const gone = new Set(rows.map(({ noun, id }) => `${noun}:${id}`));
    return new Set(
      found
        .filter(({ key }) => gone.has(`user:${key.userId ?? ''}`) || gone.has(`team:${key.teamId ?? ''}`))
        .map(({ key }) => key.id),
    );
  }
}

interface Departure {
  readonly key: VirtualKey;
  readonly budget: Budget | null;
  readonly deletedAt: Date | null;
  readonly deletedBy: string | null;
}

function inOrder(query: SelectQueryBuilder<VirtualKey>, order: KeyOrder): Promise<WithBudget[]> {
  orderKeys(query, order);
  return query.getMany();
}

type CountedPage = readonly [keys: readonly WithBudget[], total: number];

async function countOf(counted: SelectQueryBuilder<VirtualKey>): Promise<number> {
  return Number((await counted.getRawOne<{ total: string }>())?.total ?? 0);
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

/** Of all keys, for whoever sees them all: the index of magnitudes has the page, unless it reaches those who spent nothing. */
async function mostSpentPage(
  query: SelectQueryBuilder<VirtualKey>,
  order: KeyOrder,
  { size }: Paging,
  counted: SelectQueryBuilder<VirtualKey>,
): Promise<CountedPage> {
  const top = query.clone();
  byMostSpent(top);
  const page = await withTotal(top, counted);
  return page[0].length < size ? orderedPage(query, order, counted) : page;
}

/**
 * A page of very many keys. Those who spent the most are found by an index; the end of that list, where nobody spent anything, is not.
 * The order is looked up with our own rights, because PostgreSQL would ask the wall about every balance; the keys of the page are not.
 */
async function openPage(
  manager: EntityManager,
  query: SelectQueryBuilder<VirtualKey>,
  order: KeyOrder,
  { page: number, size }: Paging,
): Promise<WithBudget[]> {
  const top = query.clone().select('key.id', 'id');
  byMostSpent(top, Math.max(FEWEST_RANKED, RANKED_FOR_EACH * number * size));
  const ranked = await beyondTenancy(manager, 'the order of keys by spend', () =>
    top.getRawMany<{ id: string }>(),
  );
  if (ranked.length < size) return inOrder(query, order);
  const ids = ranked.map(({ id }) => id);
  const page: WithBudget[] = await query
    .clone()
    .andWhere('key.id = ANY(:page)', { page: ids })
    .offset(0)
    .getMany();
  return page.toSorted((a, b) => ids.indexOf(a.id) - ids.indexOf(b.id));
}

/** So many of all keys that spent most are asked whether they are of the list. */
const FEWEST_RANKED = 5_000;
/** A list of more than `MANY_KEYS` has about one in twenty of half a million. */
const RANKED_FOR_EACH = 20;

type WithBudget = VirtualKey & { budget?: Budget | null };

function present({ budget = null, ...key }: WithBudget): Departure {
  return { key: Object.assign(new VirtualKey(), key), budget, deletedAt: null, deletedBy: null };
}

/** What keeps the key from working, the most final reason first. */
export function statusOf(
  { key, deletedAt }: Pick<Departure, 'key' | 'deletedAt'>,
  nowMs: number,
  isSuspended = false,
): KeyStatus {
  if (deletedAt !== null) return 'deleted';
  if (key.blocked || isSuspended) return 'revoked';
  return key.expiresAt !== null && key.expiresAt.getTime() <= nowMs ? 'expired' : 'active';
}
