import { describe, expect, it } from 'vitest';
import type { UpstreamRequest } from './upstream.js';
import { outgoingBody } from './outgoing-body.js';
import { testDeployment, testRequest } from './test-deployment.harness.js';

const sent = (json: unknown, change: Partial<UpstreamRequest> = {}) =>
  JSON.parse(outgoingBody(testRequest(json, change)).bytes.toString()) as Record<string, unknown>;

describe('what goes upstream', () => {
  it('is the same buffer when the caller already said it all', () => {
    const request = testRequest({ model: 'm', messages: [], temperature: 1.5, unknown: { a: 1 } });
    expect(outgoingBody(request)).toEqual({ bytes: request.body.bytes, hideUsage: false });
    expect(outgoingBody(request).bytes).toBe(request.body.bytes);
  });

  it('asks for usage of a stream and remembers to hide it', () => {
    const request = testRequest('{"model":"m","stream":true}');
    expect(outgoingBody(request)).toEqual({
      bytes: Buffer.from('{"model":"m","stream":true,"stream_options":{"include_usage":true}}'),
      hideUsage: true,
    });
    expect(
      outgoingBody(testRequest('{"model":"m","stream":true,"stream_options":{"include_usage":true}}'))
        .hideUsage,
    ).toBe(false);
    const off = outgoingBody(
      testRequest('{"model":"m","stream":true,"stream_options":{ "include_usage":false, "x":1 }}'),
    );
    expect(off.hideUsage).toBe(true);
    expect(off.bytes.toString()).toContain('{ "include_usage":true, "x":1 }');
    expect(() => outgoingBody(testRequest('{"model":"m","stream":true,"stream_options":"no"}'))).toThrow(
      'stream_options',
    );
  });

  it('does not ask those who refuse the question', () => {
    expect(
      sent(
        { model: 'm', stream: true, stream_options: {} },
        { deployment: testDeployment({ provider: 'mistral' }) },
      ),
    ).toEqual({ model: 'm', stream: true });
  });

  /** Attack: fields that steer a proxy or an SDK behind us around what was counted here. */
  it('never passes on what is meant for a proxy', () => {
    expect(
      sent({
        model: 'm',
        extra_body: { model: 'dear' },
        mock_response: 'x',
        api_key: 'k',
        fallbacks: [],
        litellm_metadata: {},
        tags: [],
        metadata: { tags: ['a'] },
        seed: 1,
      }),
    ).toEqual({ model: 'm', seed: 1 });
  });

  it('keeps metadata where the endpoint has a use for it', () => {
    expect(sent({ model: 'm', store: true, metadata: { a: 'b' } })).toHaveProperty('metadata', { a: 'b' });
    expect(sent({ model: 'm', metadata: { a: 'b' } }, { endpoint: 'responses' })).toHaveProperty('metadata', {
      a: 'b',
    });
    expect(
      sent({ model: 'm', metadata: { user_id: 'u', tags: ['t'] } }, { endpoint: 'messages' }),
    ).toHaveProperty('metadata', { user_id: 'u' });
  });

  it('drops fields outside the schema only when told to', () => {
    expect(sent({ model: 'm', top_k: 3, seed: 1 })).toHaveProperty('top_k', 3);
    expect(sent({ model: 'm', top_k: 3, seed: 1 }, { dropParams: true })).toEqual({ model: 'm', seed: 1 });
  });

  it('adds configured members the caller did not send, never over the caller or the cap', () => {
    const deployment = testDeployment({ defaultBody: { temperature: 0.1, max_tokens: 20, custom: true } });
    expect(sent({ model: 'm', temperature: 1 }, { deployment })).toEqual({
      model: 'm',
      temperature: 1,
      max_tokens: 20,
      custom: true,
    });
    expect(sent({ model: 'm', max_completion_tokens: 5 }, { deployment })).not.toHaveProperty('max_tokens');
    expect(sent({ model: 'm' }, { deployment, maxOutputTokens: 7 })).toHaveProperty('max_tokens', 7);
    expect(sent({ model: 'm', input: 'x' }, { deployment, endpoint: 'embeddings' })).toEqual({
      model: 'm',
      input: 'x',
      custom: true,
    });
  });

  const openai = testDeployment({ apiBase: 'https://api.openai.com/v1', upstreamModel: 'gpt-4o' });
  const o3 = testDeployment({ apiBase: 'https://api.openai.com/v1', upstreamModel: 'o3-mini' });
  it.each<[string, Record<string, unknown>, Partial<UpstreamRequest>, Record<string, unknown>]>([
    ['lowers what was sent', { max_tokens: 100 }, { maxOutputTokens: 10 }, { max_tokens: 10 }],
    [
      'lowers both when both were sent',
      { max_tokens: 100, max_completion_tokens: 5 },
      { maxOutputTokens: 10 },
      { max_tokens: 10, max_completion_tokens: 5 },
    ],
    ['never raises', { max_tokens: 5 }, { maxOutputTokens: 10 }, { max_tokens: 5 }],
    ['replaces null', { max_tokens: null }, { maxOutputTokens: 10 }, { max_tokens: 10 }],
    [
      'uses the modern name at OpenAI',
      {},
      { maxOutputTokens: 10, deployment: openai },
      { max_completion_tokens: 10 },
    ],
    ['renames for reasoning models', { max_tokens: 100 }, { deployment: o3 }, { max_completion_tokens: 100 }],
    [
      'renames for servers that ignore the new name',
      { max_completion_tokens: 9 },
      { deployment: testDeployment({ provider: 'ollama' }) },
      { max_tokens: 9 },
    ],
    [
      'keeps the minimum of Responses',
      { max_output_tokens: 500 },
      { endpoint: 'responses', maxOutputTokens: 3 },
      { max_output_tokens: 16 },
    ],
    ['caps messages', {}, { endpoint: 'messages', maxOutputTokens: 3 }, { max_tokens: 3 }],
    ['leaves embeddings alone', {}, { endpoint: 'embeddings', maxOutputTokens: 3 }, {}],
  ])('a cap %s', (_, json, change, expected) => {
    expect(sent({ model: 'm', ...json }, change)).toEqual({ model: 'm', ...expected });
  });
});
