import { describe, expect, it } from 'vitest';
import { costOf, PriceBook } from '#libs/budget';
import type { Endpoint, Usage } from '#libs/kernel';
import type { Deployment } from '#libs/routing';
import { readAnswer } from '../libs/providers/src/json-relay.js';
import { dialectOf } from '../libs/providers/src/sse-dialects.js';
import { SseRelay } from '../libs/providers/src/sse-relay.js';
import { bedrockUsage, geminiUsage } from '../libs/providers/src/usage.js';

/** Tokens at a price in dollars per million, as the provider's own page has it. */
type Part = readonly [tokens: number, dollarsPerMillion: string];

interface Golden {
  readonly name: string;
  readonly model: `${string}/${string}`;
  readonly usage: Usage | undefined;
  readonly parts: readonly Part[];
  /** The deployment's own prices, where the list has none. */
  readonly prices?: Readonly<Record<string, string>>;
}

const book = new PriceBook();
const AT = Date.parse('2026-11-21T12:00:00Z');

/** Rationals, by nothing that the product uses: dollars per million tokens are thousands of nano-dollars a token. */
function nanoOf(parts: readonly Part[]): bigint {
  const scale = 10n ** 6n;
  let sum = 0n;
  for (const [tokens, price] of parts) {
    const [whole = '0', fraction = ''] = price.split('.');
    sum += BigInt(tokens) * BigInt(whole + fraction.padEnd(6, '0')) * 1_000n;
  }
  return (sum * 2n + scale) / (2n * scale);
}

function priced({ model, prices = {} }: Golden, usage: Usage): bigint {
  const slash = model.indexOf('/');
  const deployment = {
    provider: model.slice(0, slash),
    upstreamModel: model.slice(slash + 1),
    prices,
  } as Deployment;
  const rates = book.priceOf(deployment).ratesAt(AT);
  if (!rates) throw new Error(`no price of ${model}`);
  return costOf(rates, usage).totalNanoUsd;
}

const whole = (endpoint: Endpoint, usage: object): Usage | undefined => {
  const members = endpoint === 'messages' ? { type: 'message', content: [] } : { choices: [] };
  return readAnswer(Buffer.from(JSON.stringify({ id: 'x', model: 'm', ...members, usage })), endpoint)?.usage;
};
const streamed = (endpoint: Endpoint, frames: readonly (object | string)[]): Usage | undefined => {
  const relay = new SseRelay(dialectOf(endpoint), false);
  for (const frame of frames)
    relay.push(Buffer.from(`data: ${typeof frame === 'string' ? frame : JSON.stringify(frame)}\n\n`));
  relay.end();
  return relay.state.usage;
};

const chat = (usage: object) => whole('chat', usage);
const chatStream = (usage: object) =>
  streamed('chat', [
    { id: 'c', model: 'm', choices: [{ index: 0, delta: { content: 'hi' } }], usage: null },
    { id: 'c', model: 'm', choices: [], usage },
    '[DONE]',
  ]);
const responses = (usage: object) => whole('responses', usage);
const responsesStream = (usage: object) =>
  streamed('responses', [
    { type: 'response.created', response: { id: 'r', model: 'm', usage: null } },
    { type: 'response.completed', response: { id: 'r', model: 'm', usage } },
  ]);
const embedding = (tokens: number) => whole('embeddings', { prompt_tokens: tokens, total_tokens: tokens });
const message = (usage: object) => whole('messages', usage);
const messageStream = (start: object, end: object) =>
  streamed('messages', [
    { type: 'message_start', message: { id: 'm', model: 'm', usage: start } },
    { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'hi' } },
    { type: 'message_delta', delta: { stop_reason: 'end_turn' }, usage: end },
    { type: 'message_stop' },
  ]);

const row = (
  name: string,
  model: Golden['model'],
  usage: Usage | undefined,
  ...parts: readonly Part[]
): Golden => ({ name, model, usage, parts });

