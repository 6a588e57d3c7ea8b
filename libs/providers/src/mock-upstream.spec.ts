import { describe, expect, it } from 'vitest';
import { type Endpoint, GatewayError } from '#libs/kernel';
import { openMock } from './mock-upstream.js';
import { dialectOf } from './sse-dialects.js';
import { SseRelay } from './sse-relay.js';
import { testDeployment, testRequest } from './test-deployment.harness.js';
import type { UpstreamFailure, UpstreamResult } from './upstream.js';

interface Heard {
  frames: Buffer[];
  headers: readonly string[];
  result?: UpstreamResult;
  failure?: UpstreamFailure;
}

function hear(
  endpoint: Endpoint,
  json: Record<string, unknown>,
  mockResponse = 'Hello there, Ünï!',
  maxOutputTokens?: number,
): Promise<Heard> {
  return new Promise((resolve) => {
    const heard: Heard = { frames: [], headers: [] };
    const request = testRequest(
      { model: 'demo', ...json },
      {
        endpoint,
        deployment: testDeployment({ wire: 'mock', mockResponse }),
        ...(maxOutputTokens === undefined ? {} : { maxOutputTokens }),
      },
    );
    const handle = openMock(request, {
      onHead: (_status, headers) => (heard.headers = headers),
      onData: (chunk) => {
        heard.frames.push(chunk);
        setImmediate(() => handle.resume());
        return false;
      },
      onEnd: (result) => resolve({ ...heard, result }),
      onError: (failure) => resolve({ ...heard, failure }),
    });
  });
}

const messages = [{ role: 'user', content: 'hi' }];

describe('a local deployment', () => {
  it.each<[Endpoint, Record<string, unknown>]>([
    ['chat', { messages }],
    ['completions', { prompt: 'hi' }],
    ['responses', { input: 'hi' }],
    ['messages', { messages, max_tokens: 100 }],
  ])('answers %s whole and as a stream, with the same counts', async (endpoint, json) => {
    const whole = await hear(endpoint, json);
    expect(whole.frames).toEqual([]);
    expect(JSON.parse(whole.result?.tail.toString() ?? '')).toHaveProperty('usage');
    const streamed = await hear(endpoint, { ...json, stream: true, stream_options: { include_usage: true } });
    expect(streamed.frames.length).toBeGreaterThan(5);
    expect(streamed.result?.usage).toEqual({
      ...whole.result?.usage,
      inputTokens: streamed.result?.usage?.inputTokens,
    });
    const relay = new SseRelay(dialectOf(endpoint), false);
    for (const frame of streamed.frames) relay.push(frame);
    relay.push(streamed.result?.tail ?? Buffer.alloc(0));
    expect(relay.end()).toBe(true);
    expect(relay.state.usage).toMatchObject({
      outputTokens: streamed.result?.usage?.outputTokens,
      inputTokens: streamed.result?.usage?.inputTokens,
    });
  });

  it('keeps to the cap, per choice', async () => {
    const { result } = await hear('chat', { messages, n: 3, max_tokens: 100 }, 'abcdefghijklmnop', 2);
    expect(result?.usage?.outputTokens).toBe(6);
    expect(JSON.parse(result?.tail.toString() ?? '')).toMatchObject({
      choices: [{ message: { content: 'abcdefgh' }, finish_reason: 'length' }, {}, {}],
    });
  });

  it('answers an embedding for every input', async () => {
    const { result } = await hear('embeddings', { input: ['a', 'b'] });
    expect(JSON.parse(result?.tail.toString() ?? '')).toMatchObject({
      data: [{ index: 0 }, { index: 1 }],
      usage: { prompt_tokens: 3 },
    });
  });

  it('fails when configured to', async () => {
    const { failure } = await hear('chat', { messages }, 'litellm.RateLimitError: busy');
    expect(failure).toMatchObject({ status: 429, started: false });
    expect(failure?.error).toBeInstanceOf(GatewayError);
  });
});
