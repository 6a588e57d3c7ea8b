import { describe, expect, it } from 'vitest';
import type { SsoProvider } from '#libs/config';
import { assertAllowedEmail, normalEmail } from './allowed-email.js';
import { identityOfClaims, type ProviderWord } from './identity-of-claims.js';

const generic: SsoProvider = {
  name: 'generic',
  clientId: 'c',
  secretIn: 'header',
  scope: 'openid',
  headers: {},
  claims: {
    id: ['preferred_username'],
    email: ['email'],
    displayName: ['sub'],
    firstName: ['first_name'],
    lastName: ['last_name'],
    role: ['role'],
  },
  providerClaim: 'provider',
  readsAccessToken: false,
  missing: [],
};
const settings = { teamClaims: [], access: { to: 'all' } } as const;

function identity(
  claims: Record<string, unknown>,
  provider: Partial<SsoProvider> = {},
  word: Partial<ProviderWord> = {},
  own: Partial<Parameters<typeof identityOfClaims>[2]> = {},
) {
  return identityOfClaims(
    { issuer: 'https://id', subject: 'sub-1', claims, accessClaims: {}, ...word },
    { ...generic, ...provider },
    { ...settings, ...own },
  );
}

describe('the claims of a person', () => {
  it('name it by the configured claim, else by its subject', () => {
    expect(identity({ preferred_username: 'ada' }).id).toBe('ada');
    expect(identity({}).id).toBe('sub-1');
    expect(identity({ a: { b: 'deep' } }, { claims: { ...generic.claims, id: ['a.b'] } }).id).toBe('deep');
  });

  it('are shown by name where the operator names them, and nothing is made up', () => {
    const claims = { org: { dept: 'R&D' }, groups: ['a'], 'n/a': 1 };
    const extraClaims = ['org.dept', 'groups', 'missing', 'constructor'];
    expect(identity(claims, { extraClaims }).extraFields).toEqual({
      'org.dept': 'R&D',
      groups: ['a'],
      missing: null,
      constructor: null,
    });
    expect(identity(claims).extraFields).toBeUndefined();
  });

  it('give an address in lower case', () => {
    expect(identity({ email: 'Ada@My-Co.com', email_verified: true }).email).toBe('ada@my-co.com');
    expect(identity({}).email).toBeUndefined();
  });

  /** Whoever may write any address at his provider would otherwise be whoever he writes. */
  it.each([false, 'false', 0, 'maybe', {}])(
    'do not count with an address that is verified: %s',
    (verified) => {
      expect(() => identity({ email: 'ada@my-co.com', email_verified: verified })).toThrow();
    },
  );

  it.each([
    { email: { a: 1 } },
    { email: true },
    { email: 'not an address' },
    { email: 'a@b@my-co.com' },
    { preferred_username: {} },
    { role: 7 },
    { role: ['proxy_admin', 7] },
    { role: { proxy_admin: true } },
  ])('of the wrong type are refused, not guessed: %j', (claims) => {
    expect(() => identity(claims)).toThrow(/Authentication Error/);
  });
});

describe('the role of a person', () => {
  it('is the strongest that is named, whatever its case; names that are none say nothing', () => {
    expect(identity({ role: 'Proxy_Admin' }).role).toBe('proxy_admin');
    expect(identity({ role: ['internal_user', 'proxy_admin_viewer', 'king'] }).role).toBe(
      'proxy_admin_viewer',
    );
    expect(identity({ role: 'king' }).role).toBeUndefined();
    expect(identity({ role: 'org_admin' }).role).toBeUndefined();
  });

  it('is looked for in the access token where nothing else has it', () => {
    const word = { accessClaims: { role: 'internal_user' } };
    expect(identity({}, {}, word).role).toBe('internal_user');
    expect(identity({ role: 'internal_user_viewer' }, {}, word).role).toBe('internal_user_viewer');
  });

  it('comes from groups where they are mapped, and from nothing else', () => {
    const roleMapping = {
      groupClaim: 'groups',
      roles: { proxy_admin: ['ops'], internal_user: ['staff'] },
      defaultRole: 'internal_user_viewer',
    } as const;
    expect(identity({ groups: ['staff', 'ops'] }, { roleMapping }).role).toBe('proxy_admin');
    expect(identity({ groups: 'staff, other' }, { roleMapping }).role).toBe('internal_user');
    expect(identity({ groups: ['nobody'], role: 'proxy_admin' }, { roleMapping }).role).toBe(
      'internal_user_viewer',
    );
    // A group that only contains the name is another one.
    expect(identity({ groups: ['ops-readers'] }, { roleMapping }).role).toBe('internal_user_viewer');
  });
});

describe('the teams of a person', () => {
  const own = { teamClaims: ['groups'] };
  it('are what the configured claims name', () => {
    expect(identity({ groups: ['a', 'b'] }, {}, {}, own).teams).toEqual([
      { id: 'a', isMade: false },
      { id: 'b', isMade: false },
    ]);
    expect(identity({}, {}, {}, own).teams).toEqual([]);
  });

  it('are unknown where nothing is configured, Graph is silent, or there are too many to say', () => {
    expect(identity({ groups: ['a'] }).teams).toBeUndefined();
    expect(identity({}, {}, { graphTeams: 'unknown' }, own).teams).toBeUndefined();
    expect(identity({ _claim_names: { groups: 'src1' } }, {}, {}, own).teams).toBeUndefined();
  });

  it('are groups, too', () => {
    const word = { graphTeams: [{ id: 'g1', isMade: true }] };
    expect(identity({}, {}, word).groups).toEqual(['g1']);
  });
});

describe('an allowed domain', () => {
  const allowed = ['my-co.com'];
  it('is the whole domain, without case', () => {
    expect(() => assertAllowedEmail(normalEmail('ADA@MY-CO.COM'), allowed)).not.toThrow();
    expect(() => assertAllowedEmail(undefined, undefined)).not.toThrow();
  });

  /** Addresses that only look as if they were of the domain. */
  it.each([
    'ada@my-co.com.evil.org',
    'ada@evil-my-co.com',
    'ada@sub.my-co.com',
    'ada@my-cо.com',
    'ada@my-co.com.',
    '"ada@my-co.com"@evil.org',
    'ada@evil.org@my-co.com',
    'ada@my-co.com\n@evil.org',
    'ada@my-co.com@',
    'ada@my-co.com ,x@evil.org',
    '@my-co.com',
    'my-co.com',
    '',
  ])('is not the one of %j', (email) => {
    expect(() => assertAllowedEmail(normalEmail(email), allowed)).toThrow(/not of a domain/);
  });
});
