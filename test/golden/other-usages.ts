import { bedrockUsage, geminiUsage } from '../../libs/providers/src/usage.js';
import { chat, type Golden, responses, row, streamed } from './usages.js';

export const gemini: readonly Golden[] = [
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

export const bedrock: readonly Golden[] = [
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

export const others: readonly Golden[] = [
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

export const own: readonly Golden[] = [
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
