import { describe, expect, it } from 'vitest';
import { hashOfNamed, hashRawKey, maskRawKey, newRawKey } from './key-secret.js';

describe('the secret of a key', () => {
  it('starts with sk- and carries at least 128 random bits', () => {
    expect(newRawKey(16)).toMatch(/^sk-[A-Za-z0-9_-]{22}$/);
    expect(newRawKey(1)).toHaveLength(25);
    expect(newRawKey(Number.NaN)).toHaveLength(25);
    expect(new Set(Array.from({ length: 1000 }, () => newRawKey(16))).size).toBe(1000);
  });

  it('is hashed as LiteLLM hashes it, prefix included', () => {
    expect(hashRawKey('sk-1234')).toBe('88dc28d0f030c55ed4ab77ed8faf098196cb1c05df778539800c9f1243fe6b4b');
  });

  it('shows four characters at most', () => {
    expect(maskRawKey('sk-abcdefghijklmnop')).toBe('sk-...mnop');
  });

  it('can be named raw or by its hash', () => {
    expect(hashOfNamed('sk-1234')).toBe(hashRawKey('sk-1234'));
    expect(hashOfNamed(hashRawKey('sk-1234').toUpperCase())).toBe(hashRawKey('sk-1234'));
  });
});
