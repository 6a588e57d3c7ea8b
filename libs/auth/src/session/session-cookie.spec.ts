import { describe, expect, it } from 'vitest';
import { configWith } from '../../test/records.js';
import type { CredentialFacts } from '../credential.js';
import { OwnOrigin } from './own-origin.js';
import { csrfTokenOf, isCsrfToken, SessionCookie } from './session-cookie.js';

const TOKEN = 'a'.repeat(43);

async function parts({ trusted = [] as string[], baseUrl = '' } = {}) {
  const base = await configWith();
  const browser = { ...base.signIn.browser, ...(baseUrl === '' ? {} : { baseUrl }) };
  const config = await configWith({ network: { trustedProxyRanges: trusted }, signIn: { browser } });
  const origin = new OwnOrigin(config);
  return { origin, cookie: new SessionCookie(origin, config) };
}
const facts = (headers: Record<string, string>, socket: CredentialFacts['socket'] = {}): CredentialFacts => ({
  rawHeaders: Object.entries({ Host: 'gateway.example.com', ...headers }).flat(),
  method: 'POST',
  socket: { remoteAddress: '10.0.0.1', ...socket },
});

describe('the session cookie', () => {
  it('is out of reach for scripts and other sites, and bound to this host where there is TLS', async () => {
    const { cookie } = await parts();
    expect(cookie.issue(TOKEN, facts({}), 60_000)).toBe(
      `tollgate_session=${TOKEN}; Path=/; Max-Age=60; HttpOnly; SameSite=Lax`,
    );
    expect(cookie.issue(TOKEN, facts({}, { encrypted: true }), 60_000)).toBe(
      `__Host-tollgate_session=${TOKEN}; Path=/; Max-Age=60; HttpOnly; Secure; SameSite=Lax`,
    );
  });

  it('believes a proxy that says HTTPS only when that is a trusted one', async () => {
    const said = facts({ 'X-Forwarded-Proto': 'https' });
    expect((await parts()).cookie.issue(TOKEN, said, 1_000)).not.toContain('Secure');
    const { cookie } = await parts({ trusted: ['10.0.0.0/8'] });
    expect(cookie.issue(TOKEN, said, 1_000)).toContain('; Secure;');
    expect(cookie.issue(TOKEN, facts({ 'X-Forwarded-Proto': 'http' }), 1_000)).not.toContain('Secure');
  });

  /** A neighbouring sub-domain can plant a plain cookie; not one with the browser's own prefix. */
  it('is not read from a plain cookie where there is TLS', async () => {
    const { cookie } = await parts();
    const planted = { Cookie: `tollgate_session=${TOKEN}` };
    expect(cookie.read(facts(planted))).toBe(TOKEN);
    expect(cookie.read(facts(planted, { encrypted: true }))).toBeUndefined();
  });

  it('refuses to choose between two', async () => {
    const { cookie } = await parts();
    const twice = facts({ Cookie: `tollgate_session=${TOKEN}; a=b; tollgate_session=${'b'.repeat(43)}` });
    expect(() => cookie.read(twice)).toThrow(/more than once/);
  });

  it.each(['', 'short', `${TOKEN} x`, 'sk-master-of-nothing;', '"quoted-quoted-quoted"'])(
    'is nothing when it is not of its form: %j',
    async (value) => {
      const { cookie } = await parts();
      expect(cookie.read(facts({ Cookie: `tollgate_session=${value}` }))).toBeUndefined();
    },
  );
});

describe('whose page made a request', () => {
  it.each([
    [{ Origin: 'http://gateway.example.com' }, true],
    [{ Origin: 'https://gateway.example.com' }, true],
    [{ 'Sec-Fetch-Site': 'same-origin', Origin: 'https://rewritten.example.com' }, true],
    [{}, undefined],
    [{ Origin: 'null' }, false],
    [{ Origin: '' }, false],
    [{ Origin: 'https://evil.example' }, false],
    [{ Origin: 'https://gateway.example.com.evil.example' }, false],
    [{ Origin: 'https://gateway.example.com:8443' }, false],
    [{ 'Sec-Fetch-Site': 'cross-site' }, false],
    [{ 'Sec-Fetch-Site': 'same-site' }, false],
    [{ Origin: 'https://evil.example', 'Sec-Fetch-Site': 'cross-site' }, false],
  ] as const)('%j: %s', async (headers, isOurs) => {
    expect((await parts()).origin.isOurs(facts(headers as Record<string, string>))).toBe(isOurs);
  });

  it('does not step down from TLS, and listens to PROXY_BASE_URL', async () => {
    const plain = { Origin: 'http://gateway.example.com' };
    expect((await parts()).origin.isOurs(facts(plain, { encrypted: true }))).toBe(false);
    const { origin } = await parts({ baseUrl: 'https://people.example.com' });
    expect(origin.isOurs(facts(plain))).toBe(false);
    expect(origin.isOurs(facts({ Origin: 'https://people.example.com' }))).toBe(true);
    expect(origin.baseUrlOf(facts({}))).toBe('https://people.example.com');
  });
});

describe('the token against forged requests', () => {
  it('is the session’s own', () => {
    expect(isCsrfToken(csrfTokenOf(TOKEN), TOKEN)).toBe(true);
    expect(isCsrfToken(csrfTokenOf('b'.repeat(43)), TOKEN)).toBe(false);
    expect(isCsrfToken(undefined, TOKEN)).toBe(false);
    expect(isCsrfToken(TOKEN, TOKEN)).toBe(false);
  });
});
