import type { IncomingMessage } from 'node:http';
import { describe, expect, it } from 'vitest';
import { offeredProtocols, realtimeCredential } from './realtime-credential.js';
import { realtimeEventOf } from './realtime-usage.js';

const request = (
  headers: Record<string, string>,
  url = '/v1/realtime?model=m&key=sk-query',
): IncomingMessage =>
  ({
    headers,
    rawHeaders: Object.entries(headers).flat(),
    url,
    method: 'GET',
    socket: {},
  }) as unknown as IncomingMessage;

describe('the credential of an upgrade', () => {
  it('is the key among the sub-protocols where no header has one', () => {
    const facts = realtimeCredential(request({}), 'sk-1', () => true);
    expect(facts.rawHeaders).toEqual(['x-litellm-api-key', 'Bearer sk-1']);
    expect(realtimeCredential(request({ 'api-key': 'sk-2' }), 'sk-1', () => false).rawHeaders).toEqual([
      'api-key',
      'sk-2',
    ]);
  });

  /** Attack: a page of a stranger opens a WebSocket, and the browser sends our session along. */
  it('is never a cookie, and never in the query', () => {
    const facts = realtimeCredential(request({ Cookie: 'session=1' }), undefined, () => true);
    expect(facts.rawHeaders).toEqual([]);
    expect(facts.url).toBe('/v1/realtime');
  });

  it('is never agreed to as a protocol', () => {
    const offered = offeredProtocols(
      request({
        'sec-websocket-protocol': 'realtime, openai-insecure-api-key.sk-1, openai-beta.realtime-v1',
      }),
    );
    expect(offered).toEqual({ key: 'sk-1', beta: 'realtime=v1', agreed: 'realtime' });
    expect(
      offeredProtocols(request({ 'sec-websocket-protocol': 'openai-insecure-api-key.sk-1' })).agreed,
    ).toBe(false);
  });
});

describe('an event of a provider', () => {
  const event = (value: unknown) => realtimeEventOf(Buffer.from(JSON.stringify(value)));

  it('tells where an answer begins and what it used', () => {
    expect(event({ type: 'response.created', response: { id: 'r1' } })).toEqual({
      kind: 'created',
      id: 'r1',
    });
    const usage = {
      input_tokens: 100,
      output_tokens: 50,
      input_token_details: { cached_tokens: 10, audio_tokens: 60, text_tokens: 40 },
      output_token_details: { audio_tokens: 30 },
    };
    expect(
      event({ type: 'response.done', response: { id: 'r1', status: 'completed', usage } }),
    ).toMatchObject({
      kind: 'done',
      isWhole: true,
      usage: {
        inputTokens: 100,
        outputTokens: 50,
        cacheReadTokens: 10,
        inputAudioTokens: 60,
        outputAudioTokens: 30,
      },
    });
  });

  /** Attack: a caller makes the model say an event, so that its text is taken for one. */
  it('is told by its type, not by what it says', () => {
    expect(
      event({ type: 'response.text.delta', delta: '"response.done"', response: { id: 'r1' } }),
    ).toBeUndefined();
    expect(realtimeEventOf(Buffer.from('"response.done" {'))).toBeUndefined();
    expect(
      event({
        type: 'response.done',
        response: { id: 'r1', usage: { input_tokens: -1, output_tokens: 1.5 } },
      }),
    ).toMatchObject({ usage: undefined });
  });
});
