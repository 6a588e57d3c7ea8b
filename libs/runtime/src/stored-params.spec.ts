import { Secret } from '#libs/kernel';
import { describe, expect, it } from 'vitest';
import { maskSecret, shownInfo, shownParams, splitParams } from './stored-params.js';

describe('what of a model lies open in the database', () => {
  it('is what this product knows to be harmless, and nothing that merely looks so', () => {
    const { plain, sealed } = splitParams({
      model: 'openai/gpt-4o',
      api_base: 'https://u/v1',
      rpm: 5,
      input_cost_per_token: 0.1,
      api_key: 'x',
      headers: { 'x-any': 'y' },
      extra_body: { a: 1 },
      aws_secret_access_key: 'z',
      unheard_of: 'w',
    });
    expect(Object.keys(plain)).toEqual(['model', 'api_base', 'rpm', 'input_cost_per_token']);
    expect(Object.keys(sealed)).toEqual([
      'api_key',
      'headers',
      'extra_body',
      'aws_secret_access_key',
      'unheard_of',
    ]);
  });

  it.each([
    ['an address with a password', { api_base: 'https://user:pw@host/v1' }],
    ['an address with a key in its query', { api_base: 'https://host/v1?key=abc' }],
    ['a key in the wrong place', { organization: 'o', tags: ['sk-abcdefghijklmnop'] }],
  ])('is not %s', (_, params) => {
    expect(Object.keys(splitParams(params).sealed).length).toBeGreaterThan(0);
  });
});

describe('what people see of a model', () => {
  it('holds no secret under any name', () => {
    const text = JSON.stringify(
      shownParams({
        model: 'm',
        api_key: 'canary',
        wrapped: new Secret('canary'),
        api_base: 'https://canary:canary@host/v1?canary',
        headers: { Authorization: 'canary', other: 'canary' },
        extra_body: { deep: ['canary', { token: 'canary' }] },
      }),
    );
    expect(text).not.toContain('canary');
    expect(text).toContain('"model":"m"');
  });

  it('keeps the name of a variable, and facts', () => {
    expect(shownParams({ api_base: 'os.environ/BASE', num_ctx: 5 })).toEqual({
      api_base: 'os.environ/BASE',
      num_ctx: 5,
    });
    expect(shownInfo({ mode: 'chat', access_groups: ['a'] })).toEqual({ mode: 'chat', access_groups: ['a'] });
  });

  it('masks a secret so that its owner knows it again, and a short one altogether', () => {
    expect(maskSecret('sk-abcdefghijklmnop')).toBe('sk-a****mnop');
    expect(maskSecret('short')).toBe('****');
  });
});
