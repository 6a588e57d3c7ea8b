import type { Answer, Ask } from './fake-behaviour.js';

const CREATED = 1_700_000_000;

function usageOf({ promptTokens, cachedPromptTokens, words }: Answer) {
  return {
    prompt_tokens: promptTokens,
    completion_tokens: words.length,
    total_tokens: promptTokens + words.length,
    prompt_tokens_details: { cached_tokens: cachedPromptTokens },
  };
}

function responseUsageOf({ promptTokens, cachedPromptTokens, words }: Answer) {
  return {
    input_tokens: promptTokens,
    input_tokens_details: { cached_tokens: cachedPromptTokens },
    output_tokens: words.length,
    output_tokens_details: { reasoning_tokens: 0 },
    total_tokens: promptTokens + words.length,
  };
}

/** One whole answer in OpenAI's shapes. */
export function openAiBody(ask: Ask, answer: Answer, id: string): object {
  const text = answer.words.join('');
  const usage = answer.reportsUsage ? { usage: usageOf(answer) } : {};
  const common = { id, created: CREATED, model: ask.model };
  if (ask.kind === 'response') return responseObject(ask, answer, id, 'completed');
  if (ask.kind === 'embedding') {
    const data = [{ object: 'embedding', index: 0, embedding: embeddingOf(ask) }];
    const { prompt_tokens, total_tokens } = usageOf(answer);
    return {
      object: 'list',
      data,
      model: ask.model,
      ...(answer.reportsUsage ? { usage: { prompt_tokens, total_tokens } } : {}),
    };
  }
  if (ask.kind === 'completion') {
    return {
      ...common,
      object: 'text_completion',
      choices: [{ index: 0, text, logprobs: null, finish_reason: answer.stopped }],
      ...usage,
    };
  }
  const message = { role: 'assistant', content: text, refusal: null };
  return {
    ...common,
    object: 'chat.completion',
    choices: [{ index: 0, message, logprobs: null, finish_reason: answer.stopped }],
    ...usage,
  };
}

/** The real client asks for base64 unless told otherwise. */
function embeddingOf(ask: Ask): number[] | string {
  const vector = [0.5, -0.25, 0.125];
  return ask.json.encoding_format === 'base64'
    ? Buffer.from(new Float32Array(vector).buffer).toString('base64')
    : vector;
}

function responseObject(ask: Ask, answer: Answer, id: string, status: string): object {
  const content = [{ type: 'output_text', text: answer.words.join(''), annotations: [] }];
  return {
    id,
    object: 'response',
    created_at: CREATED,
    status,
    model: ask.model,
    output:
      status === 'completed' ? [{ type: 'message', id: `${id}_m`, status, role: 'assistant', content }] : [],
    usage: status === 'completed' && answer.reportsUsage ? responseUsageOf(answer) : null,
  };
}

const frame = (value: object) => `data: ${JSON.stringify(value)}\n\n`;
const event = (value: { type: string } & Record<string, unknown>) => `event: ${value.type}\n${frame(value)}`;

/** The frames of one stream: one a word, then the rest. `words` tells which frames a real provider would bill. */
export function openAiFrames(ask: Ask, answer: Answer, id: string): { words: string[]; rest: string[] } {
  if (ask.kind === 'response') return responseFrames(ask, answer, id);
  const isChat = ask.kind === 'chat';
  const common = {
    id,
    object: isChat ? 'chat.completion.chunk' : 'text_completion',
    created: CREATED,
    model: ask.model,
  };
  const hint = ask.includeUsage ? { usage: null } : {};
  const choice = (text: string | undefined, first: boolean, finish_reason: string | null) => {
    if (!isChat) return { index: 0, text: text ?? '', logprobs: null, finish_reason };
    const delta = text === undefined ? {} : { ...(first ? { role: 'assistant' } : {}), content: text };
    return { index: 0, delta, logprobs: null, finish_reason };
  };
  const words = answer.words.map((word, at) =>
    frame({ ...common, choices: [choice(word, at === 0, null)], ...hint }),
  );
  const rest = [frame({ ...common, choices: [choice(undefined, false, answer.stopped)], ...hint })];
  if (answer.reportsUsage) rest.push(frame({ ...common, choices: [], usage: usageOf(answer) }));
  rest.push('data: [DONE]\n\n');
  return { words, rest };
}

function responseFrames(ask: Ask, answer: Answer, id: string): { words: string[]; rest: string[] } {
  const begin = event({
    type: 'response.created',
    sequence_number: 0,
    response: responseObject(ask, answer, id, 'in_progress'),
  });
  const words = answer.words.map((delta, at) =>
    event({
      type: 'response.output_text.delta',
      sequence_number: at + 1,
      item_id: `${id}_m`,
      output_index: 0,
      content_index: 0,
      delta,
    }),
  );
  words[0] = begin + (words[0] ?? '');
  const response = responseObject(ask, answer, id, 'completed');
  const end = event({
    type: 'response.completed',
    sequence_number: words.length + 1,
    response,
  });
  return { words, rest: [end] };
}
