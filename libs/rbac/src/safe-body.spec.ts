import { describe, expect, it } from 'vitest';
import { assertSafeBody } from './safe-body.js';

const denied = expect.objectContaining({
  code: 'rbac.parameter_denied',
  status: 401,
  publicMessage: expect.stringContaining('Rejected Request'),
});

describe('what a body may not say', () => {
  it.each([
    [{ api_base: 'http://169.254.169.254' }],
    [{ base_url: 'http://internal' }],
    [{ model_list: [] }],
    [{ aws_role_name: 'x' }],
    [{ vertex_credentials: '{}' }],
    [{ langfuse_secret_key: 'x' }],
    [{ input_cost_per_token: 0 }],
    [{ extra_body: { api_base: 'x' } }],
    [{ metadata: { api_base: 'x' } }],
    [{ metadata: '{"api_base":"x"}' }],
    [{ litellm_metadata: ' {"aws_role_name":"x"}' }],
    [{ litellm_params: { metadata: { base_url: 'x' } } }],
    [{ litellm_params: { output_cost_per_token: 0 } }],
    [{ extra_body: { metadata: { api_base: 'x' } } }],
    [{ fallbacks: [{ model: 'b', api_base: 'x' }] }],
    [{ fallbacks: [{ a: [{ model: 'b', api_base: 'x' }] }] }],
    [{ litellm_embedding_config: { api_base: 'x' } }],
    [JSON.parse('{"__proto__":{},"api_base":"x"}') as object],
  ])('%j', (body) => {
    expect(() => assertSafeBody({ model: 'm', ...body }, false)).toThrow(denied);
  });

  it('is the operator to allow, but never its own cloud identity or its models', () => {
    expect(assertSafeBody({ api_base: 'https://x' }, true)).toEqual(['api_base']);
    expect(() => assertSafeBody({ aws_web_identity_token: 'x' }, true)).toThrow(denied);
    expect(() => assertSafeBody({ extra_body: { model_list: [] } }, true)).toThrow(denied);
  });

  it('refuses metadata too long to be judged', () => {
    expect(() => assertSafeBody({ metadata: `{"a":"${'x'.repeat(70_000)}"}` }, false)).toThrow(/too long/);
  });
});

describe('what has no effect', () => {
  it('is cut before the body goes upstream', () => {
    const body = {
      model: 'm',
      'no-log': true,
      mock_response: 'x',
      fallbacks: ['b'],
      user: 'u',
      metadata: { user_api_key_team_id: 't' },
    };
    expect(assertSafeBody(body, false)).toEqual(['no-log', 'mock_response', 'fallbacks']);
    expect(assertSafeBody({ model: 'm', input_cost_per_token: 0 }, true)).toEqual(['input_cost_per_token']);
  });

  /** A caller who may call the cheap model would be answered by, and charged nothing more for, the dear one. */
  it('is cut when it names models beside the one that is judged', () => {
    const body = { model: 'cheap', models: ['dear/one', 'dear/two'], route: 'fallback' };
    expect(assertSafeBody(body, true)).toEqual(['models', 'route']);
  });

  it('is nothing in an ordinary request, and the answer is shared', () => {
    const body = {
      model: 'm',
      messages: [],
      stream: true,
      temperature: 0,
      max_tokens: 5,
      tools: [],
      user: 'u',
      metadata: { a: '{not json' },
    };
    expect(assertSafeBody(body, false)).toBe(assertSafeBody({ model: 'm' }, false));
    expect(assertSafeBody(body, false)).toEqual([]);
  });

  it('leaves names alone that only look alike inside a prompt', () => {
    expect(assertSafeBody({ messages: [{ role: 'user', content: 'api_base', api_base: 1 }] }, false)).toEqual(
      [],
    );
  });
});
