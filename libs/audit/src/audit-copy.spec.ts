import { describe, expect, it } from 'vitest';
import { auditCopy } from './audit-copy.js';

/** The audit trail is read by more people than the tables are: a secret copied into it would be a leak that lasts. */
describe('the copy of a row in the audit trail', () => {
  it('masks secrets by name and by shape, at any depth', () => {
    const copy = auditCopy({
      id: 'key_1',
      tokenHash: 'a'.repeat(64),
      metadata: { note: 'was sk-abcdefghijklmnop', nested: [{ api_key: 'x', clientSecret: { deep: 1 } }] },
    });
    expect(copy).toEqual({
      id: 'key_1',
      tokenHash: '[masked]',
      metadata: { note: 'was [masked]', nested: [{ api_key: '[masked]', clientSecret: '[masked]' }] },
    });
  });

  it.each(['AIzaSyA-1234567890abcdef', 'eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ1In0.c2ln', 'xoxb-1234567890123'])(
    'masks what providers and signed tokens look like: %s',
    (secret) => {
      expect(JSON.stringify(auditCopy({ note: `use ${secret}` }))).not.toContain(secret);
    },
  );

  it('keeps money exact and time readable', () => {
    expect(auditCopy({ cap: 9_007_199_254_740_993n, at: new Date(0), none: null })).toEqual({
      cap: '9007199254740993',
      at: '1970-01-01T00:00:00.000Z',
      none: null,
    });
  });

  it('keeps the masked name of a key readable', () => {
    expect(auditCopy({ maskedName: 'sk-...abcd' })).toEqual({ maskedName: 'sk-...abcd' });
  });
});
