import type { Usage } from '#libs/kernel';

/** A count as a provider reports it; anything else than a sane number is 0. */
function count(value: unknown): number {
  return typeof value === 'number' && value > 0 && value < 1e12 ? Math.ceil(value) : 0;
}

function member(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}

/** OpenAI's two dialects (chat's `prompt_tokens`, Responses' `input_tokens`). Undefined when it counts nothing. */
export function openAiUsage(raw: unknown): Usage | undefined {
  const input = member(raw, 'prompt_tokens') ?? member(raw, 'input_tokens');
  const output = member(raw, 'completion_tokens') ?? member(raw, 'output_tokens');
  const total = count(member(raw, 'total_tokens'));
  if (typeof input !== 'number' && typeof output !== 'number' && total === 0) return undefined;
  const inputDetails = member(raw, 'prompt_tokens_details') ?? member(raw, 'input_tokens_details');
  const outputDetails = member(raw, 'completion_tokens_details') ?? member(raw, 'output_tokens_details');
  const inputTokens = count(input);
  const reasoningTokens = count(member(outputDetails, 'reasoning_tokens'));
  // Some providers count reasoning beside the completion and only the total tells: what was spent is the larger.
  const outputTokens = Math.max(count(output), reasoningTokens, total - inputTokens);
  // Zeros, or what count() made of lies: a bill that counts nothing is none, so that the answer is estimated and not free.
  if (inputTokens === 0 && outputTokens === 0) return undefined;
  const cached =
    count(member(inputDetails, 'cached_tokens')) || count(member(raw, 'prompt_cache_hit_tokens'));
  return {
    inputTokens,
    outputTokens,
    cacheReadTokens: Math.min(cached, inputTokens),
    cacheWriteTokens: Math.min(count(member(inputDetails, 'cache_write_tokens')), inputTokens),
    cacheWriteHourTokens: 0,
    reasoningTokens,
    inputAudioTokens: Math.min(count(member(inputDetails, 'audio_tokens')), inputTokens),
    outputAudioTokens: Math.min(count(member(outputDetails, 'audio_tokens')), outputTokens),
    ...imagesOf(inputDetails, 'inputImageTokens', inputTokens),
    ...imagesOf(outputDetails, 'outputImageTokens', outputTokens),
    source: 'provider',
  };
}

/** Nearly no answer has pictures: the member is left away then. */
function imagesOf(
  details: unknown,
  name: 'inputImageTokens' | 'outputImageTokens',
  most: number,
): { inputImageTokens?: number; outputImageTokens?: number } {
  const tokens = Math.min(count(member(details, 'image_tokens')), most);
  return tokens === 0 ? {} : { [name]: tokens };
}

/** Anthropic's usage; `input_tokens` there leaves cached ones out. `before` is what an earlier frame reported: counts are cumulative, so the larger holds. */
export function anthropicUsage(raw: unknown, before?: Usage): Usage | undefined {
  if (typeof member(raw, 'input_tokens') !== 'number' && typeof member(raw, 'output_tokens') !== 'number')
    return before;
  const cacheReadTokens = Math.max(
    count(member(raw, 'cache_read_input_tokens')),
    before?.cacheReadTokens ?? 0,
  );
  const created = count(member(raw, 'cache_creation_input_tokens'));
  const cacheWriteHourTokens = Math.max(
    Math.min(count(member(member(raw, 'cache_creation'), 'ephemeral_1h_input_tokens')), created),
    before?.cacheWriteHourTokens ?? 0,
  );
  const cacheWriteTokens = Math.max(created - cacheWriteHourTokens, before?.cacheWriteTokens ?? 0);
  const plainBefore = before
    ? before.inputTokens - before.cacheReadTokens - before.cacheWriteTokens - before.cacheWriteHourTokens
    : 0;
  const plain = Math.max(count(member(raw, 'input_tokens')), plainBefore);
  return {
    inputTokens: plain + cacheReadTokens + cacheWriteTokens + cacheWriteHourTokens,
    outputTokens: Math.max(count(member(raw, 'output_tokens')), before?.outputTokens ?? 0),
    cacheReadTokens,
    cacheWriteTokens,
    cacheWriteHourTokens,
    reasoningTokens: 0,
    inputAudioTokens: 0,
    outputAudioTokens: 0,
    source: 'provider',
  };
}

/** Gemini's `usageMetadata`: thoughts are counted beside the answer, tools' results beside the prompt; modalities in lists. */
export function geminiUsage(raw: unknown): Usage | undefined {
  const prompt = count(member(raw, 'promptTokenCount'));
  const reasoningTokens = count(member(raw, 'thoughtsTokenCount'));
  const inputTokens = prompt + count(member(raw, 'toolUsePromptTokenCount'));
  const answer = count(member(raw, 'candidatesTokenCount')) + reasoningTokens;
  const outputTokens = Math.max(answer, count(member(raw, 'totalTokenCount')) - inputTokens);
  if (inputTokens === 0 && outputTokens === 0) return undefined;
  const ofInput = (modality: string): number =>
    modalityOf(member(raw, 'promptTokensDetails'), modality, inputTokens);
  const ofOutput = (modality: string): number =>
    modalityOf(member(raw, 'candidatesTokensDetails'), modality, outputTokens);
  const images = { input: ofInput('IMAGE'), output: ofOutput('IMAGE') };
  return {
    inputTokens,
    outputTokens,
    cacheReadTokens: Math.min(count(member(raw, 'cachedContentTokenCount')), inputTokens),
    cacheWriteTokens: 0,
    cacheWriteHourTokens: 0,
    reasoningTokens,
    inputAudioTokens: ofInput('AUDIO'),
    outputAudioTokens: ofOutput('AUDIO'),
    ...(images.input === 0 ? {} : { inputImageTokens: images.input }),
    ...(images.output === 0 ? {} : { outputImageTokens: images.output }),
    source: 'provider',
  };
}

function modalityOf(details: unknown, modality: string, most: number): number {
  if (!Array.isArray(details)) return 0;
  let tokens = 0;
  for (const detail of details)
    if (member(detail, 'modality') === modality) tokens += count(member(detail, 'tokenCount'));
  return Math.min(tokens, most);
}

/** Bedrock's Converse: `inputTokens` there leaves cached ones out, as Anthropic's does. */
export function bedrockUsage(raw: unknown): Usage | undefined {
  const plain = count(member(raw, 'inputTokens'));
  const outputTokens = count(member(raw, 'outputTokens'));
  const cacheReadTokens = count(member(raw, 'cacheReadInputTokens'));
  const written = count(member(raw, 'cacheWriteInputTokens'));
  const cacheWriteHourTokens = Math.min(hourLongWrites(member(raw, 'cacheDetails')), written);
  const inputTokens = plain + cacheReadTokens + written;
  if (inputTokens === 0 && outputTokens === 0) return undefined;
  return {
    inputTokens,
    outputTokens,
    cacheReadTokens,
    cacheWriteTokens: written - cacheWriteHourTokens,
    cacheWriteHourTokens,
    reasoningTokens: 0,
    inputAudioTokens: 0,
    outputAudioTokens: 0,
    source: 'provider',
  };
}

function hourLongWrites(details: unknown): number {
  if (!Array.isArray(details)) return 0;
  let tokens = 0;
  for (const detail of details)
    if (member(detail, 'ttl') === '1h') tokens += count(member(detail, 'inputTokens'));
  return tokens;
}
