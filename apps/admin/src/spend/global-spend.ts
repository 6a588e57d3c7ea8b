import { Inject, Injectable } from '@nestjs/common';
import { DailySums, EntityActivity, EVERYTHING, KeyActivity, periodAt, Ranking } from '#libs/budget';
import { Config } from '#libs/config';
import { Clock, DAY_MS, dayOf, PROXY_SCOPE, usdNumber } from '#libs/kernel';

/** What "lately" is in the contract's overviews. */
const DAYS = 30;
const MOST_TEAMS = 500;
/** Keys and customers that are looked at to find the largest of a month. */
const FEWEST_CANDIDATES = 100;

interface Range {
  readonly from?: string | undefined;
  readonly until?: string | undefined;
}

/** Overviews of everything that was spent, for administrators. */
@Injectable()
export class GlobalSpend {
  constructor(
    private readonly sums: DailySums,
    private readonly entities: EntityActivity,
    private readonly keyActivity: KeyActivity,
    private readonly ranking: Ranking,
    @Inject(Config) private readonly config: Pick<Config, 'budgets'>,
    private readonly clock: Clock,
  ) {}

  /** What counts against the proxy's own budget; without one, everything ever spent. */
  async total(): Promise<object> {
    const { proxyCapNanoUsd, proxyDuration: duration, timezone, resetTime } = this.config.budgets;
    const period =
      proxyCapNanoUsd === undefined || duration === undefined
        ? undefined
        : periodAt({ duration, timezone, resetTime, anchorMs: 0 }, this.clock.nowMs());
    const [spent = 0n] = await this.ranking.spentAt([
      { scope: PROXY_SCOPE, ...(period && { budget: 'main', periodId: period.id }) },
    ]);
    return {
      spend: usdNumber(spent),
      max_budget: proxyCapNanoUsd === undefined ? 0 : usdNumber(proxyCapNanoUsd),
    };
  }

  async byDay(apiKey: string | undefined): Promise<readonly object[]> {
    const only = apiKey === undefined ? {} : { only: { key_id: [await this.keyActivity.idNamed(apiKey)] } };
    const rows = await this.sums.sum({
      view: EVERYTHING,
      by: ['day'],
      coarse: 'proxy',
      ...this.#lately(),
      ...only,
    });
    return rows.map(({ day, spendNanoUsd }) => ({ date: day, spend: usdNumber(spendNanoUsd) }));
  }

  async keys(limit: number): Promise<readonly object[]> {
    // No key spent more lately than in its life: the largest lately are among the largest of all, unless those have gone quiet.
    const among = { type: 'key', most: Math.max(FEWEST_CANDIDATES, limit * 5) } as const;
    const rows = await this.sums.sum({
      view: EVERYTHING,
      by: ['key_id'],
      ...this.#lately(),
      top: limit,
      among,
    });
    const facts = await this.keyActivity.facts(
      rows.flatMap(({ key_id }) => (key_id === null ? [] : [key_id])),
    );
    return rows.map(({ key_id, spendNanoUsd }) => {
      const key = facts.get(key_id ?? '');
      return {
        api_key: key?.hash ?? key_id ?? '',
        key_alias: key?.alias ?? null,
        key_name: key?.maskedName ?? null,
        total_spend: usdNumber(spendNanoUsd),
      };
    });
  }

  async models(limit: number): Promise<readonly object[]> {
    const rows = await this.sums.sum({
      view: EVERYTHING,
      by: ['model_group'],
      coarse: 'proxy',
      ...this.#lately(),
      top: limit,
    });
    return rows.map(({ model_group, spendNanoUsd }) => ({
      model: model_group,
      total_spend: usdNumber(spendNanoUsd),
    }));
  }

  async teams(): Promise<object> {
    const rows = await this.entities.days('team', { view: EVERYTHING, ...this.#lately() }, MOST_TEAMS, true);
    const days = new Map<string, Map<string, number>>();
    const totals = new Map<string, bigint>();
    for (const { day, entity, label, spendNanoUsd } of rows.toSorted((a, b) => (a.day < b.day ? -1 : 1))) {
      const name = label ?? entity ?? 'Unassigned';
      const sums = days.get(day) ?? new Map<string, number>();
      sums.set(name, (sums.get(name) ?? 0) + usdNumber(spendNanoUsd));
      days.set(day, sums);
      totals.set(name, (totals.get(name) ?? 0n) + spendNanoUsd);
    }
    const largestFirst = [...totals].toSorted(([, a], [, b]) => (a < b ? 1 : -1));
    return {
      // A team may be called anything, also like the member that says which day it is.
      daily_spend: [...days].map(([date, sums]) => ({ ...Object.fromEntries(sums), date })),
      teams: largestFirst.map(([name]) => name),
      total_spend_per_team: largestFirst.map(([name, spent]) => ({
        team_id: name,
        total_spend: usdNumber(spent),
      })),
    };
  }

  async customers(apiKey: string | undefined, range: Range): Promise<readonly object[]> {
    const keyId = apiKey === undefined ? undefined : await this.keyActivity.idNamed(apiKey);
    const rows = await this.sums.sum({
      view: EVERYTHING,
      by: ['customer_id'],
      coarse: 'customer_days',
      fine: 'customer',
      ...(range.from === undefined && range.until === undefined ? this.#lately() : range),
      ...(keyId === undefined
        ? { among: { type: 'customer', most: 4 * FEWEST_CANDIDATES } as const }
        : { only: { key_id: [keyId] } }),
      top: 100,
    });
    return rows.map(({ customer_id, requests, spendNanoUsd }) => ({
      end_user: customer_id,
      total_count: requests,
      total_spend: usdNumber(spendNanoUsd),
    }));
  }

  async providers(range: Range): Promise<readonly object[]> {
    const rows = await this.sums.sum({
      view: EVERYTHING,
      by: ['provider'],
      coarse: 'proxy',
      ...range,
      top: 1_000,
    });
    return rows.map(({ provider, spendNanoUsd }) => ({
      provider: provider || 'Unknown',
      spend: usdNumber(spendNanoUsd),
    }));
  }

  async tags(range: Range, tags: readonly string[] | undefined): Promise<object> {
    const rows = await this.sums.sum({
      view: EVERYTHING,
      by: ['tag'],
      coarse: 'tagged',
      fine: 'tags',
      only: { tag: tags },
      ...range,
      top: 1_000,
    });
    const wanted = tags === undefined ? rows : rows.filter(({ tag }) => tags.includes(tag ?? ''));
    return {
      spend_per_tag: wanted.map(({ tag, requests, spendNanoUsd }) => ({
        name: tag,
        spend: usdNumber(spendNanoUsd),
        log_count: requests,
      })),
    };
  }

  async tagNames(): Promise<object> {
    const rows = await this.sums.sum({ view: EVERYTHING, by: ['tag'], coarse: 'tagged', top: 10_000 });
    return { tag_names: rows.map(({ tag }) => tag ?? '').toSorted() };
  }

  /** Those that spent most: names of customers are the callers' to invent, and have no end. */
  async customerNames(): Promise<object> {
    return { end_users: (await this.ranking.customers(10_000)).toSorted() };
  }

  #lately(): Range {
    return { from: dayOf(this.clock.nowMs() - DAYS * DAY_MS) };
  }
}
