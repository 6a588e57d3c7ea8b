import type { Answer, Ask } from './fake-behaviour.js';

function inputUsage({ promptTokens, cachedPromptTokens }: Answer) {
  return {
    input_tokens: promptTokens - cachedPromptTokens,
    cache_read_input_tokens: cachedPromptTokens,
    cache_creation_input_tokens: 0,
  };
}

const reasonOf = (answer: Answer) => (answer.stopped === 'length' ? 'max_tokens' : 'end_turn');

function messageOf(ask: Ask, id: string) {
  return { id, type: 'message', role: 'assistant', model: ask.model };
}

/** One whole answer in the shape of Anthropic's Messages API. */
export function anthropicBody(ask: Ask, answer: Answer, id: string): object {
  return {
    ...messageOf(ask, id),
    content: [{ type: 'text', text: answer.words.join('') }],
    stop_reason: reasonOf(answer),
    stop_sequence: null,
    ...(answer.reportsUsage ? { usage: { ...inputUsage(answer), output_tokens: answer.words.length } } : {}),
  };
}

const event = (value: { type: string } & Record<string, unknown>) =>
  `event: ${value.type}\ndata: ${JSON.stringify(value)}\n\n`;

/** The events of one stream: the opening travels with the first word. */
export function anthropicFrames(ask: Ask, answer: Answer, id: string): { words: string[]; rest: string[] } {
  const usage = answer.reportsUsage ? { usage: { ...inputUsage(answer), output_tokens: 1 } } : {};
  const message = { ...messageOf(ask, id), content: [], stop_reason: null, stop_sequence: null, ...usage };
  const opening =
    event({ type: 'message_start', message }) +
    event({ type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } }) +
    event({ type: 'ping' });
  const words = answer.words.map((text) =>
    event({ type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text } }),
  );
  words[0] = opening + (words[0] ?? '');
  const delta = { stop_reason: reasonOf(answer), stop_sequence: null };
  const total = answer.reportsUsage ? { usage: { output_tokens: answer.words.length } } : {};
  const rest = [
    event({ type: 'content_block_stop', index: 0 }),
    event({ type: 'message_delta', delta, ...total }),
    event({ type: 'message_stop' }),
  ];
  return { words, rest };
}
