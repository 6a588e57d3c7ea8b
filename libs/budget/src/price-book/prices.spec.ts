import { describe, expect, it } from 'vitest';
import { NO_USAGE, type Usage } from '#libs/kernel';
import { type Deployment, PROVIDERS } from '#libs/routing';
import type { Config, ConfigTree } from '#libs/config';
import { costOf } from './cost.js';
import type { CompiledRates } from './rates.js';
import { PriceBook } from './price-book.js';

const book = new PriceBook();
const deployment = (over: Partial<Deployment>): Deployment => ({
  id: 'd',
  group: 'g',
  provider: 'openai',
  upstreamModel: 'gpt-4o',
  wire: 'openai',
  apiBase: 'https://x',
  extraHeaders: {},
  defaultBody: {},
  weight: 1,
  order: 0,
  tags: [],
  accessGroups: [],
  prices: {},
  ...over,
});
const usage = (inputTokens: number, outputTokens: number, more: Partial<Usage> = {}): Usage => ({
  ...NO_USAGE,
  inputTokens,
  outputTokens,
  ...more,
});
const NOW = Date.parse('2026-11-21T12:00:00Z');
const cost = (over: Partial<Deployment>, used: Usage, nowMs = NOW): bigint => {
  const rates = book.priceOf(deployment(over)).ratesAt(nowMs);
  if (!rates) throw new Error('no price');
  return costOf(rates, used).totalNanoUsd;
};
const own = (prices: Record<string, string>): Partial<Deployment> => ({
  provider: 'hosted_vllm',
  upstreamModel: 'mine',
  prices,
});

