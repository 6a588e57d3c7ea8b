import { Injectable } from '@nestjs/common';
import { readAs, VirtualKey } from '#libs/database';
import { Clock, type Principal } from '#libs/kernel';
import { DataSource, type EntityManager, In } from 'typeorm';
import { maySeeKeyOf } from './authority/key-access.js';
import { placesOf } from './authority/load-judgement.js';
import { administered, standingOf } from './authority/standing.js';
import { Standings } from './authority/standings.js';
import { findDeparted } from './key-archive.js';
import { listDeparted } from './key-departed.js';
import { countByTeam, countOf } from './key-count.js';
import { filterKeys, isOpenFilter, type KeyFilter, type KeyOrder } from './key-filter.js';
import { readKeyPage } from './key-page.js';
import { keyNotFound } from './key-refusals.js';
import { keysOfFormer, type KeysNamed } from './key-rows.js';
import { assertMayAsk, listedKeys, type ListScope } from './key-visibility.js';
import { type FoundKey, type KeyView, KeyViews, livingKey } from './key-view.js';
import { containing, type Page, type Paging } from './rows.js';

/** Looks keys up for people. A key the caller may not see is answered exactly as one that does not exist. */
@Injectable()
export class KeyCatalogue {
  constructor(
    private readonly database: DataSource,
    private readonly clock: Clock,
    private readonly views: KeyViews,
    private readonly standings: Standings,
  ) {}

  /** One key, from the archive when it is gone; a former secret finds its key while it works. Throws 404. */
  async get(caller: Principal, hash: string): Promise<KeyView> {
    const [view] = await this.find(caller, { hashes: [hash] });
    if (view === undefined) throw keyNotFound();
    return view;
  }

  /** Those of the named keys that are there (or were) and that the caller may see, in the order asked. */
  async find(caller: Principal, named: KeysNamed): Promise<readonly KeyView[]> {
    const found = await readAs(this.database, caller, async (manager) => {
      const rows = await this.#findNamed(manager, named);
      const standing = await standingOf(manager, caller);
      const places = await placesOf(
        manager,
        [...rows.values()].map(({ key }) => key),
      );
      const visible = new Set(places.filter((place) => maySeeKeyOf(standing, place)).map(({ key }) => key));
      const order = 'hashes' in named ? named.hashes : named.aliases;
      return [...new Set(order)].flatMap((name) => {
        const row = rows.get(name);
        return row !== undefined && visible.has(row.key) ? [row] : [];
      });
    });
    return this.views.withBudgets(caller, found);
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
      const standing = await this.standings.of(manager, caller);
      await assertMayAsk(manager, standing, filter);
      const query = manager.createQueryBuilder(VirtualKey, 'key');
      filterKeys(query, filter, new Date(this.clock.nowMs()));
      const own = listedKeys(standing, filter, scope);
      if (own !== undefined) query.andWhere(own.where, own.parameters);
      const isOpen = isOpenFilter(filter);
      // A team's keys are few enough to be gone through where they are.
      const isOfTeam = filter.teamId !== undefined;
      const isLarge = own !== undefined && !isOfTeam && administered(standing).organizationIds.length > 0;
      return readKeyPage({
        ...{ manager, query, order, paging, isOfTeam, isLarge },
        isOfAllKeys: own === undefined && isOpen,
        counted: isLarge && isOpen ? countByTeam(manager, own) : countOf(query),
      });
    });
    return { items: await this.views.of(keys.map(livingKey)), total };
  }

  /** A page of deleted keys, the latest first, as far as the caller could see them while they lived. */
  async listDeleted(caller: Principal, filter: KeyFilter, paging: Paging): Promise<Page<KeyView>> {
    const [departed, total] = await readAs(this.database, caller, async (manager) => {
      const standing = await this.standings.of(manager, caller);
      await assertMayAsk(manager, standing, filter);
      return listDeparted(manager, standing, filter, paging);
    });
    return { items: await this.views.of(departed.map((each) => ({ ...each, budget: null }))), total };
  }

  /** A page of the aliases in use, in order. */
  async aliases(
    caller: Principal,
    filter: Pick<KeyFilter, 'search' | 'teamId'>,
    paging: Paging,
  ): Promise<Page<string>> {
    return readAs(this.database, caller, async (manager) => {
      const standing = await this.standings.of(manager, caller);
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

  async #findNamed(manager: EntityManager, named: KeysNamed): Promise<Map<string, FoundKey>> {
    if ('aliases' in named) {
      const keys = await manager.findBy(VirtualKey, { alias: In([...named.aliases]) });
      return new Map(keys.map((key) => [key.alias ?? '', livingKey(key)]));
    }
    const living = await manager.findBy(VirtualKey, { tokenHash: In([...named.hashes]) });
    const found = new Map(living.map((key) => [key.tokenHash, livingKey(key)]));
    const unknown = (): string[] => named.hashes.filter((hash) => !found.has(hash));
    // A former secret is looked for before the archive: there it is the key as it was before its rotation.
    for (const hash of unknown()) {
      const [keyId] = await keysOfFormer(manager, [hash], new Date(this.clock.nowMs()));
      const key = keyId === undefined ? null : await manager.findOneBy(VirtualKey, { id: keyId });
      if (key !== null) found.set(hash, livingKey(key));
    }
    const missing = unknown();
    if (missing.length === 0) return found;
    for (const [hash, departed] of await findDeparted(manager, missing))
      found.set(hash, { ...departed, budget: null });
    return found;
  }
}
