import { request as rawRequest } from 'node:http';
import { generateKeyPair, SignJWT } from 'jose';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { CookieClient } from '../harness/browser-client.js';
import { CLIENT, OpenIdTestProvider, type Tamper } from '../harness/openid-provider.js';
import { createTestDatabase, type TestDatabase } from '../harness/postgres.js';
import { Product } from '../harness/product.js';
import { signInWith, throughProvider, whoAmI } from '../harness/sso.js';

let database: TestDatabase;
let provider: OpenIdTestProvider;
let product: Product;
let start: string;

beforeAll(async () => {
  database = await createTestDatabase();
  provider = await OpenIdTestProvider.start();
  product = await Product.start({
    databaseUrl: database.url.reveal(),
    env: {
      GENERIC_CLIENT_ID: CLIENT.id,
      GENERIC_CLIENT_SECRET: CLIENT.secret,
      GENERIC_ISSUER: provider.issuer,
      ALLOWED_EMAIL_DOMAINS: 'my-co.com',
    },
    config: { model_list: [] },
  });
  start = `${product.url}/sso/key/generate`;
  provider.redirectUris.add(`${product.url}/sso/callback`);
});

afterAll(async () => {
  await product?.dispose();
  await provider?.close();
  await database?.drop();
});

afterEach(() => {
  provider.tamper = undefined;
});

function account(name: string, claims: Record<string, unknown> = {}): string {
  const email = `${name}@my-co.com`;
  provider.accounts.set(name, { preferred_username: name, email, email_verified: true, ...claims });
  return name;
}

/** Refused: the status, no session, no account, a row in the audit trail. */
async function expectRefused(client: CookieClient, response: Response, status: number, user?: string) {
  const text = await response.text();
  expect({ status: response.status, text }).toMatchObject({ status });
  expect(text).toMatch(/"error"|<main>/);
  expect((await whoAmI(client, product.url)).status).toBe(401);
  if (user !== undefined)
    expect((await product.request('GET', `/user/info?user_id=${user}`)).status).toBe(404);
}

async function refusals(): Promise<string> {
  const response = await product.request('GET', '/audit?action=refused&page_size=100');
  return response.text();
}

/** Whoever gets a victim's browser to finish a sign-in that he began has it signed in as himself, and reads what it does there. */
describe('a sign-in that this browser did not begin', () => {
  it('is refused without its cookie', async () => {
    account('mallory');
    const back = await throughProvider(new CookieClient(), start, 'mallory');
    const victim = new CookieClient();
    await expectRefused(victim, await victim.get(back), 400, 'mallory');
    await expect.poll(refusals, { timeout: 5_000 }).toContain('request.invalid state');
  });

  it('is refused with the cookie of another one', async () => {
    account('mallory');
    const back = await throughProvider(new CookieClient(), start, 'mallory');
    const victim = new CookieClient();
    await victim.get(start);
    await expectRefused(victim, await victim.get(back), 400, 'mallory');
    // Nor does a code count that was asked for with another verifier, whatever state it comes with.
    const own =
      new URL((await victim.get(start)).headers.get('location') ?? '').searchParams.get('state') ?? '';
    const crossed = new URL(back);
    crossed.searchParams.set('state', own);
    await expectRefused(victim, await victim.get(crossed.href), 401, 'mallory');
  });

  it.each(['', '?code=x', '?state=x', '?code=x&state=', '?error=access_denied', '?code=x&state=a&state=b'])(
    'is refused, asked with "%s"',
    async (query) => {
      const client = new CookieClient();
      await client.get(start);
      await expectRefused(client, await client.get(`${product.url}/sso/callback${query}`), 400);
    },
  );
});

describe('a code that was used', () => {
  it('is refused the second time, in the same browser too', async () => {
    account('once');
    const client = new CookieClient();
    const back = await throughProvider(client, start, 'once');
    const cookies = new Map(client.cookiesOf(product.url));
    expect((await client.get(back)).status).toBe(303);
    // As somebody would who copied the cookie and the address meanwhile.
    const copy = new CookieClient();
    for (const [name, value] of cookies) copy.cookiesOf(product.url).set(name, value);
    await expectRefused(copy, await copy.get(back), 400);
  });

  it('is used by one of two that come at once', async () => {
    account('twice');
    const client = new CookieClient();
    const back = await throughProvider(client, start, 'twice');
    const both = await Promise.all([client.get(back), client.get(back)]);
    expect(both.map(({ status }) => status).toSorted()).toEqual([303, 400]);
  });
});