const openAi: readonly Golden[] = [
  row(
    'hello',
    'openai/gpt-4o',
    chat({ prompt_tokens: 19, completion_tokens: 10, total_tokens: 29 }),
    [19, '2.5'],
    [10, '10'],
  ),
  row(
    'cached prompt',
    'openai/gpt-4o',
    chat({
      prompt_tokens: 2006,
      completion_tokens: 300,
      total_tokens: 2306,
      prompt_tokens_details: { cached_tokens: 1920, audio_tokens: 0 },
      completion_tokens_details: {
        reasoning_tokens: 0,
        audio_tokens: 0,
        accepted_prediction_tokens: 0,
        rejected_prediction_tokens: 0,
      },
    }),
    [86, '2.5'],
    [1920, '1.25'],
    [300, '10'],
  ),
  row(
    'streamed, usage in the last chunk',
    'openai/gpt-4o',
    chatStream({ prompt_tokens: 1117, completion_tokens: 46, total_tokens: 1163 }),
    [1117, '2.5'],
    [46, '10'],
  ),
  row(
    'streamed and cached',
    'openai/gpt-4o-mini',
    chatStream({
      prompt_tokens: 4096,
      completion_tokens: 1,
      total_tokens: 4097,
      prompt_tokens_details: { cached_tokens: 3968 },
    }),
    [128, '0.15'],
    [3968, '0.075'],
    [1, '0.6'],
  ),
  row(
    'one token each way',
    'openai/gpt-4o-mini',
    chat({ prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 }),
    [1, '0.15'],
    [1, '0.6'],
  ),
  row(
    'a long context',
    'openai/gpt-4.1',
    chat({ prompt_tokens: 812_345, completion_tokens: 12_001, total_tokens: 824_346 }),
    [812_345, '2'],
    [12_001, '8'],
  ),
  row(
    'cached',
    'openai/gpt-4.1',
    chat({
      prompt_tokens: 5000,
      completion_tokens: 7,
      total_tokens: 5007,
      prompt_tokens_details: { cached_tokens: 4992 },
    }),
    [8, '2'],
    [4992, '0.5'],
    [7, '8'],
  ),
  row(
    'mini',
    'openai/gpt-4.1-mini',
    chat({ prompt_tokens: 333, completion_tokens: 777, total_tokens: 1110 }),
    [333, '0.4'],
    [777, '1.6'],
  ),
  row(
    'nano, whose cached price has three decimals',
    'openai/gpt-4.1-nano',
    chat({
      prompt_tokens: 1057,
      completion_tokens: 3,
      total_tokens: 1060,
      prompt_tokens_details: { cached_tokens: 1024 },
    }),
    [33, '0.1'],
    [1024, '0.025'],
    [3, '0.4'],
  ),
  row(
    'reasoning inside the completion',
    'openai/o1',
    chat({
      prompt_tokens: 74,
      completion_tokens: 1843,
      total_tokens: 1917,
      completion_tokens_details: { reasoning_tokens: 1600 },
    }),
    [74, '15'],
    [1843, '60'],
  ),
  row(
    'reasoning, streamed',
    'openai/o3-mini',
    chatStream({
      prompt_tokens: 25,
      completion_tokens: 2008,
      total_tokens: 2033,
      completion_tokens_details: { reasoning_tokens: 1984 },
    }),
    [25, '1.1'],
    [2008, '4.4'],
  ),
  row(
    'reasoning and cache',
    'openai/o4-mini',
    responses({
      input_tokens: 36_010,
      input_tokens_details: { cached_tokens: 35_968 },
      output_tokens: 87,
      output_tokens_details: { reasoning_tokens: 64 },
      total_tokens: 36_097,
    }),
    [42, '1.1'],
    [35_968, '0.275'],
    [87, '4.4'],
  ),
  row(
    'responses',
    'openai/o3',
    responses({
      input_tokens: 36,
      input_tokens_details: { cached_tokens: 0 },
      output_tokens: 87,
      output_tokens_details: { reasoning_tokens: 0 },
      total_tokens: 123,
    }),
    [36, '2'],
    [87, '8'],
  ),
  row(
    'responses, streamed',
    'openai/gpt-5',
    responsesStream({
      input_tokens: 328,
      input_tokens_details: { cached_tokens: 0 },
      output_tokens: 52_318,
      output_tokens_details: { reasoning_tokens: 51_200 },
      total_tokens: 52_646,
    }),
    [328, '1.25'],
    [52_318, '10'],
  ),
  row(
    'cached',
    'openai/gpt-5',
    chat({
      prompt_tokens: 10_001,
      completion_tokens: 11,
      total_tokens: 10_012,
      prompt_tokens_details: { cached_tokens: 9_984 },
    }),
    [17, '1.25'],
    [9_984, '0.125'],
    [11, '10'],
  ),
  row(
    'mini',
    'openai/gpt-5-mini',
    chat({
      prompt_tokens: 999,
      completion_tokens: 1,
      total_tokens: 1000,
      prompt_tokens_details: { cached_tokens: 512 },
    }),
    [487, '0.25'],
    [512, '0.025'],
    [1, '2'],
  ),
  row(
    'nano: half a nano-dollar is rounded once, at the end',
    'openai/gpt-5-nano',
    chat({
      prompt_tokens: 1283,
      completion_tokens: 5,
      total_tokens: 1288,
      prompt_tokens_details: { cached_tokens: 1279 },
    }),
    [4, '0.05'],
    [1279, '0.005'],
    [5, '0.4'],
  ),
  row(
    'a dated name',
    'openai/gpt-4o-2024-08-06',
    chat({ prompt_tokens: 100, completion_tokens: 100, total_tokens: 200 }),
    [100, '2.5'],
    [100, '10'],
  ),
  row(
    'turbo',
    'openai/gpt-4-turbo',
    chat({ prompt_tokens: 8000, completion_tokens: 400, total_tokens: 8400 }),
    [8000, '10'],
    [400, '30'],
  ),
  row(
    'the first one',
    'openai/gpt-4',
    chat({ prompt_tokens: 57, completion_tokens: 17, total_tokens: 74 }),
    [57, '30'],
    [17, '60'],
  ),
  row(
    'text completion',
    'openai/gpt-3.5-turbo',
    whole('completions', { prompt_tokens: 5, completion_tokens: 7, total_tokens: 12 }),
    [5, '0.5'],
    [7, '1.5'],
  ),
  row(
    'several choices',
    'openai/gpt-4o-mini',
    chat({ prompt_tokens: 30, completion_tokens: 450, total_tokens: 480 }),
    [30, '0.15'],
    [450, '0.6'],
  ),
  row(
    'only the total tells of hidden reasoning',
    'openai/gpt-4o-mini',
    chat({ prompt_tokens: 30, completion_tokens: 50, total_tokens: 480 }),
    [30, '0.15'],
    [450, '0.6'],
  ),
  row('embedding, small', 'openai/text-embedding-3-small', embedding(8191), [8191, '0.02']),
  row('embedding, large', 'openai/text-embedding-3-large', embedding(3), [3, '0.13']),
  row('embedding, of old', 'openai/text-embedding-ada-002', embedding(12_345), [12_345, '0.1']),
  row(
    'through Azure',
    'azure/gpt-4o',
    chat({ prompt_tokens: 19, completion_tokens: 10, total_tokens: 29 }),
    [19, '2.5'],
    [10, '10'],
  ),
  row(
    'through Azure, streamed',
    'azure/gpt-4o-mini',
    chatStream({ prompt_tokens: 150, completion_tokens: 75, total_tokens: 225 }),
    [150, '0.15'],
    [75, '0.6'],
  ),
];

