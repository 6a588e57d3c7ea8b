import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Endpoint } from '#libs/kernel';
import { dialectOf } from './sse-dialects.js';
import { SseRelay } from './sse-relay.js';

interface Expected {
  endpoint: Endpoint;
  hideUsage: boolean;
  tail: string;
  hidden?: string;
  usage: unknown;
  responseId: string | null;
  outputBytes: number;
}

const folder = new URL('./golden/', import.meta.url);
const names = readdirSync(folder).filter((name) => name.endsWith('.in.sse'));

function relayed(chunks: readonly Buffer[], endpoint: Endpoint, hideUsage: boolean) {
  const relay = new SseRelay(dialectOf(endpoint), hideUsage);
  const shown = Buffer.concat(chunks.map((chunk) => Buffer.from(relay.push(chunk)))).toString();
  const whole = relay.end();
  return {
    shown,
    whole,
    tail: relay.tail.toString(),
    usage: relay.state.usage,
    responseId: relay.state.responseId || null,
    outputBytes: relay.outputBytes,
    error: relay.error,
  };
}

describe('an event stream', () => {
  it('has recorded cases', () => expect(names.length).toBeGreaterThan(3));

  it.each(names)('%s comes out the same wherever it is cut', (name) => {
    const input = readFileSync(new URL(name, folder));
    const expected = JSON.parse(
      readFileSync(new URL(name.replace('.in.sse', '.out.json'), folder), 'utf8'),
    ) as Expected;
    for (const bytes of [input, Buffer.from(input.toString().replace(/\n/g, '\r\n'))]) {
      const fix = (text: string) => (bytes === input ? text : text.replace(/\n/g, '\r\n'));
      const tail = fix(expected.tail);
      const text = bytes.toString();
      const shown = text.slice(0, text.length - tail.length).replace(fix(expected.hidden ?? '\0'), '');
      const wanted = {
        shown,
        whole: true,
        tail,
        usage: expected.usage,
        responseId: expected.responseId,
        outputBytes: expected.outputBytes,
        error: undefined,
      };
      expect(relayed([bytes], expected.endpoint, expected.hideUsage)).toEqual(wanted);
      for (let cut = 1; cut < bytes.length; cut += 1) {
        expect(
          relayed([bytes.subarray(0, cut), bytes.subarray(cut)], expected.endpoint, expected.hideUsage),
        ).toEqual(wanted);
      }
      for (const size of [1, 2, 3, 7, 64]) {
        const chunks = Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) =>
          bytes.subarray(index * size, (index + 1) * size),
        );
        expect(relayed(chunks, expected.endpoint, expected.hideUsage)).toEqual(wanted);
      }
    }
  });

  it('is broken when it ends without its last frame', () => {
    const result = relayed(
      [Buffer.from('data: {"id":"1","choices":[{"delta":{"content":"hi"}}]}\n\ndata: {"half')],
      'chat',
      false,
    );
    expect(result).toMatchObject({ whole: false, tail: '', outputBytes: 2 });
    expect(result.shown).not.toContain('half');
  });

  it('counts a last frame that lacks its blank line', () => {
    expect(relayed([Buffer.from('data: {"id":"1"}\n\ndata: [DONE]')], 'chat', false)).toMatchObject({
      whole: true,
      tail: 'data: [DONE]',
    });
  });

  it('does not take a text for the end, the usage or an error', () => {
    const frame = `data: ${JSON.stringify({ id: '1', choices: [{ delta: { content: '[DONE] "usage": {"prompt_tokens":1} "error" \n\ndata: [DONE]\n\n' } }] })}\n\n`;
    const result = relayed([Buffer.from(`${frame}data: [DONE]\n\n`)], 'chat', true);
    expect(result).toMatchObject({ shown: frame, whole: true, usage: undefined, error: undefined });
  });

  it('keeps an error frame back, so that the caller gets ours', () => {
    const result = relayed(
      [
        Buffer.from(
          'data: {"id":"1","choices":[]}\n\ndata: {"error":{"message":"x","code":500}}\n\ndata: more\n\n',
        ),
      ],
      'chat',
      false,
    );
    expect(result).toMatchObject({
      shown: 'data: {"id":"1","choices":[]}\n\n',
      whole: false,
      error: { error: { message: 'x', code: 500 } },
    });
  });

  it('gives up on a frame without an end, in linear time', () => {
    const relay = new SseRelay(dialectOf('chat'), false);
    const chunk = Buffer.alloc(64 * 1024, 'a');
    const start = performance.now();
    for (let i = 0; i < 600 && !relay.overflowed; i += 1) relay.push(chunk);
    expect(relay.overflowed).toBe(true);
    expect(performance.now() - start).toBeLessThan(5_000);
  });
});
