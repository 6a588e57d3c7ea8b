import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type CallFacts, NO_USAGE } from '#libs/kernel';
import type { Deployment } from '#libs/routing';
import { boundOf, clampedOutputTokens, costsNothing } from './bounds.js';
import { inputTokenBound } from './input-bound.js';
import { costOf } from './price-book/cost.js';
import { PriceBook } from './price-book/price-book.js';
import { tightenInputBound } from './tighten.js';

const NOW = Date.parse('2026-11-21T12:00:00Z');
const book = new PriceBook();
const deployment = (over: Partial<Deployment> = {}): Deployment => ({
  id: 'd',
  group: 'g',
  provider: 'hosted_vllm',
  upstreamModel: 'mine',
  wire: 'openai',
  apiBase: 'https://x',
  extraHeaders: {},
  defaultBody: {},
  weight: 1,
  order: 0,
  tags: [],
  accessGroups: [],
  prices: { input_cost_per_token: '0.000005', output_cost_per_token: '0.000025' },
  ...over,
});
const facts = (over: Partial<CallFacts> = {}): CallFacts => ({
  endpoint: 'chat',
  requestedModel: 'm',
  stream: false,
  inputTokenBound: 1000,
  choices: 1,
  tags: [],
  ...over,
});
const bound = (given: Partial<CallFacts>, over: Partial<Deployment> = {}): ReturnType<typeof boundOf> => {
  const chosen = deployment(over);
  return boundOf(facts(given), chosen, book.priceOf(chosen), { nowMs: NOW });
};

