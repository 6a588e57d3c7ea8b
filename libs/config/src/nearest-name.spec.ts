import { describe, expect, it } from 'vitest';
import { editDistance, findNearestName } from './nearest-name.js';
import { isSecretName } from '#libs/kernel';
import { weaknessOfMasterKey } from './master-key.js';

describe('the nearest known name', () => {
  const known = ['drop_params', 'max_budget', 'rpm', 'allowed_ips', 'num_retries'];
  it.each([
    ['drop_param', 'drop_params'],
    ['max-budget', 'max_budget'],
    ['MAX_BUDGET', 'max_budget'],
    ['alloewd_ips', 'allowed_ips'],
    ['rmp', 'rpm'],
    ['zebra_crossing', undefined],
    ['x', undefined],
  ])('of %s is %s', (name, expected) => {
    expect(findNearestName(name, known)).toBe(expected);
  });

  it('counts a swap of neighbours as one slip', () => {
    expect(editDistance('ab', 'ba')).toBe(1);
    expect(editDistance('tmp', 'tpm')).toBe(1);
    expect(editDistance('kitten', 'sitting')).toBe(3);
    expect(editDistance('', 'abc')).toBe(3);
  });
});

describe('a weak master key', () => {
  it.each([
    ['sk-1234', 'well-known'],
    ['', 'empty'],
    ['   ', 'empty'],
    ['sk-', 'empty'],
    ['sk-your-secure-key-here', 'well-known'],
    ['0123456789abcdefghi', 'shorter'],
    ['sk-aaaaaaaaaaaaaaaaaaaaaaaa', 'repeats'],
  ])('%s: %s', (key, reason) => {
    expect(weaknessOfMasterKey(key)).toContain(reason);
  });

  it.each(['sk-5f2d8c1b9a7e4430b6d1', '5f2d8c1b9a7e4430b6d1'])(
    'is not one that is long and varied, with or without a prefix: %s',
    (key) => {
      expect(weaknessOfMasterKey(key)).toBeUndefined();
    },
  );
});

describe('a secret-like name', () => {
  it.each([
    'api_key',
    'apiKey',
    'X-API-Key',
    'aws_secret_access_key',
    'vertex_credentials',
    'Authorization',
    'langfuse_secret',
    'redis_password',
    'session-token',
  ])('is %s', (name) => {
    expect(isSecretName(name)).toBe(true);
  });
  it.each([
    'max_tokens',
    'input_cost_per_token',
    'key_alias',
    'litellm_credential_name',
    'model',
    'tokens',
    'monkey',
    'allowed_keys',
  ])('is not %s', (name) => {
    expect(isSecretName(name)).toBe(false);
  });
});
