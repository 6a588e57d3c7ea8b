import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { OutputGuard } from './output-guard.js';
import { dialectOf } from './sse-dialects.js';
import { SseRelay } from './sse-relay.js';

/** One word is one token here. */
const count = (text: string): number => text.split(' ').filter((word) => word !== '').length;
const guardOf = (tokens: number, choices = 1) => new OutputGuard({ tokens, choices, extraSlack: 0, count });

const chatFrame = (word: string) =>
  `data: ${JSON.stringify({ id: 'c1', object: 'chat.completion.chunk', created: 7, model: 'm', choices: [{ index: 0, delta: { content: ` ${word}` }, finish_reason: null }] })}\n\n`;
const messageFrame = (word: string) =>
  `event: content_block_delta\ndata: ${JSON.stringify({ type: 'content_block_delta', index: 1, delta: { type: 'text_delta', text: ` ${word}` } })}\n\n`;
const responseFrame = (word: string, i: number) =>
  `event: response.output_text.delta\ndata: ${JSON.stringify({ type: 'response.output_text.delta', sequence_number: i, delta: ` ${word}` })}\n\n`;

function relayed(
  endpoint: 'chat' | 'messages' | 'responses',
  frames: string[],
  tokens: number,
  cutBytes = 400,
) {
  const guard = guardOf(tokens);
  const relay = new SseRelay(dialectOf(endpoint), false, undefined, guard);
  const bytes = Buffer.from(frames.join(''));
  let seen = '';
  for (let at = 0; at < bytes.length; at += cutBytes)
    seen += relay.push(bytes.subarray(at, at + cutBytes)).toString('utf8');
  return { relay, guard, seen, tail: relay.tail.toString('utf8') };
}
const words = Array.from({ length: 200 }, (_, i) => `word${i}`);

describe('a stream that goes on behind its cap', () => {
  it('is ended with a last chunk that says it was the length', () => {
    const { relay, seen, tail } = relayed('chat', words.map(chatFrame), 50);
    expect(relay.cut).toBe(true);
    // One per cent and four tokens are the meter's own doubt.
    expect(seen.match(/word/g)?.length).toBe(55);
    const [last, done] = tail.split('\n\n');
    expect(JSON.parse(last?.slice(6) ?? '')).toEqual({
      id: 'c1',
      object: 'chat.completion.chunk',
      created: 7,
      model: 'm',
      choices: [{ index: 0, delta: {}, logprobs: null, finish_reason: 'length' }],
    });
    expect(done).toBe('data: [DONE]');
  });

  it('ends as Anthropic ends one: the block, the reason, the message', () => {
    const { tail } = relayed('messages', words.map(messageFrame), 50);
    const events = tail.split('\n\n').filter((frame) => frame !== '');
    expect(events.map((frame) => frame.split('\n')[0])).toEqual([
      'event: content_block_stop',
      'event: message_delta',
      'event: message_stop',
    ]);
    expect(tail).toContain('"stop_reason":"max_tokens"');
    expect(tail).toContain('"index":1');
  });

  it('ends as the Responses API ends one: incomplete, because of the output tokens', () => {
    const { tail } = relayed('responses', words.map(responseFrame), 50);
    expect(tail).toContain('event: response.incomplete');
    expect(tail).toContain('"incomplete_details":{"reason":"max_output_tokens"}');
    expect(tail).toContain('"output_tokens":55');
  });

  it('is cut at the same word, however it arrives', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5_000 }), (size) => {
        const { seen } = relayed('chat', words.map(chatFrame), 50, size);
        expect(seen.match(/word/g)?.length).toBe(55);
      }),
      { numRuns: 60 },
    );
  });

  it('is left alone when it keeps to its cap, to the byte', () => {
    const frames = [...words.map(chatFrame), 'data: [DONE]\n\n'];
    for (const size of [1, 37, 100_000]) {
      const { relay, seen, tail } = relayed('chat', frames, 200, size);
      expect(relay.cut).toBe(false);
      expect(seen + tail).toBe(frames.join(''));
    }
  });

  it('is counted a handful of times, not once a frame, while it is far from its cap', () => {
    let counts = 0;
    const guard = new OutputGuard({
      tokens: 10_000,
      choices: 1,
      extraSlack: 0,
      count: (text) => (text === '' ? 0 : (counts += 1)),
    });
    for (let i = 0; i < 1_000; i += 1) expect(guard.take([' word'], 5)).toBe(true);
    expect(counts).toBe(0);
  });
});