const anthropic: readonly Golden[] = [
  row(
    'hello',
    'anthropic/claude-3-7-sonnet-20250219',
    message({ input_tokens: 2095, output_tokens: 503 }),
    [2095, '3'],
    [503, '15'],
  ),
  row(
    'cache written',
    'anthropic/claude-3-7-sonnet-20250219',
    message({
      input_tokens: 21,
      cache_creation_input_tokens: 188_086,
      cache_read_input_tokens: 0,
      output_tokens: 393,
    }),
    [21, '3'],
    [188_086, '3.75'],
    [393, '15'],
  ),
  row(
    'cache read',
    'anthropic/claude-3-7-sonnet-20250219',
    message({
      input_tokens: 21,
      cache_creation_input_tokens: 0,
      cache_read_input_tokens: 188_086,
      output_tokens: 393,
    }),
    [21, '3'],
    [188_086, '0.3'],
    [393, '15'],
  ),
  row(
    'cache read and written',
    'anthropic/claude-sonnet-4-20250514',
    message({
      input_tokens: 100,
      cache_creation_input_tokens: 2_000,
      cache_read_input_tokens: 10_000,
      output_tokens: 50,
    }),
    [100, '3'],
    [2_000, '3.75'],
    [10_000, '0.3'],
    [50, '15'],
  ),
  row(
    'written for an hour and for five minutes',
    'anthropic/claude-sonnet-4-20250514',
    message({
      input_tokens: 2048,
      cache_read_input_tokens: 1800,
      cache_creation_input_tokens: 248,
      output_tokens: 503,
      cache_creation: { ephemeral_5m_input_tokens: 148, ephemeral_1h_input_tokens: 100 },
    }),
    [2048, '3'],
    [1800, '0.3'],
    [148, '3.75'],
    [100, '6'],
    [503, '15'],
  ),
  row(
    'streamed: counts are cumulative',
    'anthropic/claude-3-7-sonnet-20250219',
    messageStream({ input_tokens: 25, output_tokens: 1 }, { output_tokens: 15 }),
    [25, '3'],
    [15, '15'],
  ),
  row(
    'streamed, cache read',
    'anthropic/claude-3-7-sonnet-20250219',
    messageStream(
      { input_tokens: 4, cache_creation_input_tokens: 0, cache_read_input_tokens: 12_304, output_tokens: 3 },
      { output_tokens: 871 },
    ),
    [4, '3'],
    [12_304, '0.3'],
    [871, '15'],
  ),
  row(
    'streamed, input corrected at the end',
    'anthropic/claude-sonnet-4-20250514',
    messageStream({ input_tokens: 2679, output_tokens: 3 }, { input_tokens: 10_682, output_tokens: 510 }),
    [10_682, '3'],
    [510, '15'],
  ),
  row(
    'haiku',
    'anthropic/claude-3-5-haiku-20241022',
    message({ input_tokens: 11, output_tokens: 7 }),
    [11, '0.8'],
    [7, '4'],
  ),
  row(
    'haiku, cached',
    'anthropic/claude-3-5-haiku-20241022',
    message({ input_tokens: 11, cache_read_input_tokens: 5000, output_tokens: 7 }),
    [11, '0.8'],
    [5000, '0.08'],
    [7, '4'],
  ),
  row(
    'haiku of old',
    'anthropic/claude-3-haiku-20240307',
    message({ input_tokens: 1001, output_tokens: 3 }),
    [1001, '0.25'],
    [3, '1.25'],
  ),
  row(
    'opus of old',
    'anthropic/claude-3-opus-20240229',
    message({ input_tokens: 10, output_tokens: 20 }),
    [10, '15'],
    [20, '75'],
  ),
  row(
    'opus 4.1',
    'anthropic/claude-opus-4-1-20250805',
    message({ input_tokens: 10_000, output_tokens: 2_000 }),
    [10_000, '15'],
    [2_000, '75'],
  ),
  row(
    'opus 4.5',
    'anthropic/claude-opus-4-5-20251101',
    message({ input_tokens: 100_000, output_tokens: 500 }),
    [100_000, '5'],
    [500, '25'],
  ),
  row(
    'haiku 4.5, streamed',
    'anthropic/claude-haiku-4-5-20251001',
    messageStream({ input_tokens: 47, output_tokens: 2 }, { output_tokens: 4096 }),
    [47, '1'],
    [4096, '5'],
  ),
  row(
    'sonnet 4.5 below the long-context price',
    'anthropic/claude-sonnet-4-5-20250929',
    message({ input_tokens: 200_000, output_tokens: 1_000 }),
    [200_000, '3'],
    [1_000, '15'],
  ),
];

