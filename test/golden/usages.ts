import type { Endpoint, Usage } from '#libs/kernel';
import { readAnswer } from '../../libs/providers/src/json-relay.js';
import { dialectOf } from '../../libs/providers/src/sse-dialects.js';
import { SseRelay } from '../../libs/providers/src/sse-relay.js';

/** Tokens at a price in dollars per million, as the provider's own page has it. */
export type Part = readonly [tokens: number, dollarsPerMillion: string];

export interface Golden {
  readonly name: string;
  readonly model: `${string}/${string}`;
  readonly usage: Usage | undefined;
  readonly parts: readonly Part[];
  /** The deployment's own prices, where the list has none. */
  readonly prices?: Readonly<Record<string, string>>;
}

export const whole = (endpoint: Endpoint, usage: object): Usage | undefined => {
  const members = endpoint === 'messages' ? { type: 'message', content: [] } : { choices: [] };
  return readAnswer(Buffer.from(JSON.stringify({ id: 'x', model: 'm', ...members, usage })), endpoint)?.usage;
};
export const streamed = (endpoint: Endpoint, frames: readonly (object | string)[]): Usage | undefined => {
  const relay = new SseRelay(dialectOf(endpoint), false);
  for (const frame of frames)
    relay.push(Buffer.from(`data: ${typeof frame === 'string' ? frame : JSON.stringify(frame)}\n\n`));
  relay.end();
  return relay.state.usage;
};

export const chat = (usage: object) => whole('chat', usage);
export const chatStream = (usage: object) =>
  streamed('chat', [
    { id: 'c', model: 'm', choices: [{ index: 0, delta: { content: 'hi' } }], usage: null },
    { id: 'c', model: 'm', choices: [], usage },
    '[DONE]',
  ]);
export const responses = (usage: object) => whole('responses', usage);
export const responsesStream = (usage: object) =>
  streamed('responses', [
    { type: 'response.created', response: { id: 'r', model: 'm', usage: null } },
    { type: 'response.completed', response: { id: 'r', model: 'm', usage } },
  ]);
export const embedding = (tokens: number) =>
  whole('embeddings', { prompt_tokens: tokens, total_tokens: tokens });
export const message = (usage: object) => whole('messages', usage);
export const messageStream = (start: object, end: object) =>
  streamed('messages', [
    { type: 'message_start', message: { id: 'm', model: 'm', usage: start } },
    { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'hi' } },
    { type: 'message_delta', delta: { stop_reason: 'end_turn' }, usage: end },
    { type: 'message_stop' },
  ]);

export const row = (
  name: string,
  model: Golden['model'],
  usage: Usage | undefined,
  ...parts: readonly Part[]
): Golden => ({ name, model, usage, parts });