describe('what a usage costs, in nano-dollars', () => {
  it.each<[string, Partial<Deployment>, Usage, bigint]>([
    // $2.5 in, $1.25 cached, $10 out per million.
    ['gpt-4o', { upstreamModel: 'gpt-4o' }, usage(1000, 500), 7_500_000n],
    ['gpt-4o, cached', { upstreamModel: 'gpt-4o' }, usage(2000, 100, { cacheReadTokens: 1024 }), 4_720_000n],
    ['gpt-4o, dated name', { upstreamModel: 'gpt-4o-2024-08-06' }, usage(10, 10), 125_000n],
    // $0.15 in, $0.6 out.
    ['gpt-4o-mini', { upstreamModel: 'gpt-4o-mini' }, usage(5, 7), 4_950n],
    [
      'gpt-4o-mini through azure',
      { provider: 'azure', upstreamModel: 'my-deployment', baseModel: 'azure/gpt-4o-mini' },
      usage(5, 7),
      4_950n,
    ],
    ['embedding', { upstreamModel: 'text-embedding-3-small' }, usage(3, 0), 60n],
    // $3 in, $15 out, cached 0.3, written 3.75, written for an hour 6.
    [
      'claude 3.7 sonnet',
      { provider: 'anthropic', upstreamModel: 'claude-3-7-sonnet-20250219' },
      usage(100, 100),
      1_800_000n,
    ],
    [
      'claude, cache read',
      { provider: 'anthropic', upstreamModel: 'claude-3-7-sonnet-20250219' },
      usage(1100, 100, { cacheReadTokens: 1000 }),
      2_100_000n,
    ],
    [
      'claude, cache written',
      { provider: 'anthropic', upstreamModel: 'claude-3-7-sonnet-20250219' },
      usage(1100, 0, { cacheWriteTokens: 1000 }),
      4_050_000n,
    ],
    [
      'claude, written for an hour',
      { provider: 'anthropic', upstreamModel: 'claude-3-7-sonnet-20250219' },
      usage(1100, 0, { cacheWriteHourTokens: 1000 }),
      6_300_000n,
    ],
    [
      'own price',
      own({ input_cost_per_token: '0.001', output_cost_per_token: '0.002' }),
      usage(5, 7),
      19_000_000n,
    ],
    [
      'own price in exponents',
      own({ input_cost_per_token: '3e-06', output_cost_per_token: '1.5E-5' }),
      usage(10, 10),
      180_000n,
    ],
    [
      'a third of a nano-dollar rounds down once',
      own({ input_cost_per_token: '0.0000000001', output_cost_per_token: '0.0000000002' }),
      usage(2, 1),
      0n,
    ],
    [
      'half a nano-dollar rounds up',
      own({ input_cost_per_token: '0.0000000001', output_cost_per_token: '0.0000000002' }),
      usage(1, 2),
      1n,
    ],
    [
      'parts below a nano-dollar add up before they are rounded',
      own({ input_cost_per_token: '0.0000000004', output_cost_per_token: '0.0000000004' }),
      usage(1, 1),
      1n,
    ],
    [
      'own cached price',
      own({
        input_cost_per_token: '0.000002',
        output_cost_per_token: '0',
        cache_read_input_token_cost: '0.0000005',
      }),
      usage(10, 0, { cacheReadTokens: 4 }),
      14_000n,
    ],
    [
      'own reasoning price',
      own({
        input_cost_per_token: '0',
        output_cost_per_token: '0.000001',
        output_cost_per_reasoning_token: '0.000003',
      }),
      usage(0, 10, { reasoningTokens: 4 }),
      18_000n,
    ],
    [
      'own audio prices',
      own({
        input_cost_per_token: '0.000001',
        output_cost_per_token: '0.000002',
        input_cost_per_audio_token: '0.00001',
        output_cost_per_audio_token: '0.00002',
      }),
      usage(10, 10, { inputAudioTokens: 5, outputAudioTokens: 5 }),
      165_000n,
    ],
    [
      'long context: at 200,000 the short price',
      own({
        input_cost_per_token: '0.000001',
        output_cost_per_token: '0.000002',
        input_cost_per_token_above_200k_tokens: '0.000002',
        output_cost_per_token_above_200k_tokens: '0.000004',
      }),
      usage(200_000, 1),
      200_002_000n,
    ],
    [
      'long context: one more, the long price for all',
      own({
        input_cost_per_token: '0.000001',
        output_cost_per_token: '0.000002',
        input_cost_per_token_above_200k_tokens: '0.000002',
        output_cost_per_token_above_200k_tokens: '0.000004',
      }),
      usage(200_001, 1),
      400_006_000n,
    ],
    [
      'a tier at any number of tokens',
      own({
        input_cost_per_token: '0.000001',
        output_cost_per_token: '0.000002',
        input_cost_per_token_above_32768_tokens: '0.000002',
      }),
      usage(32_769, 1),
      65_540_000n,
    ],
    [
      'audio overlapping cached input bills only the rest',
      own({
        input_cost_per_token: '0.000001',
        output_cost_per_token: '0',
        cache_read_input_token_cost: '0',
        input_cost_per_audio_token: '0.00001',
      }),
      usage(10, 0, { cacheReadTokens: 8, inputAudioTokens: 5 }),
      20_000n,
    ],
    [
      'own input price replaces the published cached price',
      { upstreamModel: 'gpt-4o', prices: { input_cost_per_token: '0.000001' } },
      usage(10, 1, { cacheReadTokens: 10 }),
      20_000n,
    ],
    ['free', own({ input_cost_per_token: '0', output_cost_per_token: '0' }), usage(1e6, 1e6), 0n],
    [
      'beyond doubles',
      own({ input_cost_per_token: '0.123456789123', output_cost_per_token: '0' }),
      usage(100_000_001, 0),
      12_345_679_035_756_789n,
    ],
  ])('%s', (_, over, used, expected) => expect(cost(over, used)).toBe(expected));

  it('splits into input and output that add up to the total', () => {
    const rates = book
      .priceOf(
        deployment(own({ input_cost_per_token: '0.0000000004', output_cost_per_token: '0.0000000004' })),
      )
      .ratesAt(NOW);
    expect(rates && costOf(rates, usage(1, 1))).toEqual({
      totalNanoUsd: 1n,
      inputNanoUsd: 0n,
      outputNanoUsd: 1n,
    });
  });
  it('follows prices that change with the time of day', () => {
    const chat = { provider: 'deepseek', upstreamModel: 'deepseek-chat' };
    expect(book.priceOf(deployment(chat)).ratesAt(NOW)).toBeDefined();
  });
});