/** The provider's word counts when it is signed by it, for us, for this sign-in and for now. */
describe('an id token', () => {
  const past = () => Math.floor(Date.now() / 1_000) - 3_600;
  const lies: [string, Tamper][] = [
    ['with another nonce', (claims) => ({ ...claims, nonce: 'x'.repeat(43) })],
    ['without a nonce', ({ nonce: _, ...claims }) => claims],
    ['for another application', (claims) => ({ ...claims, aud: 'somebody-else' })],
    ['for several, none of them us', (claims) => ({ ...claims, aud: ['a', 'b'] })],
    ['given to another application', (claims) => ({ ...claims, aud: [CLIENT.id, 'other'], azp: 'other' })],
    ['of another issuer', (claims) => ({ ...claims, iss: 'https://evil.example' })],
    ['that is over', (claims) => ({ ...claims, exp: past() })],
    ['of another person than UserInfo', (claims) => ({ ...claims, sub: 'another' })],
    ['without a subject', ({ sub: _, ...claims }) => claims],
    [
      'that nobody signed',
      (claims) =>
        `${[{ alg: 'none' }, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')}.`,
    ],
    [
      'signed with the secret of the client',
      (claims) =>
        new SignJWT(claims)
          .setProtectedHeader({ alg: 'HS256' })
          .sign(new TextEncoder().encode(CLIENT.secret)),
    ],
    [
      'signed by somebody else',
      async (claims) =>
        new SignJWT(claims)
          .setProtectedHeader({ alg: 'RS256', kid: 'test-key' })
          .sign((await generateKeyPair('RS256')).privateKey),
    ],
  ];
  it.each(lies)('%s is refused', async (_, tamper) => {
    account('liar');
    const client = new CookieClient();
    const back = await throughProvider(client, start, 'liar');
    provider.tamper = tamper;
    await expectRefused(client, await client.get(back), 401, 'liar');
  });

  it('as it should be is not', async () => {
    account('honest');
    provider.tamper = (claims) => claims;
    expect((await signInWith(new CookieClient(), product.url, 'honest')).status).toBe(303);
  });
});

describe('a person who is not of this company', () => {
  it.each([
    'eve@my-co.com.evil.org',
    'eve@evil-my-co.com',
    'eve@my-cо.com',
    'eve@sub.my-co.com',
    '"eve@my-co.com"@evil.org',
    'eve@evil.org',
    undefined,
  ])('is refused by its address %s', async (email) => {
    account('eve', { email });
    const client = new CookieClient();
    await expectRefused(client, await signInWith(client, product.url, 'eve'), 401, 'eve');
  });

  it('is refused with an address that nobody has verified', async () => {
    account('eve', { email_verified: false });
    // The journal writes out so many refusals of one address a second, and the tests above were quick.
    await delay(1_100);
    const client = new CookieClient();
    await expectRefused(client, await signInWith(client, product.url, 'eve'), 401, 'eve');
    await expect.poll(refusals, { timeout: 5_000 }).toContain('user_email');
  });

  it.each([
    { preferred_username: { id: 'eve' } },
    { email: 7 },
    { email_verified: 'perhaps' },
    { role: { proxy_admin: true } },
    { role: ['proxy_admin', 1] },
  ])('is refused with claims of a wrong type: %j', async (claims) => {
    account('eve', claims);
    const client = new CookieClient();
    await expectRefused(client, await signInWith(client, product.url, 'eve'), 401);
  });
});