const gemini: readonly Golden[] = [
  row(
    'hello',
    'gemini/gemini-2.0-flash',
    geminiUsage({
      promptTokenCount: 8,
      candidatesTokenCount: 11,
      totalTokenCount: 19,
      promptTokensDetails: [{ modality: 'TEXT', tokenCount: 8 }],
      candidatesTokensDetails: [{ modality: 'TEXT', tokenCount: 11 }],
    }),
    [8, '0.1'],
    [11, '0.4'],
  ),
  row(
    'thoughts beside the answer',
    'gemini/gemini-2.5-flash',
    geminiUsage({
      promptTokenCount: 10,
      candidatesTokenCount: 100,
      thoughtsTokenCount: 1_234,
      totalTokenCount: 1_344,
    }),
    [10, '0.3'],
    [1_334, '2.5'],
  ),
  row(
    'only thoughts',
    'gemini/gemini-2.5-flash',
    geminiUsage({ promptTokenCount: 10, thoughtsTokenCount: 50, totalTokenCount: 60 }),
    [10, '0.3'],
    [50, '2.5'],
  ),
  row(
    'tools’ results are input',
    'gemini/gemini-2.5-flash',
    geminiUsage({
      promptTokenCount: 100,
      toolUsePromptTokenCount: 900,
      candidatesTokenCount: 40,
      totalTokenCount: 1_040,
    }),
    [1_000, '0.3'],
    [40, '2.5'],
  ),
  row(
    'pictures cost what text does',
    'gemini/gemini-2.5-flash',
    geminiUsage({
      promptTokenCount: 263,
      candidatesTokenCount: 20,
      totalTokenCount: 283,
      promptTokensDetails: [
        { modality: 'TEXT', tokenCount: 5 },
        { modality: 'IMAGE', tokenCount: 258 },
      ],
    }),
    [263, '0.3'],
    [20, '2.5'],
  ),
  row(
    'audio is dearer',
    'gemini/gemini-2.5-flash',
    geminiUsage({
      promptTokenCount: 1_930,
      candidatesTokenCount: 20,
      totalTokenCount: 1_950,
      promptTokensDetails: [
        { modality: 'TEXT', tokenCount: 10 },
        { modality: 'AUDIO', tokenCount: 1_920 },
      ],
    }),
    [10, '0.3'],
    [1_920, '1'],
    [20, '2.5'],
  ),
  row(
    'pro, up to 200k',
    'gemini/gemini-2.5-pro',
    geminiUsage({ promptTokenCount: 200_000, candidatesTokenCount: 1_000, totalTokenCount: 201_000 }),
    [200_000, '1.25'],
    [1_000, '10'],
  ),
  row(
    'pro, above 200k',
    'gemini/gemini-2.5-pro',
    geminiUsage({ promptTokenCount: 200_001, candidatesTokenCount: 1_000, totalTokenCount: 201_001 }),
    [200_001, '2.5'],
    [1_000, '15'],
  ),
  row(
    'lite',
    'gemini/gemini-2.5-flash-lite',
    geminiUsage({ promptTokenCount: 5, candidatesTokenCount: 6, totalTokenCount: 11 }),
    [5, '0.1'],
    [6, '0.4'],
  ),
  row(
    'through Vertex',
    'vertex_ai/gemini-2.0-flash',
    geminiUsage({
      promptTokenCount: 777,
      candidatesTokenCount: 333,
      totalTokenCount: 1_110,
      trafficType: 'ON_DEMAND',
    }),
    [777, '0.1'],
    [333, '0.4'],
  ),
];

