import { type Endpoint, isRecord, type Usage } from '#libs/kernel';
import { anthropicUsage, openAiUsage } from './usage.js';

/** What a frame means to the relay. */
export type Verdict = 'pass' | 'hide' | 'final' | 'error';

/** What a stream told so far. */
export interface StreamState {
  usage: Usage | undefined;
  responseId: string | null;
  /** The model's name as the provider has it. */
  model: string | undefined;
}

/** How one wire format's stream is read: which frames deserve a look, and what they say. */
export interface StreamDialect {
  /** A frame without any of these is passed on unread; a marker followed by `null` does not count. */
  readonly markers: readonly string[];
  /** Members that carry the model's text. */
  readonly textMarkers: readonly string[];
  read(payload: unknown, state: StreamState, hideUsage: boolean): Verdict;
  /** The frames that end an answer which was cut in front of `payload`: a valid end that says it was the length. */
  cut(payload: unknown, state: StreamState, tokens: number, choices: number): string;
}

type Json = Record<string, unknown>;

/** Azure's first frame is about the prompt and has an empty name. */
function nameIn({ model }: Json): string | undefined {
  return typeof model === 'string' && model !== '' ? model : undefined;
}

/** Chat and text completions: usage in a frame near the end, then `[DONE]`. */
const chunks: StreamDialect = {
  markers: ['"usage"', '[DONE]', '"error"'],
  textMarkers: [
    '"content":',
    '"arguments":',
    '"reasoning_content":',
    '"reasoning":',
    '"refusal":',
    '"text":',
  ],
  read(payload, state, hideUsage) {
    if (payload === '[DONE]') return 'final';
    if (!isRecord(payload)) return 'pass';
    if (typeof payload['id'] === 'string') state.responseId ??= payload['id'];
    state.model ??= nameIn(payload);
    const choices = payload['choices'];
    if (payload['error'] !== undefined && payload['error'] !== null && !Array.isArray(choices))
      return 'error';
    const extension = payload['x_groq'];
    const raw = isRecord(payload['usage'])
      ? payload['usage']
      : isRecord(extension)
        ? extension['usage']
        : undefined;
    if (!isRecord(raw)) return 'pass';
    state.usage = openAiUsage(raw) ?? state.usage;
    return hideUsage && Array.isArray(choices) && choices.length === 0 ? 'hide' : 'pass';
  },
  cut(payload, state, _tokens, choices) {
    const { id, object, created, model } = isRecord(payload) ? payload : {};
    const head = {
      id: id ?? state.responseId,
      object: object ?? 'chat.completion.chunk',
      created: created ?? Math.floor(Date.now() / 1000),
      model: model ?? state.model,
    };
    const part = object === 'text_completion' ? { text: '' } : { delta: {} };
    let frames = '';
    for (let index = 0; index < choices; index += 1)
      frames += frame({ ...head, choices: [{ index, ...part, logprobs: null, finish_reason: 'length' }] });
    return `${frames}data: [DONE]\n\n`;
  },
};

const RESPONSES_ENDS = new Set([
  'response.completed',
  'response.incomplete',
  'response.failed',
  'response.cancelled',
]);

const responses: StreamDialect = {
  markers: [
    '"usage"',
    '"response.completed"',
    '"response.incomplete"',
    '"response.failed"',
    '"response.cancelled"',
    '"error"',
  ],
  textMarkers: ['"delta":'],
  read(payload, state) {
    if (!isRecord(payload)) return 'pass';
    if (payload['type'] === 'error') return 'error';
    const response = payload['response'];
    if (isRecord(response)) {
      if (typeof response['id'] === 'string') state.responseId ??= response['id'];
      state.model ??= nameIn(response);
      if (isRecord(response['usage'])) state.usage = openAiUsage(response['usage']) ?? state.usage;
    } else if (payload['type'] === undefined && isRecord(payload['error'])) return 'error';
    return typeof payload['type'] === 'string' && RESPONSES_ENDS.has(payload['type']) ? 'final' : 'pass';
  },
  cut(payload, state, tokens) {
    const number = isRecord(payload) ? payload['sequence_number'] : undefined;
    const input = state.usage?.inputTokens ?? 0;
    const event = {
      type: 'response.incomplete',
      ...(number === undefined ? {} : { sequence_number: number }),
      response: {
        id: state.responseId,
        object: 'response',
        created_at: Math.floor(Date.now() / 1000),
        status: 'incomplete',
        error: null,
        incomplete_details: { reason: 'max_output_tokens' },
        model: state.model,
        output: [],
        usage: { input_tokens: input, output_tokens: tokens, total_tokens: input + tokens },
      },
    };
    return frame(event, event.type);
  },
};

const messages: StreamDialect = {
  markers: ['"usage"', '"message_stop"', '"error"'],
  textMarkers: ['"text":', '"partial_json":', '"thinking":'],
  read(payload, state) {
    if (!isRecord(payload)) return 'pass';
    const { type, message, usage } = payload;
    if (type === 'error') return 'error';
    if (type === 'message_stop') return 'final';
    if (type === 'message_start' && isRecord(message)) {
      if (typeof message['id'] === 'string') state.responseId ??= message['id'];
      state.model ??= nameIn(message);
      state.usage = anthropicUsage(message['usage'], state.usage);
    } else if (type === 'message_delta') state.usage = anthropicUsage(usage, state.usage);
    return 'pass';
  },
  cut(payload, _state, tokens) {
    const index = isRecord(payload) ? payload['index'] : undefined;
    const delta = { stop_reason: 'max_tokens', stop_sequence: null };
    return (
      frame({ type: 'content_block_stop', index: index ?? 0 }, 'content_block_stop') +
      frame({ type: 'message_delta', delta, usage: { output_tokens: tokens } }, 'message_delta') +
      frame({ type: 'message_stop' }, 'message_stop')
    );
  },
};

function frame(data: object, event?: string): string {
  return `${event === undefined ? '' : `event: ${event}\n`}data: ${JSON.stringify(data)}\n\n`;
}

export function dialectOf(endpoint: Endpoint): StreamDialect {
  if (endpoint === 'messages') return messages;
  return endpoint === 'responses' ? responses : chunks;
}
