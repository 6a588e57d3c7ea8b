import { Injectable } from '@nestjs/common';
import { ArchivedKey, VirtualKey } from '#libs/database';
import { Clock, type NanoUsd, type Principal } from '#libs/kernel';
import { DataSource, In } from 'typeorm';
import { seesEverything } from './authority.js';
import { findDeparted, toDeparted } from './key-archive.js';
import { filterKeys, type KeyFilter, type KeyOrder } from './key-filter.js';
import { maySeeKey } from './key-visibility.js';
import { keyNotFound, type KeysNamed } from './keys.js';
import { SpendReader } from './spend-reader.js';

export type KeyStatus = 'active' | 'expired' | 'revoked' | 'deleted';

/** A key as people look at it. */
export interface KeyView {
  readonly key: VirtualKey;
  readonly status: KeyStatus;
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

/** Looks keys up for people. A key the caller may not see is answered exactly as one that does not exist. */
@Injectable()
export class KeyCatalogue {
  constructor(
    private readonly database: DataSource,
    private readonly clock: Clock,
    private readonly spend: SpendReader,
  ) {}

  /** One key, from the archive when it is gone. Throws 404. */
  async get(caller: Principal, hash: string): Promise<KeyView> {
    const [view] = await this.find(caller, { hashes: [hash] });
    if (view === undefined) throw keyNotFound();
    return view;
  }

  /** Those of the named keys that are there (or were) and that the caller may see, in the order asked. */
  async find(caller: Principal, named: KeysNamed): Promise<readonly KeyView[]> {
    const order = 'hashes' in named ? named.hashes : named.aliases;
    const where =
      'hashes' in named ? { tokenHash: In([...named.hashes]) } : { alias: In([...named.aliases]) };
    const living = await this.database.getRepository(VirtualKey).find({ where });
    const nameOf = (key: VirtualKey): string | null => ('hashes' in named ? key.tokenHash : key.alias);
    const unsorted = living.map((key) => ({ key, deletedAt: null, deletedBy: null }) as Departure);
    if ('hashes' in named && living.length < named.hashes.length) {
      const known = new Set(living.map((key) => key.tokenHash));
      const missing = named.hashes.filter((hash) => !known.has(hash));
      unsorted.push(...(await findDeparted(this.database, missing)).values());
    }
    const byName = new Map(
      unsorted.filter(({ key }) => maySeeKey(caller, key)).map((found) => [nameOf(found.key), found]),
    );
    const found = [...new Set(order)].flatMap((name) => byName.get(name) ?? []);
    return this.#withSpend(found);
  }

  /** A page of the keys that match and that the caller may see, with how many there are in all. */
  async list(caller: Principal, filter: KeyFilter, order: KeyOrder, paging: Paging): Promise<Page<KeyView>> {
    const offset = (paging.page - 1) * paging.size;
    const query = this.database.getRepository(VirtualKey).createQueryBuilder('key');
    filterKeys(query, filter, order, new Date(this.clock.nowMs()));
    if (!seesEverything(caller)) {
      query.andWhere(
        `(key.id = :ownKey OR key.userId = :ownUser OR key.teamId = :ownTeam)`,
        // A null never equals anything, so an absent owner shows nothing.
        {
          ownKey: caller.key?.id ?? null,
          ownUser: caller.user?.id ?? null,
          ownTeam: caller.team?.role === 'admin' ? caller.team.id : null,
        },
      );
    }
    const [keys, total] = await query.offset(offset).limit(paging.size).getManyAndCount();
    return {
      items: await this.#withSpend(keys.map((key) => ({ key, deletedAt: null, deletedBy: null }))),
      total,
    };
  }

  /** A page of deleted keys, the latest first. Administrators only see others' than their own. */
  async listDeleted(caller: Principal, filter: KeyFilter, paging: Paging): Promise<Page<KeyView>> {
    const query = this.database
      .getRepository(ArchivedKey)
      .createQueryBuilder('archived')
      .where("archived.reason = 'deleted'")
      .orderBy('archived.archiveId', 'DESC');
    const owners: [string, string | undefined][] = [
      ['user_id', filter.userId],
      ['team_id', filter.teamId],
      ['token_hash', filter.hash],
      ['alias', filter.alias],
    ];
    for (const [column, value] of owners) {
      if (value !== undefined)
        query.andWhere(`archived.row ->> '${column}' = :${column}`, { [column]: value });
    }
    if (!seesEverything(caller)) {
      query.andWhere("(archived.id = :ownKey OR archived.row ->> 'user_id' = :ownUser)", {
        ownKey: caller.key?.id ?? null,
        ownUser: caller.user?.id ?? null,
      });
    }
    const [rows, total] = await query
      .offset((paging.page - 1) * paging.size)
      .limit(paging.size)
      .getManyAndCount();
    return { items: await this.#withSpend(rows.map((row) => toDeparted(this.database, row))), total };
  }

  async #withSpend(found: readonly Departure[]): Promise<readonly KeyView[]> {
    if (found.length === 0) return [];
    const spent = await this.spend.spendOf(found.map(({ key }) => ({ type: 'key', id: key.id })));
    const nowMs = this.clock.nowMs();
    return found.map((departure) => ({
      ...departure,
      status: statusOf(departure, nowMs),
      spentNanoUsd: spent.get(`key:${departure.key.id}`) ?? 0n,
    }));
  }
}

interface Departure {
  readonly key: VirtualKey;
  readonly deletedAt: Date | null;
  readonly deletedBy: string | null;
}

/** What keeps the key from working, the most final reason first. */
export function statusOf({ key, deletedAt }: Departure, nowMs: number): KeyStatus {
  if (deletedAt !== null) return 'deleted';
  if (key.blocked) return 'revoked';
  return key.expiresAt !== null && key.expiresAt.getTime() <= nowMs ? 'expired' : 'active';
}
