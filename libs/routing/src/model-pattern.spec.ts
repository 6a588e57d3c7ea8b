import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { modelPattern } from './model-pattern.js';

/** What the words mean: each star as little as it can, anchored at both ends. */
function byRegularExpression(pattern: string, name: string): readonly string[] | undefined {
  const parts = pattern.split('*').map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${parts.join('(.*?)')}$`, 's').exec(name)?.slice(1);
}

describe('a name with stars', () => {
  it('says what its stars stood for', () => {
    expect(modelPattern('openai/*').capture('openai/gpt-4o')).toEqual(['gpt-4o']);
    expect(modelPattern('*/*-latest').capture('eu/a-b-latest')).toEqual(['eu', 'a-b']);
    expect(modelPattern('a*b*c').capture('abc')).toEqual(['', '']);
    expect(modelPattern('openai/*').capture('x-openai/y')).toBeUndefined();
    expect(modelPattern('ab*ba').capture('aba')).toBeUndefined();
  });

  it('means what a regular expression would', () => {
    const short = fc.array(fc.constantFrom('a', 'b', '.', '*', '*'), { maxLength: 7 });
    const name = fc.array(fc.constantFrom('a', 'b', '.', '\n'), { maxLength: 9 });
    fc.assert(
      fc.property(short, name, (pattern, letters) => {
        const text = `${pattern.join('')}*`;
        expect(modelPattern(text).capture(letters.join(''))).toEqual(
          byRegularExpression(text, letters.join('')),
        );
      }),
      { numRuns: 2_000 },
    );
  });

  /** An administrator of a team may name its models; with this one, and a call to it, nobody else would be served any more. */
  it('costs nobody else the time that it would take to try everything', () => {
    const evil = modelPattern(`${'*a'.repeat(30)}*b`);
    const startedAt = performance.now();
    for (let i = 0; i < 100; i += 1) expect(evil.capture('a'.repeat(256))).toBeUndefined();
    expect(performance.now() - startedAt).toBeLessThan(1_000);
  });
});
