import { describe, expect, it } from 'vitest';
import { readAnswer, withShownModel } from './json-relay.js';
import { ShownModel } from './shown-model.js';
import { dialectOf } from './sse-dialects.js';
import { SseRelay } from './sse-relay.js';

const whole = (text: string, shown: string | undefined) => {
  const body = Buffer.from(text);
  const answer = readAnswer(body, 'chat');
  if (!answer) throw new Error('no answer');
  return withShownModel(body, answer, shown);
};

/** The stream as the client sees it, cut into pieces of `size` bytes. */
function streamed(
  text: string,
  shown: string,
  endpoint: 'chat' | 'messages' | 'responses',
  size: number,
): string {
  const relay = new SseRelay(dialectOf(endpoint), false, new ShownModel(shown));
  const bytes = Buffer.from(text);
  const out: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += size)
    out.push(Buffer.from(relay.push(bytes.subarray(at, at + size))));
  expect(relay.end()).toBe(true);
  return Buffer.concat([...out, relay.tail]).toString();
}

describe('the model’s name in a whole answer', () => {
  const answer = (name: string, padding = '') =>
    `{ "id": "x", "model": ${name}, "choices":[{"message":{"content":"say \\"model\\": \\"up\\" ü${padding}"}}],"usage":{"prompt_tokens":1,"completion_tokens":1}}`;

  it.each(['', 'x'.repeat(20_000)])(
    'is the one asked for, and nothing else changes (padding of %#)',
    (padding) => {
      expect(whole(answer('"up"', padding), 'my/größe $& "1"').toString()).toBe(
        answer(JSON.stringify('my/größe $& "1"'), padding),
      );
    },
  );

  it('keeps the very same bytes when it is the same, absent or not ours to change', () => {
    const body = Buffer.from(answer('"up"'));
    const read = readAnswer(body, 'chat');
    if (!read) throw new Error('no answer');
    expect(withShownModel(body, read, 'up')).toBe(body);
    expect(withShownModel(body, read, undefined)).toBe(body);
    expect(whole('{"id":"x","choices":[]}', 'm').toString()).toBe('{"id":"x","choices":[]}');
  });
});

describe('the model’s name in a stream', () => {
  const chunk = (model: string, content: string, id = 'c') =>
    `data: {"id":"${id}","model":"${model}","choices":[{"index":0,"delta":{"content":"${content}"}}]}\n\n`;
  const stream = (model: string) =>
    `${chunk(model, 'hi')}${chunk(model, String.raw`\"model\":\"up\" ü`)}${chunk(model, 'ho')}data: {"id":"c","model":"${model}","choices":[],"usage":{"prompt_tokens":1,"completion_tokens":1}}\n\ndata: [DONE]\n\n`;

  it.each([1, 7, 64, 100_000])('is the one asked for in every frame, cut every %i bytes', (size) => {
    expect(streamed(stream('up'), 'größe', 'chat', size)).toBe(stream('größe'));
    expect(streamed(stream('up'), 'up', 'chat', size)).toBe(stream('up'));
  });

  it('waits for Azure’s second frame, where the name is', () => {
    const azure = (model: string) =>
      `data: {"id":"","model":"","choices":[],"prompt_filter_results":[]}\n\n${stream(model)}`;
    expect(streamed(azure('gpt-4o-2024-08-06'), 'gpt-4o', 'chat', 100_000)).toBe(azure('gpt-4o'));
  });

  it('is found where Anthropic and the Responses API have it, the last frame included', () => {
    const messages = (model: string) =>
      `event: message_start\ndata: {"type":"message_start","message":{"id":"m","model":"${model}","usage":{"input_tokens":1}}}\n\nevent: message_stop\ndata: {"type":"message_stop"}\n\n`;
    expect(streamed(messages('claude-x'), 'claude', 'messages', 30)).toBe(messages('claude'));
    const responses = (model: string) =>
      `event: response.created\ndata: {"type":"response.created","response":{"id":"r","tools":[{"model":"image"}],"model":"${model}"}}\n\nevent: response.completed\ndata: {"type":"response.completed","response":{"id":"r","model":"${model}","usage":{"input_tokens":1,"output_tokens":1}}}\n\n`;
    expect(streamed(responses('gpt-x'), 'mine', 'responses', 30)).toBe(responses('mine'));
  });
});