const bedrock: readonly Golden[] = [
  row(
    'Nova pro',
    'bedrock/amazon.nova-pro-v1:0',
    bedrockUsage({ inputTokens: 125, outputTokens: 60, totalTokens: 185 }),
    [125, '0.8'],
    [60, '3.2'],
  ),
  row(
    'Nova lite',
    'bedrock/amazon.nova-lite-v1:0',
    bedrockUsage({ inputTokens: 1_001, outputTokens: 3, totalTokens: 1_004 }),
    [1_001, '0.06'],
    [3, '0.24'],
  ),
  row(
    'Nova micro, whose prices have three decimals',
    'bedrock/amazon.nova-micro-v1:0',
    bedrockUsage({ inputTokens: 333, outputTokens: 77, totalTokens: 410 }),
    [333, '0.035'],
    [77, '0.14'],
  ),
  row(
    'Claude',
    'bedrock/anthropic.claude-3-7-sonnet-20250219-v1:0',
    bedrockUsage({ inputTokens: 2_095, outputTokens: 503, totalTokens: 2_598 }),
    [2_095, '3'],
    [503, '15'],
  ),
  row(
    'Claude, cache read and written',
    'bedrock/anthropic.claude-3-7-sonnet-20250219-v1:0',
    bedrockUsage({
      inputTokens: 10,
      outputTokens: 5,
      totalTokens: 3_015,
      cacheReadInputTokens: 2_000,
      cacheWriteInputTokens: 1_000,
    }),
    [10, '3'],
    [2_000, '0.3'],
    [1_000, '3.75'],
    [5, '15'],
  ),
  row(
    'Claude haiku',
    'bedrock/anthropic.claude-3-haiku-20240307-v1:0',
    bedrockUsage({ inputTokens: 30, outputTokens: 628, totalTokens: 658 }),
    [30, '0.25'],
    [628, '1.25'],
  ),
  row(
    'streamed: the metadata event',
    'bedrock/amazon.nova-pro-v1:0',
    bedrockUsage({ inputTokens: 47, outputTokens: 321, totalTokens: 368, serverToolUsage: {} }),
    [47, '0.8'],
    [321, '3.2'],
  ),
  row(
    'Llama',
    'bedrock/meta.llama3-1-70b-instruct-v1:0',
    bedrockUsage({ inputTokens: 18, outputTokens: 241, totalTokens: 259 }),
    [18, '0.72'],
    [241, '0.72'],
  ),
];

