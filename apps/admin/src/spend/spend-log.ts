import { Injectable } from '@nestjs/common';
import { SpendLedger } from '#libs/budget';
import { LedgerEntry, Team, VirtualKey } from '#libs/database';
import type { NanoUsd, Principal } from '#libs/kernel';
import { seesEverything } from '#libs/tenancy';
import { DataSource, In, type SelectQueryBuilder } from 'typeorm';

export interface SpendFilter {
  readonly keyHash?: string | undefined;
  readonly userId?: string | undefined;
  /** The provider's id of the response, ours of the request, or the caller's. */
  readonly requestId?: string | undefined;
  readonly from?: Date | undefined;
  /** Midnight; the instant itself still belongs. */
  readonly until?: Date | undefined;
}

export interface NamedEntry {
  readonly entry: LedgerEntry;
  readonly keyAlias: string | null;
  readonly teamAlias: string | null;
}

/** What was spent on one day by one user with one model and one key. */
export interface DailySpend {
  readonly day: string;
  readonly userId: string;
  readonly model: string;
  readonly keyHash: string;
  readonly spentNanoUsd: NanoUsd;
}

/** Rows in one unpaged answer; some 1.5 KB each. */
export const MOST_ROWS = 10_000;

const DAY_MS = 86_400_000;

/** Reads the ledger for people: a caller who is no administrator finds its own calls only. */
@Injectable()
export class SpendLog {
  constructor(
    private readonly database: DataSource,
    private readonly ledger: SpendLedger,
  ) {}

  /** The newest calls first, at most MOST_ROWS; `truncated` tells that there are more. Includes every call that has ended in this process. */
  async list(
    caller: Principal,
    filter: SpendFilter,
  ): Promise<{ entries: readonly NamedEntry[]; truncated: boolean }> {
    await this.ledger.flush();
    const rows = await this.#query(caller, filter)
      .orderBy('entry.startedAt', 'DESC')
      .addOrderBy('entry.id', 'DESC')
      .limit(MOST_ROWS + 1)
      .getMany();
    return { entries: await this.#named(rows.slice(0, MOST_ROWS)), truncated: rows.length > MOST_ROWS };
  }

  /** Sums by day, user, model and key, the oldest day first. */
  async daily(caller: Principal, filter: SpendFilter): Promise<readonly DailySpend[]> {
    await this.ledger.flush();
    const rows = await this.#query(caller, filter)
      .select(`to_char(entry.startedAt AT TIME ZONE 'UTC', 'YYYY-MM-DD')`, 'day')
      .addSelect(`COALESCE(entry.userId, '')`, 'userId')
      .addSelect('entry.modelGroup', 'model')
      .addSelect(`COALESCE(entry.keyHash, '')`, 'keyHash')
      .addSelect('SUM(entry.costNano)', 'spent')
      .groupBy('1')
      .addGroupBy('2')
      .addGroupBy('3')
      .addGroupBy('4')
      .orderBy('1')
      .getRawMany<{ day: string; userId: string; model: string; keyHash: string; spent: string }>();
    return rows.map(({ spent, ...row }) => ({ ...row, spentNanoUsd: BigInt(spent) }));
  }

  #query(caller: Principal, filter: SpendFilter): SelectQueryBuilder<LedgerEntry> {
    const query = this.database.getRepository(LedgerEntry).createQueryBuilder('entry');
    if (filter.keyHash !== undefined) {
      // A key keeps its id when it is regenerated, so the calls under its older secrets are found too.
      query.andWhere(
        '(entry.keyHash = :keyHash OR entry.keyId = (SELECT k.id FROM virtual_keys k WHERE k.token_hash = :keyHash))',
        { keyHash: filter.keyHash },
      );
    }
    if (filter.userId !== undefined) query.andWhere('entry.userId = :userId', { userId: filter.userId });
    if (filter.requestId !== undefined) {
      query.andWhere('(entry.responseId = :id OR entry.requestId = :id OR entry.clientCallId = :id)', {
        id: filter.requestId,
      });
    }
    narrowByTime(query, filter);
    if (!seesEverything(caller)) narrowToOwn(query, caller);
    return query;
  }

  async #named(entries: readonly LedgerEntry[]): Promise<readonly NamedEntry[]> {
    const [keys, teams] = await Promise.all([
      this.database.getRepository(VirtualKey).findBy({ id: In(distinct(entries.map(({ keyId }) => keyId))) }),
      this.database.getRepository(Team).findBy({ id: In(distinct(entries.map(({ teamId }) => teamId))) }),
    ]);
    const keyAliases = new Map(keys.map(({ id, alias, label }) => [id, alias ?? label]));
    const teamAliases = new Map(teams.map(({ id, alias }) => [id, alias]));
    return entries.map((entry) => ({
      entry,
      keyAlias: keyAliases.get(entry.keyId ?? '') ?? null,
      teamAlias: teamAliases.get(entry.teamId ?? '') ?? null,
    }));
  }
}

/** The partition's day is fixed at admission, so it may be a day older than the clock of a long call says. */
function narrowByTime(query: SelectQueryBuilder<LedgerEntry>, { from, until }: SpendFilter): void {
  if (from !== undefined) {
    query.andWhere('entry.startedAt >= :from AND entry.day >= :fromDay', { from, fromDay: dayOf(from, -1) });
  }
  if (until !== undefined) {
    query.andWhere('entry.startedAt <= :until AND entry.day <= :untilDay', {
      until,
      untilDay: dayOf(until, 1),
    });
  }
}

/** A caller without any name of its own owns no calls. */
function narrowToOwn(query: SelectQueryBuilder<LedgerEntry>, caller: Principal): void {
  if (caller.customerId !== undefined) query.andWhere('entry.customerId = :own', { own: caller.customerId });
  else if (caller.user !== undefined) query.andWhere('entry.userId = :own', { own: caller.user.id });
  else query.andWhere('entry.keyId = :own', { own: caller.key?.id ?? null });
}

function dayOf(date: Date, days: number): string {
  return new Date(date.getTime() + days * DAY_MS).toISOString().slice(0, 10);
}

function distinct(ids: readonly (string | null)[]): string[] {
  return [...new Set(ids)].filter((id) => id !== null);
}
