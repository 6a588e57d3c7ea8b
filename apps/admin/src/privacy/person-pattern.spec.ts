import { describe, expect, it } from 'vitest';
import { patternOf } from './person-pattern.js';

const erased = (terms: string[], text: string): string =>
  text.replaceAll(new RegExp(patternOf(terms).text, 'gi'), 'X');
const erasedInJson = (terms: string[], value: unknown): unknown =>
  JSON.parse(JSON.stringify(value).replaceAll(new RegExp(patternOf(terms).json, 'gi'), 'X'));

/** Too little leaves somebody in the data; too much destroys what belongs to somebody else. */
describe('what names a person', () => {
  it('is found wherever it stands, in any case', () => {
    expect(erased(['ann-smith', 'ann@example.com'], 'User ANN-Smith (ann@example.com). team:ann-smith')).toBe(
      'User X (X). team:X',
    );
  });

  it('is not found in the name of somebody else', () => {
    const others = 'joann-smith ann-smith-2 ann-smith@b.org ann-smithy my.ann-smith ann-smith.de';
    expect(erased(['ann-smith'], others)).toBe(others);
  });

  it('is, when short, only found as a whole value', () => {
    expect(erased(['a'], 'a')).toBe('X');
    expect(erased(['a'], 'a plan')).toBe('a plan');
    expect(erasedInJson(['a'], { user: 'a', note: 'a plan' })).toEqual({ user: 'X', note: 'a plan' });
  });

  it('is found in JSON behind line breaks and with characters that are escaped there', () => {
    expect(erasedInJson(['ann "x" smith'], { n: ['before\nann "x" smith'], m: 'ann "x" smith' })).toEqual({
      n: ['before\nX'],
      m: 'X',
    });
  });

  it('is not found in the names of our own members, but in what they hold', () => {
    const values = (terms: string[], value: unknown): unknown =>
      JSON.parse(JSON.stringify(value).replaceAll(new RegExp(patternOf(terms).values, 'gi'), 'X'));
    const document = { user: 'user', note: 'say "budget_duration": budget_duration', budget_duration: '1d' };
    expect(values(['user'], document)).toEqual({ ...document, user: 'X' });
    expect(values(['budget_duration'], document)).toEqual({ ...document, note: 'say "X": X' });
  });

  it('is, when it is a number, not found in the numbers of a document', () => {
    const document = {
      customer: '1000000',
      limit: 1000000,
      list: [1000000, '1000000'],
      nested: { cap: 1000000.5 },
    };
    expect(erasedInJson(['1000000'], document)).toEqual({ ...document, customer: 'X', list: [1000000, 'X'] });
    expect(erased(['1000000'], 'of 1000000.')).toBe('of X.');
  });

  it('may hold what is special in patterns', () => {
    expect(erased(['a.+(b)[c]$'], 'see a.+(b)[c]$ and aXXbc')).toBe('see X and aXXbc');
  });
});
