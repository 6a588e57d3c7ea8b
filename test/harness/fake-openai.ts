import type { Answer, Ask } from './fake-behaviour.js';
import { responseFrames, responseObject } from './fake-responses.js';

const CREATED = 1_700_000_000;

function usageOf({ promptTokens, cachedPromptTokens, words }: Answer) {
  return {
    prompt_tokens: promptTokens,
    completion_tokens: words.length,
    total_tokens: promptTokens + words.length,
    prompt_tokens_details: { cached_tokens: cachedPromptTokens },
  };
}

/** One whole answer in OpenAI's shapes. */
export function openAiBody(ask: Ask, answer: Answer, id: string): object {
  const text = answer.words.join('');
  const usage = answer.reportsUsage ? { usage: usageOf(answer) } : {};
  const common = { id, created: CREATED, model: ask.model };
  if (ask.kind === 'response') return responseObject(ask, answer, id, 'completed');
  if (ask.kind === 'embedding') {
    const { input } = ask.json;
    // A list of texts or of lists of tokens has a vector each; one text or one list of tokens has one.
    const texts = Array.isArray(input) && typeof input[0] !== 'number' ? input : [input];
    const data = texts.map((_, index) => ({ object: 'embedding', index, embedding: embeddingOf(ask) }));
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
  const tool_calls = answer.calls.map(({ id: callId, name, pieces }) => ({
    id: callId,
    type: 'function',
    function: { name, arguments: pieces.join('') },
  }));
  const message =
    tool_calls.length > 0
      ? { role: 'assistant', content: null, refusal: null, tool_calls }
      : { role: 'assistant', content: text, refusal: null };
  return {
    ...common,
    object: 'chat.completion',
    choices: [{ index: 0, message, logprobs: null, finish_reason: answer.stopped }],
    ...usage,
  };
}

/** What a chunk of a chat adds: a word, or half of a tool call's arguments, the first with its name. */
function deltaOf({ calls }: Answer, word: string, at: number): object {
  const role = at === 0 ? { role: 'assistant' } : {};
  const call = calls[at >> 1];
  if (!call) return { ...role, content: word };
  const begins = at % 2 === 0;
  const head = begins ? { id: call.id, type: 'function' } : {};
  const named = { ...(begins ? { name: call.name } : {}), arguments: word };
  return {
    ...role,
    ...(begins ? { content: null } : {}),
    tool_calls: [{ index: at >> 1, ...head, function: named }],
  };
}

/** The real client asks for base64 unless told otherwise. */
function embeddingOf(ask: Ask): number[] | string {
  const vector = [0.5, -0.25, 0.125];
  return ask.json.encoding_format === 'base64'
    ? Buffer.from(new Float32Array(vector).buffer).toString('base64')
    : vector;
}

const frame = (value: object) => `data: ${JSON.stringify(value)}\n\n`;

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
  const choice = (text: string, at: number, finish_reason: string | null) => {
    if (!isChat) return { index: 0, text, logprobs: null, finish_reason };
    return { index: 0, delta: finish_reason ? {} : deltaOf(answer, text, at), logprobs: null, finish_reason };
  };
  const words = answer.words.map((word, at) =>
    frame({ ...common, choices: [choice(word, at, null)], ...hint }),
  );
  const rest = [frame({ ...common, choices: [choice('', 0, answer.stopped)], ...hint })];
  if (answer.reportsUsage) rest.push(frame({ ...common, choices: [], usage: usageOf(answer) }));
  rest.push('data: [DONE]\n\n');
  return { words, rest };
}
