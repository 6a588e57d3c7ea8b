import { describe, expect, it } from 'vitest';
import { copiedAttributes, withCopiedClaims } from './copied-claims.js';

const copiedClaims = [
  { from: ['employment'], to: ['kind'] },
  { from: ['org', 'dept'], to: ['work', 'department'] },
  { from: ['acme.com/cost'], to: ['cost'] },
];
const kept = (claims: object, before: object = {}): unknown =>
  withCopiedClaims({ ...before }, { ...claims }, { copiedClaims });

describe('claims that are kept of a person', () => {
  it('stand in its metadata, and beside what is there', () => {
    const claims = { employment: 'staff', org: { dept: 'R&D' }, 'acme.com/cost': 7, other: 'no' };
    const metadata = kept(claims, { note: 'x', work: { desk: 4, department: 'old' } });
    expect(metadata).toEqual({ note: 'x', kind: 'staff', work: { desk: 4, department: 'R&D' }, cost: 7 });
    expect(copiedAttributes(metadata as Record<string, unknown>, { copiedClaims })).toEqual({
      kind: 'staff',
      'work.department': 'R&D',
      cost: 7,
    });
  });

  it('stay as they were when the provider does not say them', () => {
    expect(kept({}, { kind: 'staff' })).toEqual({ kind: 'staff' });
  });

  /** A token in metadata would be shown to whoever sees the user. */
  it.each([null, ['staff'], { a: 1 }, 'eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.', 'x'.repeat(2_000), Number.NaN])(
    'are words, numbers or truth values, never %j',
    (employment) => expect(kept({ employment })).toEqual({}),
  );

  it('are never something that nobody put into the token', () => {
    const map = { copiedClaims: [{ from: ['constructor', 'name'], to: ['a'] }] };
    expect(withCopiedClaims({}, {}, map)).toEqual({});
  });
});
