import type { Answer, Ask } from './fake-behaviour.js';
import type { ToolCall } from './fake-tools.js';

const CREATED = 1_700_000_000;

function usageOf({ promptTokens, cachedPromptTokens, words }: Answer) {
  return {
    input_tokens: promptTokens,
    input_tokens_details: { cached_tokens: cachedPromptTokens },
    output_tokens: words.length,
    output_tokens_details: { reasoning_tokens: 0 },
    total_tokens: promptTokens + words.length,
  };
}

type Item = { readonly type: string; readonly id: string } & Readonly<Record<string, unknown>>;

const callItem = ({ id, name, pieces }: ToolCall, isDone: boolean): Item => ({
  type: 'function_call',
  id: `fc_${id}`,
  call_id: id,
  name,
  arguments: isDone ? pieces.join('') : '',
  status: isDone ? 'completed' : 'in_progress',
});

const textPart = (text: string) => ({ type: 'output_text', text, annotations: [], logprobs: [] });

function messageItem(answer: Answer, id: string, isDone: boolean): Item {
  return {
    type: 'message',
    id: `${id}_m`,
    status: isDone ? 'completed' : 'in_progress',
    role: 'assistant',
    content: isDone ? [textPart(answer.words.join(''))] : [],
  };
}

/** One whole answer of the Responses API, with what of the question it repeats. */
export function responseObject(ask: Ask, answer: Answer, id: string, status: string): object {
  const { instructions, tools, tool_choice, text, previous_response_id, metadata } = ask.json;
  const isDone = status === 'completed';
  const output =
    answer.calls.length > 0
      ? answer.calls.map((call) => callItem(call, true))
      : [messageItem(answer, id, true)];
  return {
    id,
    object: 'response',
    created_at: CREATED,
    status,
    error: null,
    incomplete_details: null,
    instructions: instructions ?? null,
    model: ask.model,
    output: isDone ? output : [],
    parallel_tool_calls: true,
    previous_response_id: previous_response_id ?? null,
    metadata: metadata ?? {},
    tools: tools ?? [],
    tool_choice: tool_choice ?? 'auto',
    text: text ?? { format: { type: 'text' } },
    usage: isDone && answer.reportsUsage ? usageOf(answer) : null,
  };
}

/** The events of one stream: items are opened and closed as the real API does; the opening travels with the first word. */
export function responseFrames(ask: Ask, answer: Answer, id: string): { words: string[]; rest: string[] } {
  let sequence_number = 0;
  const event = (type: string, value: Record<string, unknown>) =>
    `event: ${type}\ndata: ${JSON.stringify({ type, sequence_number: sequence_number++, ...value })}\n\n`;
  const response = responseObject(ask, answer, id, 'in_progress');
  const begin = event('response.created', { response }) + event('response.in_progress', { response });
  const words: string[] = [];
  let end = '';
  if (answer.calls.length > 0) {
    for (const [output_index, call] of answer.calls.entries()) {
      const at = { item_id: `fc_${call.id}`, output_index };
      const [first, second] = call.pieces;
      const opened = event('response.output_item.added', { output_index, item: callItem(call, false) });
      words.push(opened + event('response.function_call_arguments.delta', { ...at, delta: first }));
      const delta = event('response.function_call_arguments.delta', { ...at, delta: second });
      const done = event('response.function_call_arguments.done', { ...at, arguments: first + second });
      const closed = event('response.output_item.done', { output_index, item: callItem(call, true) });
      words.push(delta + done + closed);
    }
  } else {
    const at = { item_id: `${id}_m`, output_index: 0, content_index: 0 };
    const item = messageItem(answer, id, false);
    const opened =
      event('response.output_item.added', { output_index: 0, item }) +
      event('response.content_part.added', { ...at, part: textPart('') });
    for (const delta of answer.words)
      words.push(event('response.output_text.delta', { ...at, delta, logprobs: [] }));
    words[0] = opened + (words[0] ?? '');
    const text = answer.words.join('');
    end =
      event('response.output_text.done', { ...at, text, logprobs: [] }) +
      event('response.content_part.done', { ...at, part: textPart(text) }) +
      event('response.output_item.done', { output_index: 0, item: messageItem(answer, id, true) });
  }
  words[0] = begin + (words[0] ?? '');
  end += event('response.completed', { response: responseObject(ask, answer, id, 'completed') });
  return { words, rest: [end] };
}