describe('a price', () => {
  it('is unknown rather than zero for a model nobody priced', () => {
    expect(
      book.priceOf(deployment({ provider: 'hosted_vllm', upstreamModel: 'mine' })).ratesAt(NOW),
    ).toBeUndefined();
  });
  it('is free only when both directions say so', () => {
    expect(
      book.priceOf(deployment(own({ input_cost_per_token: '0', output_cost_per_token: '0' }))).ratesAt(NOW)
        ?.free,
    ).toBe(true);
    expect(
      book.priceOf(deployment(own({ input_cost_per_token: '0', output_cost_per_token: '1e-9' }))).ratesAt(NOW)
        ?.free,
    ).toBe(false);
  });
  it.each(['-1', 'NaN', 'Infinity', '1e400', 'abc', ''])('refuses %j, naming the field', (text) => {
    expect(() => book.priceOf(deployment(own({ input_cost_per_token: text })))).toThrow(
      /input_cost_per_token/,
    );
  });
  it('has a version that tells the list and whether the operator set it', () => {
    expect(book.priceOf(deployment({})).version).toMatch(/^genai-prices@\d+\.\d+\.\d+\+[0-9a-f]{12}$/);
    expect(book.priceOf(deployment(own({ input_cost_per_token: '1' }))).version).toMatch(/\+config$/);
  });
});

describe('what an operator takes off and puts on', () => {
  const adjusted = (
    pricing: Partial<ConfigTree['pricing']>,
    used: Usage,
    prices = { input_cost_per_token: '0.000003', output_cost_per_token: '0.000015' },
  ) => {
    const priced = new PriceBook({
      pricing: { discounts: {}, margins: {}, ...pricing },
    } as unknown as Config).priceOf(deployment(own(prices)));
    const of = (rates: CompiledRates | undefined) => (rates ? costOf(rates, used).totalNanoUsd : undefined);
    return {
      paid: of(priced.ratesAt(NOW)),
      list: of(priced.before?.listAt(NOW)),
      discounted: of(priced.before?.discountedAt(NOW)),
    };
  };

  it('is exact: the discount first, the margin on what is left, dollars per request last', () => {
    // 1000 x 3000 + 100 x 15000 = 4,500,000 nano-dollars; 5 % off, 10 % and a tenth of a cent on.
    const margins = { global: { share: 0.1, perRequestNanoUsd: 1_000_000n } };
    expect(adjusted({ discounts: { hosted_vllm: 0.05 }, margins }, usage(1_000, 100))).toEqual({
      paid: 5_702_500n,
      list: 4_500_000n,
      discounted: 4_275_000n,
    });
  });

  it('takes the provider’s own margin before everybody’s', () => {
    const margins = {
      global: { share: 1, perRequestNanoUsd: 0n },
      hosted_vllm: { share: 0.07, perRequestNanoUsd: 0n },
    };
    expect(adjusted({ margins }, usage(1, 1)).paid).toBe(19_260n);
  });

  it('changes nothing of other providers, and keeps no second price for them', () => {
    expect(adjusted({ discounts: { openai: 0.5 } }, usage(1, 1))).toEqual({
      paid: 18_000n,
      list: undefined,
      discounted: undefined,
    });
  });

  it('can make a model free', () => {
    expect(adjusted({ discounts: { hosted_vllm: 1 } }, usage(1_000, 100)).paid).toBe(0n);
  });
});

describe('the published list', () => {
  /** Prices of the list are floats of quotients; one that could not be carried made every call to its model fail. */
  it('can be compiled for every model of every provider', () => {
    for (const provider of PROVIDERS.keys())
      for (const { id, rates } of book.listOf(provider, NOW))
        expect({ provider, id, rates: typeof rates }).toEqual({ provider, id, rates: 'object' });
  });

  it('rounds what is finer than a billionth of a nano-dollar', () => {
    const model = { provider: 'openrouter', upstreamModel: 'google/gemini-2.5-flash-lite' };
    expect(cost(model, usage(1_000_000, 0))).toBe(100_000_000n);
    expect(cost(model, usage(3_000_000, 0, { cacheWriteTokens: 3_000_000 }))).toBe(250_000_000n);
  });
});