/** Names and addresses are given to others; at many providers people choose their names themselves. */
describe('the account of somebody else', () => {
  it('is not entered by its address, once it has been signed in to', async () => {
    account('first', { email: 'desk@my-co.com' });
    expect((await signInWith(new CookieClient(), product.url, 'first')).status).toBe(303);
    account('second', { email: 'desk@my-co.com' });
    const client = new CookieClient();
    await expectRefused(client, await signInWith(client, product.url, 'second'), 401, 'second');
  });

  it('is not entered by choosing its name', async () => {
    await product.request('POST', '/user/new', {
      user_id: 'root',
      user_email: 'root@my-co.com',
      user_role: 'proxy_admin',
      auto_create_key: false,
    });
    account('eve', { preferred_username: 'root' });
    const client = new CookieClient();
    await expectRefused(client, await signInWith(client, product.url, 'eve'), 401);
    // By its owner it is.
    account('owner', { preferred_username: 'root', email: 'root@my-co.com' });
    expect((await signInWith(new CookieClient(), product.url, 'owner')).status).toBe(303);
  });
});

describe('where people are sent', () => {
  it.each([
    'https://evil.example',
    '//evil.example',
    '/\\evil.example',
    'javascript:alert(1)',
    '/%0d%0aset-cookie:x=1\r\nx',
    'http://127.0.0.1.evil.example',
    '/x//evil.example',
  ])('is never %j', async (wanted) => {
    const response = await new CookieClient().get(`${start}?return_to=${encodeURIComponent(wanted)}`);
    expect(response.status).toBe(400);
    expect(response.headers.get('location')).toBeNull();
  });

  /** A code would be sent to whatever host the request names. */
  it('does not follow the Host of a request', async () => {
    const { status, headers } = await asHost('evil.example');
    expect(status).toBe(500);
    expect(headers.location).toBeUndefined();
  });

  it('does not follow what an untrusted peer forwards', async () => {
    const response = await new CookieClient().get(start, {
      'x-forwarded-host': 'evil.example',
      'x-forwarded-proto': 'https',
    });
    expect(response.headers.get('location')).toContain(encodeURIComponent(`${product.url}/sso/callback`));
  });
});

/** A session that somebody else knows must not become the victim's. */
describe('a session that the browser brings along', () => {
  it('is never taken over, and ended', async () => {
    account('mallory');
    account('victim');
    const attacker = new CookieClient();
    await signInWith(attacker, product.url, 'mallory');
    const planted = attacker.cookiesOf(product.url).get('tollgate_session') ?? '';
    expect(planted).not.toBe('');
    // Somebody who is signed in is not sent to the provider, so the sign-in is begun before it is planted.
    const clean = new CookieClient();
    const address = await throughProvider(clean, start, 'victim');
    clean.cookiesOf(product.url).set('tollgate_session', planted);
    expect((await clean.get(address)).status).toBe(303);
    const mine = clean.cookiesOf(product.url).get('tollgate_session');
    expect(mine).not.toBe(planted);
    expect((await whoAmI(clean, product.url)).text).toContain('victim');
    expect((await whoAmI(attacker, product.url)).status).toBe(401);
  });
});

/** What stands in the address is shown to a person, and may be anybody's. */
describe('the page of a refusal', () => {
  it('repeats nothing of the address', async () => {
    const client = new CookieClient();
    const location = new URL((await client.get(start)).headers.get('location') ?? '');
    const state = location.searchParams.get('state') ?? '';
    const response = await client.get(
      `${product.url}/sso/callback?error=${encodeURIComponent('<script>alert(1)</script>')}&state=${state}`,
      { accept: 'text/html' },
    );
    expect(response.status).toBe(401);
    expect(response.headers.get('content-type')).toContain('text/html');
    expect(await response.text()).not.toContain('<script');
  });
});

it('is not begun without end from one place', async () => {
  const statuses: number[] = [];
  for (let i = 0; i < 70; i += 1) statuses.push((await new CookieClient().get(start)).status);
  expect(statuses).toContain(429);
});

function asHost(host: string): Promise<{ status: number; headers: Record<string, unknown> }> {
  return new Promise((resolve, reject) => {
    const request = rawRequest(start, { headers: { host } }, (response) => {
      response.resume();
      resolve({ status: response.statusCode ?? 0, headers: response.headers });
    });
    request.on('error', reject);
    request.end();
  });
}