describe('what a call can cost at most', () => {
  it('is known to be nothing only where both prices are said to be 0', () => {
    const free = { input_cost_per_token: '0', output_cost_per_token: '0' };
    expect(costsNothing(bound({ maxOutputTokens: 5 }, { prices: free }))).toBe(true);
    expect(
      costsNothing(bound({ maxOutputTokens: 5 }, { prices: { ...free, output_cost_per_token: '0.001' } })),
    ).toBe(false);
    expect(
      costsNothing(bound({ maxOutputTokens: 5 }, { prices: { ...free, input_cost_per_token: '0.001' } })),
    ).toBe(false);
    expect(costsNothing(bound({ maxOutputTokens: 5 }, { prices: {} }))).toBe(false);
    expect(costsNothing(bound({ endpoint: 'embeddings', inputTokenBound: 0 }, { prices: free }))).toBe(false);
  });

  it('is the input plus every choice of the longest answer', () => {
    expect(bound({ maxOutputTokens: 100, choices: 3 })).toMatchObject({
      inputNanoUsd: 5_000_000n,
      fullNanoUsd: 12_500_000n,
      minNanoUsd: 6_200_000n,
    });
  });
  it('states a cap to send when nobody knows the longest answer', () => {
    expect(bound({}).statedOutputTokens).toBe(16_384);
    expect(bound({ maxOutputTokens: 5 }).statedOutputTokens).toBeUndefined();
    expect(bound({}, { maxOutputTokens: 800 })).toMatchObject({
      statedOutputTokens: undefined,
      outputTokens: 800,
    });
    expect(bound({}, { upstreamModel: 'gpt-4o-2024-08-06' }).outputTokens).toBe(16_384);
  });
  it('bounds opaque input by the context window', () => {
    expect(bound({ inputTokenBound: Infinity }, { maxInputTokens: 128_000 }).inputTokens).toBe(128_000);
  });
  it('has no output for embeddings', () => {
    expect(bound({ endpoint: 'embeddings' })).toMatchObject({
      fullNanoUsd: 5_000_000n,
      minNanoUsd: 5_000_000n,
    });
  });
  it('takes the dearest price that may apply', () => {
    const prices = {
      input_cost_per_token: '0.000001',
      output_cost_per_token: '0.000001',
      cache_creation_input_token_cost_above_1hr: '0.000002',
      output_cost_per_reasoning_token: '0.000004',
    };
    expect(bound({ maxOutputTokens: 1000 }, { prices })).toMatchObject({
      inputNanoUsd: 2_000_000n,
      fullNanoUsd: 6_000_000n,
    });
  });

  const tokens = fc.integer({ min: 0, max: 300_000 });
  const rate = fc.integer({ min: 0, max: 30_000 }).map((value) => (value / 1e10).toFixed(14));
  it('is never less than the price of any usage within it', () => {
    fc.assert(
      fc.property(
        tokens,
        tokens,
        fc.integer({ min: 1, max: 4 }),
        fc.array(rate, { minLength: 6, maxLength: 6 }),
        fc.array(tokens, { minLength: 4, maxLength: 4 }),
        (input, output, choices, rates, parts) => {
          const [a, b, c, d, e, f] = rates;
          const prices = {
            input_cost_per_token: a ?? '0',
            output_cost_per_token: b ?? '0',
            cache_creation_input_token_cost: c ?? '0',
            output_cost_per_reasoning_token: d ?? '0',
            cache_creation_input_token_cost_above_1hr: e ?? '0',
            input_cost_per_token_above_200k_tokens: f ?? '0',
          };
          const chosen = deployment({ prices });
          const price = book.priceOf(chosen);
          const most = boundOf(
            facts({ inputTokenBound: input, maxOutputTokens: output, choices }),
            chosen,
            price,
            { nowMs: NOW },
          );
          const rated = price.ratesAt(NOW);
          if (!rated) throw new Error('no price');
          const [cacheWriteTokens = 0, cacheWriteHourTokens = 0, reasoningTokens = 0] = parts;
          const used = costOf(rated, {
            ...NO_USAGE,
            inputTokens: input,
            outputTokens: output * choices,
            cacheWriteTokens,
            cacheWriteHourTokens,
            reasoningTokens,
          });
          expect(used.totalNanoUsd).toBeLessThanOrEqual(most.fullNanoUsd);
        },
      ),
    );
  });

  it('clamps to a cap that the grant pays, and never below the minimal answer', () => {
    fc.assert(
      fc.property(
        tokens,
        tokens,
        fc.integer({ min: 1, max: 4 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (input, output, choices, share) => {
          const most = bound({ inputTokenBound: input, maxOutputTokens: output, choices });
          const granted =
            most.minNanoUsd + BigInt(Math.floor(Number(most.fullNanoUsd - most.minNanoUsd) * share));
          const cap = clampedOutputTokens(granted, most);
          expect(cap).toBeGreaterThanOrEqual(Math.min(16, output));
          const again = bound({ inputTokenBound: input, maxOutputTokens: cap ?? 0, choices });
          expect(again.fullNanoUsd).toBeLessThanOrEqual(granted);
        },
      ),
    );
    const thinking = bound({ maxOutputTokens: 8_000, thinkingTokens: 4_000 });
    expect(clampedOutputTokens(thinking.minNanoUsd, thinking)).toBe(4_016);
    expect(clampedOutputTokens(thinking.minNanoUsd - 1_000_000n, thinking)).toBeUndefined();
  });
});

const OPENAI = { provider: 'openai', apiBase: 'https://api.openai.com/v1' };

describe('the input bound', () => {
  const of = (json: Record<string, unknown>, endpoint: CallFacts['endpoint'] = 'chat'): number =>
    inputTokenBound(Buffer.from(JSON.stringify(json)), json, endpoint);
  it('is the bytes of the body and what is wrapped around each message', () => {
    const json = { messages: [{ role: 'user', content: 'hello' }] };
    expect(of(json)).toBe(JSON.stringify(json).length + 32);
  });
  it.each<[string, Record<string, unknown>, CallFacts['endpoint']]>([
    [
      'an image',
      { messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'https://x' } }] }] },
      'chat',
    ],
    [
      'an image inside a tool result',
      {
        messages: [
          { role: 'user', content: [{ type: 'tool_result', content: [{ type: 'image', source: {} }] }] },
        ],
      },
      'messages',
    ],
    [
      'a document',
      {
        messages: [{ role: 'user', content: [{ type: 'document', source: { type: 'file', file_id: 'f' } }] }],
      },
      'messages',
    ],
    ['audio', { messages: [{ role: 'user', content: [{ type: 'input_audio' }] }] }, 'chat'],
    ['a previous response', { input: 'hi', previous_response_id: 'r' }, 'responses'],
    ['a stored prompt', { prompt: { id: 'p' } }, 'responses'],
    ['an item reference', { input: [{ type: 'item_reference', id: 'x' }] }, 'responses'],
    ['a part nobody knows', { messages: [{ role: 'user', content: [{ type: 'hologram' }] }] }, 'chat'],
    [
      'a search that runs at the provider',
      { messages: [], tools: [{ type: 'web_search_20250305' }] },
      'messages',
    ],
  ])('is the context window for %s', (_, json, endpoint) => expect(of(json, endpoint)).toBe(Infinity));

  /** One character of three bytes becomes eighteen when it is normalised: bytes alone would be too few. */
  it('counts text as it is after normalisation, also behind escapes', () => {
    const plain = { messages: [{ role: 'user', content: '\ufdfa'.repeat(10) }] };
    expect(of(plain)).toBeGreaterThan(330);
    const escaped = Buffer.from(JSON.stringify(plain).replaceAll('\ufdfa', '\\ufdfa'));
    expect(inputTokenBound(escaped, plain, 'chat')).toBeGreaterThan(330);
  });

  it('is tightened by a tokenizer in no time, for one letter 200,000 times and for special tokens as text', async () => {
    const content = 'a'.repeat(200_000) + '<|endoftext|><|im_start|>';
    const json = { messages: [{ role: 'user', content }] };
    const bytes = Buffer.from(JSON.stringify(json));
    const cheap = bytes.length + 32;
    const tight = await tightenInputBound({ bytes, json }, cheap, OPENAI, 'gpt-4o');
    expect(tight).toBeLessThan(cheap / 3);
    expect(await tightenInputBound({ bytes, json }, Infinity, OPENAI, 'gpt-4o')).toBe(Infinity);
  }, 5_000);
});
