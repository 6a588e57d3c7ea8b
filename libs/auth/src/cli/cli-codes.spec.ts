import { describe, expect, it } from 'vitest';
import { hashOfCode, isSameDigest, newCliSignInId, newUserCode, typedCode } from './cli-codes.js';

describe('a code that people type', () => {
  it('has no letters that look alike, and 40 bits', () => {
    const codes = Array.from({ length: 2_000 }, newUserCode);
    for (const code of codes) expect(code).toMatch(/^[A-HJ-NP-Z2-9]{4}-[A-HJ-NP-Z2-9]{4}$/);
    expect(new Set(codes).size).toBe(codes.length);
    expect(new Set(codes.join('').replaceAll('-', '')).size).toBe(32);
  });

  it('is the same however it is typed', () => {
    const wanted = hashOfCode('cli-a', 'ABCD-EFGH');
    for (const typed of ['ABCD-EFGH', 'abcd-efgh', ' abcd efgh ', 'ABCDEFGH', 'a-b-c-d-e-f-g-h'])
      expect(hashOfCode('cli-a', typed)).toBe(wanted);
    expect(hashOfCode('cli-a', 'ABCD-EFGJ')).not.toBe(wanted);
    expect(typedCode('x'.repeat(10_000)).length).toBe(64);
  });

  it('opens its own sign-in and no other', () => {
    expect(hashOfCode('cli-b', 'ABCD-EFGH')).not.toBe(hashOfCode('cli-a', 'ABCD-EFGH'));
    expect(isSameDigest(hashOfCode('cli-a', 'A'), hashOfCode('cli-a', 'a'))).toBe(true);
    expect(isSameDigest('', hashOfCode('cli-a', 'A'))).toBe(false);
  });

  it('belongs to a sign-in whose name nobody guesses', () => {
    expect(newCliSignInId()).toMatch(/^cli-[\w-]{24}$/);
  });
});
