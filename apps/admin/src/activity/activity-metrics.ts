import type { Sums } from '#libs/budget';
import { type NanoUsd, usdNumber } from '#libs/kernel';

type Counts = { -readonly [Name in Exclude<keyof Sums, 'spendNanoUsd'>]: number };

/** Sums of sums: exact until they are written down. */
export class Metrics implements Sums {
  spendNanoUsd: NanoUsd = 0n;
  requests = 0;
  successes = 0;
  inputTokens = 0;
  outputTokens = 0;
  cacheReadTokens = 0;
  cacheWriteTokens = 0;
  responseMs = 0;

  add(sums: Sums): this {
    this.spendNanoUsd += sums.spendNanoUsd;
    for (const name of COUNTS) this[name] += sums[name];
    return this;
  }

  /** What the contract has that this product has nothing to say about is zero. */
  toApi(): Record<string, number> {
    return {
      spend: usdNumber(this.spendNanoUsd),
      flat_cost: 0,
      prompt_tokens: this.inputTokens,
      completion_tokens: this.outputTokens,
      cache_read_input_tokens: this.cacheReadTokens,
      cache_creation_input_tokens: this.cacheWriteTokens,
      compression_saved_tokens: 0,
      compression_savings_spend: 0,
      prompt_caching_savings_spend: 0,
      gateway_injected_caching_savings_spend: 0,
      autorouter_savings_spend: 0,
      total_tokens: this.inputTokens + this.outputTokens,
      successful_requests: this.successes,
      failed_requests: this.requests - this.successes,
      api_requests: this.requests,
      total_response_time_ms: this.responseMs,
      timed_requests: this.successes,
    };
  }

  /** The same as totals of an answer. */
  toTotals(): Record<string, number> {
    return Object.fromEntries(
      Object.entries(this.toApi()).map(([name, value]) => [
        name.startsWith('total_') ? name : `total_${name}`,
        value,
      ]),
    );
  }
}

const COUNTS = [
  'requests',
  'successes',
  'inputTokens',
  'outputTokens',
  'cacheReadTokens',
  'cacheWriteTokens',
  'responseMs',
] as const satisfies (keyof Counts)[];

/** The entry of a map, made when it is first asked for. */
export function entryOf<Value>(map: Map<string, Value>, name: string, make: () => Value): Value {
  let value = map.get(name);
  if (value === undefined) map.set(name, (value = make()));
  return value;
}

export function metricsIn(map: Map<string, Metrics>, name: string): Metrics {
  return entryOf(map, name, () => new Metrics());
}
