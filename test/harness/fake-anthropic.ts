import type { Answer, Ask } from './fake-behaviour.js';
import type { ToolCall } from './fake-tools.js';

function inputUsage({ promptTokens, cachedPromptTokens }: Answer) {
  return {
    input_tokens: promptTokens - cachedPromptTokens,
    cache_read_input_tokens: cachedPromptTokens,
    cache_creation_input_tokens: 0,
  };
}

const REASONS = { length: 'max_tokens', stop: 'end_turn', tool_calls: 'tool_use' } as const;

const toolUse = ({ id, name }: ToolCall, input: unknown) => ({ type: 'tool_use', id, name, input });

function messageOf(ask: Ask, id: string) {
  return { id, type: 'message', role: 'assistant', model: ask.model };
}

/** One whole answer in the shape of Anthropic's Messages API. */
export function anthropicBody(ask: Ask, answer: Answer, id: string): object {
  return {
    ...messageOf(ask, id),
    content:
      answer.calls.length > 0
        ? answer.calls.map((call) => toolUse(call, JSON.parse(call.pieces.join(''))))
        : [{ type: 'text', text: answer.words.join('') }],
    stop_reason: REASONS[answer.stopped],
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
  const start = event({ type: 'message_start', message });
  const words = answer.calls.length > 0 ? toolFrames(answer) : textFrames(answer);
  words[0] = start + (words[0] ?? '');
  const delta = { stop_reason: REASONS[answer.stopped], stop_sequence: null };
  const total = answer.reportsUsage
    ? { usage: { ...inputUsage(answer), output_tokens: answer.words.length } }
    : {};
  const rest = [
    event({ type: 'content_block_stop', index: Math.max(0, answer.calls.length - 1) }),
    event({ type: 'message_delta', delta, ...total }),
    event({ type: 'message_stop' }),
  ];
  return { words, rest };
}

function textFrames({ words }: Answer): string[] {
  const opening =
    event({ type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } }) +
    event({ type: 'ping' });
  const frames = words.map((text) =>
    event({ type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text } }),
  );
  return [opening + (frames[0] ?? ''), ...frames.slice(1)];
}

function toolFrames({ calls }: Answer): string[] {
  return calls.flatMap((call, index) => {
    const piece = (partial_json: string) =>
      event({ type: 'content_block_delta', index, delta: { type: 'input_json_delta', partial_json } });
    const before = index === 0 ? '' : event({ type: 'content_block_stop', index: index - 1 });
    const start = event({ type: 'content_block_start', index, content_block: toolUse(call, {}) });
    return [before + start + piece(call.pieces[0]), piece(call.pieces[1])];
  });
}
