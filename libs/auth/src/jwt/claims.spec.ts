import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { claimAt, listClaim, scopesOf, textClaim } from './claims.js';
import { globMatches } from './glob.js';

describe('a claim', () => {
  const claims = {
    sub: 'ada',
    number: 7,
    'a.b': 'dotted',
    roles: ['x', 'y', 'x'],
    resource_access: { app: { roles: ['admin'] } },
    odd: { nested: true },
  };

  it('is found by a dotted path, a dot in a name by its escape, with or without metadata before it', () => {
    expect(claimAt(claims, 'resource_access.app.roles')).toEqual(['admin']);
    expect(claimAt(claims, 'a\\.b')).toBe('dotted');
    expect(claimAt(claims, 'metadata.sub')).toBe('ada');
    expect(claimAt(claims, 'resource_access.none.roles')).toBeUndefined();
  });

  it('is never something that nobody put into the token', () => {
    for (const path of ['constructor', '__proto__', 'toString.name', 'sub.length'])
      expect(claimAt(claims, path), path).toBeUndefined();
  });

  it('inside a list is refused with a hint, and a wrong type is refused', () => {
    expect(() => claimAt(claims, 'roles.0')).toThrow(/name the list itself/);
    expect(() => textClaim(claims, 'odd')).toThrow(/Validation fails/);
    expect(() => listClaim({ roles: [1] }, 'roles')).toThrow(/Validation fails/);
    expect(() => scopesOf({ scope: { a: 1 } })).toThrow(/Validation fails/);
  });

  it('that no database keeps is refused: it would fail whoever is looked up with it', () => {
    for (const bad of ['a\0b', '\ud800']) {
      expect(() => textClaim({ sub: bad }, 'sub')).toThrow(/Validation fails/);
      expect(() => listClaim({ roles: ['x', bad] }, 'roles')).toThrow(/Validation fails/);
    }
  });

  it('of text may be a number or the first of a list; a list may be one text', () => {
    expect(textClaim(claims, 'number')).toBe('7');
    expect(textClaim(claims, 'roles')).toBe('x');
    expect(listClaim(claims, 'roles')).toEqual(['x', 'y']);
    expect(listClaim(claims, 'sub')).toEqual(['ada']);
    expect(scopesOf({ scope: ' a  b ' })).toEqual(['a', 'b']);
  });

  it('never makes us throw anything but a refusal', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.string(), (value, path) => {
        for (const read of [textClaim, listClaim]) {
          try {
            read(value, path);
          } catch (thrown) {
            expect(thrown).toMatchObject({ status: 401 });
          }
        }
      }),
    );
  });
});

describe('a pattern', () => {
  it('matches the whole value, and its other signs mean themselves', () => {
    expect(globMatches('admin-*', 'admin-eu')).toBe(true);
    expect(globMatches('admin-?', 'admin-eu')).toBe(false);
    expect(globMatches('a.b', 'axb')).toBe(false);
    expect(globMatches('(x', '(x')).toBe(true);
    expect(globMatches('*-eu-*', 'ops-eu-1')).toBe(true);
    expect(globMatches('*-eu', 'ops-eu-1')).toBe(false);
    expect(globMatches('?*', '')).toBe(false);
    expect(globMatches('a*', 'a\nb')).toBe(true);
  });

  /** Claims are as long as a token may be, and a stranger's token is held against patterns before anybody has verified it. */
  it('is quick to say no', () => {
    const startedAt = performance.now();
    expect(globMatches(`${'*a'.repeat(20)}*b`, 'a'.repeat(5_000))).toBe(false);
    expect(performance.now() - startedAt).toBeLessThan(1_000);
  });
});
