import type { DailyRow, KeyDay, KeyFacts } from '#libs/budget';
import { entryOf, Metrics, metricsIn } from './activity-metrics.js';
import { monthAndDay } from './months.js';

export type ModelDay = DailyRow<'day' | 'model_group' | 'model' | 'provider' | 'endpoint'>;
export interface EntityDay extends DailyRow<'day'> {
  readonly entity: string | null;
}

/** One name within a breakdown, and the keys under it. */
class Part {
  readonly metrics = new Metrics();
  readonly keys = new Map<string, { metrics: Metrics; facts: KeyFacts }>();

  addKey(row: KeyDay): void {
    entryOf(this.keys, row.keyId, () => ({ metrics: new Metrics(), facts: row })).metrics.add(row);
  }

  toApi(metadata: object = {}): object {
    return { metrics: this.metrics.toApi(), metadata, api_key_breakdown: keysToApi(this.keys) };
  }
}

/** A day of the contract's daily activity. */
class Day {
  readonly metrics = new Metrics();
  readonly models = new Map<string, Part>();
  readonly groups = new Map<string, Part>();
  readonly providers = new Map<string, Part>();
  readonly endpoints = new Map<string, Part>();
  readonly entities = new Map<string, Part>();
  readonly keys = new Part();

  partsOf(row: Pick<KeyDay, 'modelGroup' | 'model' | 'provider' | 'endpoint'>): Part[] {
    return [
      partIn(this.models, row.model),
      partIn(this.groups, row.modelGroup),
      partIn(this.providers, row.provider || 'unknown'),
      partIn(this.endpoints, row.endpoint),
    ];
  }

  toApi(date: string, aliases: ReadonlyMap<string, object>): object {
    return {
      date,
      metrics: this.metrics.toApi(),
      breakdown: {
        models: partsToApi(this.models),
        model_groups: partsToApi(this.groups),
        mcp_servers: {},
        providers: partsToApi(this.providers),
        endpoints: partsToApi(this.endpoints),
        api_keys: keysToApi(this.keys.keys),
        entities: partsToApi(this.entities, aliases),
      },
    };
  }
}

/** Days as the contract shows them, the newest first. `aliases`: what is known about entities, by id. */
export function toActivity(
  models: readonly ModelDay[],
  entities: readonly EntityDay[],
  keys: readonly KeyDay[],
  aliases: ReadonlyMap<string, object>,
): { results: object[]; totals: Record<string, number> } {
  const days = new Map<string, Day>();
  const total = new Metrics();
  for (const row of models) {
    const day = entryOf(days, row.day ?? '', () => new Day());
    day.metrics.add(row);
    total.add(row);
    const named = {
      modelGroup: row.model_group ?? '',
      model: row.model ?? '',
      provider: row.provider ?? '',
      endpoint: row.endpoint ?? '',
    };
    for (const part of day.partsOf(named)) part.metrics.add(row);
  }
  // A call that ended between two queries may bring a day that the first one did not have: it is in the next answer.
  for (const row of entities) {
    const day = days.get(row.day ?? '');
    if (day !== undefined) partIn(day.entities, row.entity || 'Unassigned').metrics.add(row);
  }
  for (const row of keys) {
    const day = days.get(row.day);
    if (day === undefined) continue;
    day.keys.addKey(row);
    for (const part of day.partsOf(row)) part.addKey(row);
    day.entities.get(row.entity || 'Unassigned')?.addKey(row);
  }
  const newestFirst = [...days].toSorted(([a], [b]) => (a < b ? 1 : -1));
  return { results: newestFirst.map(([date, day]) => day.toApi(date, aliases)), totals: total.toTotals() };
}

function partIn(parts: Map<string, Part>, name: string): Part {
  return entryOf(parts, name, () => new Part());
}

function partsToApi(parts: ReadonlyMap<string, Part>, aliases?: ReadonlyMap<string, object>): object {
  return Object.fromEntries([...parts].map(([name, part]) => [name, part.toApi(aliases?.get(name))]));
}

function keysToApi(keys: ReadonlyMap<string, { metrics: Metrics; facts: KeyFacts }>): object {
  return Object.fromEntries(
    [...keys.values()].map(({ metrics, facts }) => [
      facts.hash ?? facts.keyId,
      {
        metrics: metrics.toApi(),
        metadata: {
          key_alias: facts.alias,
          team_id: facts.teamId,
          user_id: facts.userId,
          user_email: facts.userEmail,
          key_exists: facts.exists,
        },
      },
    ]),
  );
}

/** Metrics of one day under its name, for charts. */
export function toChart(rows: readonly DailyRow<'day'>[]): {
  daily_data: { date: string; api_requests: number; total_tokens: number }[];
  sum_api_requests: number;
  sum_total_tokens: number;
} {
  const byDay = new Map<string, Metrics>();
  const total = new Metrics();
  for (const row of rows) {
    metricsIn(byDay, row.day ?? '').add(row);
    total.add(row);
  }
  return {
    daily_data: [...byDay].map(([day, metrics]) => ({
      date: monthAndDay(day),
      api_requests: metrics.requests,
      total_tokens: metrics.inputTokens + metrics.outputTokens,
    })),
    sum_api_requests: total.requests,
    sum_total_tokens: total.inputTokens + total.outputTokens,
  };
}