const others: readonly Golden[] = [
  row(
    'DeepSeek tells hits and misses',
    'deepseek/deepseek-chat',
    chat({
      prompt_tokens: 1_000,
      completion_tokens: 10,
      total_tokens: 1_010,
      prompt_cache_hit_tokens: 600,
      prompt_cache_miss_tokens: 400,
    }),
    [400, '0.27'],
    [600, '0.07'],
    [10, '1.1'],
  ),
  row(
    'Groq tells usage in its own member',
    'groq/llama-3.3-70b-versatile',
    streamed('chat', [
      {
        id: 'c',
        model: 'm',
        choices: [{ index: 0, delta: {}, finish_reason: 'stop' }],
        x_groq: { id: 'r', usage: { prompt_tokens: 45, completion_tokens: 100, total_tokens: 145 } },
      },
      '[DONE]',
    ]),
    [45, '0.59'],
    [100, '0.79'],
  ),
  row(
    'Mistral',
    'mistral/mistral-small-latest',
    chat({ prompt_tokens: 4, completion_tokens: 9, total_tokens: 13 }),
    [4, '0.1'],
    [9, '0.3'],
  ),
];

const own: readonly Golden[] = [
  {
    ...row(
      'audio in and out, at the deployment’s own prices',
      'openai/gpt-4o-audio-preview',
      chat({
        prompt_tokens: 145,
        completion_tokens: 368,
        total_tokens: 513,
        prompt_tokens_details: { audio_tokens: 126 },
        completion_tokens_details: { audio_tokens: 290 },
      }),
      [19, '2.5'],
      [126, '40'],
      [78, '10'],
      [290, '80'],
    ),
    prices: { input_cost_per_audio_token: '0.00004', output_cost_per_audio_token: '0.00008' },
  },
  {
    ...row(
      'a picture made from a picture',
      'openai/gpt-image-of-ours',
      responses({
        input_tokens: 1_373,
        output_tokens: 4_160,
        total_tokens: 5_533,
        input_tokens_details: { text_tokens: 50, image_tokens: 1_323 },
        output_tokens_details: { image_tokens: 4_160 },
      }),
      [50, '5'],
      [1_323, '10'],
      [4_160, '40'],
    ),
    prices: {
      input_cost_per_token: '0.000005',
      output_cost_per_token: '0.00001',
      input_cost_per_image_token: '1e-5',
      output_cost_per_image_token: '4e-5',
    },
  },
];

const GOLDEN = [...own, ...openAi, ...anthropic, ...gemini, ...bedrock, ...others];

describe('a usage as the provider reports it, at its published price', () => {
  it('is a table of at least sixty', () => {
    expect(GOLDEN.length).toBeGreaterThanOrEqual(60);
  });

  it.each(GOLDEN.map((golden) => [`${golden.model}: ${golden.name}`, golden] as const))('%s', (_, golden) => {
    expect(golden.usage).toBeDefined();
    if (golden.usage) expect(priced(golden, golden.usage)).toBe(nanoOf(golden.parts));
  });
});
