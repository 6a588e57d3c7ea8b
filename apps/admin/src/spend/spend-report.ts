import { Injectable } from '@nestjs/common';
import { DailySums, EntityActivity, type EntityDay, EVERYTHING, KeyActivity, type View } from '#libs/budget';
import { usdNumber } from '#libs/kernel';
import { entryOf, Metrics, metricsIn } from '../activity/activity-metrics.js';
import type { Days } from '../http/days.schemas.js';

/** Whose report; ids as they are stored. */
export interface ReportScope {
  readonly key_id?: readonly string[];
  readonly user_id?: readonly string[];
  readonly team_id?: readonly string[];
  readonly organization_id?: readonly string[];
  readonly customer_id?: readonly string[];
}

const MOST_KEYS = 1_000;
const MOST_ENTITIES = 1_000;
/** Where nobody is named. */
const MOST_OF_ALL = 100;
const NOUNS = {
  team: { list: 'teams', name: 'team_name', column: 'team_id', facet: 'key' },
  customer: { list: 'customers', name: 'customer', column: 'customer_id', facet: 'customer' },
} as const;

/** Reports over a range of days, the last one included. */
@Injectable()
export class SpendReport {
  constructor(
    private readonly sums: DailySums,
    private readonly entities: EntityActivity,
    private readonly keys: KeyActivity,
  ) {}

  /** Day by day: what each team or customer spent, and the models and keys it spent it with. */
  async byDay(noun: keyof typeof NOUNS, range: Days): Promise<readonly object[]> {
    const { list, name, column, facet } = NOUNS[noun];
    const filter = { view: EVERYTHING, ...range };
    const reading = this.entities.days(noun, filter, noun === 'team' ? MOST_ENTITIES : MOST_OF_ALL, true);
    // Customers are many: what keys did for those that are not shown is not read. Teams are shown nearly all, and calls of none too.
    const only = noun === 'team' ? undefined : { customer_id: namesOf(await reading) };
    const [totals, keys] = await Promise.all([
      reading,
      this.keys.days({ ...filter, ...(only && { only }) }, facet, column, MOST_OF_ALL, true),
    ]);
    const details = Map.groupBy(keys, ({ day, entity }) => `${day}\0${entity}`);
    const days = Map.groupBy(totals, ({ day }) => day);
    return [...days]
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([day, rows]) => ({
        group_by_day: day,
        [list]: rows.map((row) => ({
          [name]: row.label ?? row.entity ?? 'Unassigned',
          total_spend: usdNumber(row.spendNanoUsd),
          metadata: (details.get(`${day}\0${row.entity}`) ?? []).map((key) => ({
            model: key.modelGroup,
            api_key: key.hash ?? key.keyId,
            spend: usdNumber(key.spendNanoUsd),
            total_tokens: key.inputTokens + key.outputTokens,
          })),
        })),
      }));
  }

  /** Key by key, the largest first: what each spent in all and with which model. */
  async byKey(view: View, scope: ReportScope, range: Days): Promise<readonly object[]> {
    const everybody = view.everything && Object.keys(scope).length === 0;
    const facet = scope.customer_id === undefined && view.customerId === undefined ? 'key' : 'customer';
    const rows = await this.keys.days(
      { view, ...range, only: { ...scope } },
      facet,
      'user_id',
      everybody ? MOST_OF_ALL : MOST_KEYS,
      everybody,
    );
    const byKey = new Map<string, { total: Metrics; models: Map<string, Metrics> }>();
    for (const row of rows) {
      const { total, models } = entryOf(byKey, row.hash ?? row.keyId, () => ({
        total: new Metrics(),
        models: new Map<string, Metrics>(),
      }));
      total.add(row);
      metricsIn(models, row.modelGroup).add(row);
    }
    return [...byKey]
      .toSorted(([, a], [, b]) => (a.total.spendNanoUsd < b.total.spendNanoUsd ? 1 : -1))
      .map(([key, { total, models }]) => ({
        api_key: key,
        ...costs(total),
        model_details: [...models].map(([model, metrics]) => ({ model, ...costs(metrics) })),
      }));
  }
}

function namesOf(days: readonly EntityDay[]): string[] {
  return [...new Set(days.flatMap(({ entity }) => entity ?? []))];
}

function costs(metrics: Metrics): object {
  return {
    total_cost: usdNumber(metrics.spendNanoUsd),
    total_input_tokens: metrics.inputTokens,
    total_output_tokens: metrics.outputTokens,
  };
}
