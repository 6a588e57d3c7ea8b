import { request } from 'node:http';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { JWTPayload } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { IdentityProvider } from '../harness/identity-provider.js';
import { type NginxServer, startNginx } from '../harness/nginx.js';
import { createTestDatabase, type TestDatabase } from '../harness/postgres.js';
import { CHAT, MODEL } from '../harness/priced-demo.js';
import { Product } from '../harness/product.js';

const AUDIENCE = '/projects/1/global/backendServices/2';

const folder = mkdtempSync(join(tmpdir(), 'tollgate-auth-proxy-'));
let databases: TestDatabase[] = [];
let google: IdentityProvider;
let plain: Product;
let iap: Product;
let nginx: NginxServer;

beforeAll(async () => {
  databases = [await createTestDatabase(), await createTestDatabase()];
  google = await IdentityProvider.start(['ES256', 'RS256']);
  const settings = (mappings: object, more: object = {}) => ({
    model_list: [MODEL],
    general_settings: {
      enable_oauth2_proxy_auth: true,
      trusted_proxy_ranges: ['127.0.0.1'],
      oauth2_config_mappings: mappings,
      ...more,
    },
  });
  plain = await Product.start({
    databaseUrl: databases[0]?.url.reveal() ?? '',
    config: settings({ user_id: 'X-Auth-User', team_alias: 'X-Auth-Team', user_email: 'X-Auth-Email' }),
  });
  iap = await Product.start({
    databaseUrl: databases[1]?.url.reveal() ?? '',
    config: settings(
      { user_id: 'X-Goog-Authenticated-User-ID', user_email: 'X-Goog-Authenticated-User-Email' },
      { iap_jwt_audience: AUDIENCE, iap_jwt_public_key_url: google.keysUrl },
    ),
  });
  writeFileSync(join(folder, 'people'), 'ada:{PLAIN}lovelace\nbob:{PLAIN}builder\n');
  nginx = await startNginx(
    `server {
       listen 80;
       auth_basic "company"; auth_basic_user_file ${join(folder, 'people')};
       location / {
         proxy_pass http://127.0.0.1:4000;
         proxy_set_header Authorization "";
         proxy_set_header X-Auth-User $remote_user;
       }
     }`,
    plain.port,
  );
});

afterAll(async () => {
  await nginx?.stop();
  await plain?.dispose();
  await iap?.dispose();
  await google?.close();
  for (const one of databases) await one.drop();
  rmSync(folder, { recursive: true, force: true });
});

/** A request from an address of our choice; several values are several header lines. */
function call(
  url: string,
  headers: Record<string, string | string[]>,
  { from = '127.0.0.1', path = '/v1/chat/completions', body = CHAT as object | null } = {},
): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const sent = request(
      url + path,
      {
        method: body === null ? 'GET' : 'POST',
        localAddress: from,
        headers: { 'content-type': 'application/json', ...headers },
      },
      (answer) => {
        let text = '';
        answer.setEncoding('utf8').on('data', (part: string) => (text += part));
        answer.on('end', () => resolve({ status: answer.statusCode ?? 0, text }));
      },
    );
    sent.on('error', reject).end(body === null ? undefined : JSON.stringify(body));
  });
}
const basic = (name: string, password: string) => ({
  authorization: `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}`,
});

describe('behind an nginx that asks for a password', () => {
  it('the caller is whom nginx let in, and pays', async () => {
    await plain.request('POST', '/user/new', { user_id: 'ada', max_budget: 1 });
    expect(await call(nginx.url, basic('ada', 'lovelace'))).toMatchObject({ status: 200 });
    expect((await call(nginx.url, basic('ada', 'wrong'))).status).toBe(401);
    const spend = async (): Promise<number> =>
      (
        (await (await plain.request('GET', '/user/info?user_id=ada')).json()) as {
          user_info: { spend: number };
        }
      ).user_info.spend;
    await expect.poll(spend, { timeout: 10_000 }).toBeGreaterThan(0);
    await plain.request('POST', '/user/update', { user_id: 'ada', blocked: true });
    expect((await call(nginx.url, basic('ada', 'lovelace'))).status).toBe(401);
  });

  it('a header that the caller wrote itself is not the one that arrives', async () => {
    await plain.request('POST', '/user/new', { user_id: 'boss', user_role: 'proxy_admin' });
    const forged = { ...basic('bob', 'builder'), 'x-auth-user': 'boss' };
    const asked = { path: '/user/new', body: { user_id: 'planted' } };
    expect((await call(nginx.url, forged, asked)).status).toBeGreaterThanOrEqual(401);
    expect((await call(nginx.url, forged)).status).toBe(200);
  });
});

describe('headers from elsewhere', () => {
  it('count for nothing outside of the trusted range, whatever they say about where they come from', async () => {
    expect((await call(plain.url, { 'x-auth-user': 'bob' })).status).toBe(200);
    const lies: Record<string, string>[] = [
      {},
      { 'x-forwarded-for': '127.0.0.1' },
      { forwarded: 'for=127.0.0.1' },
      { 'x-real-ip': '127.0.0.1' },
    ];
    for (const lie of lies)
      expect((await call(plain.url, { 'x-auth-user': 'bob', ...lie }, { from: '127.0.0.2' })).status).toBe(
        401,
      );
    const key = await plain.makeKey();
    const bearer = { authorization: `Bearer ${key}` };
    expect((await call(plain.url, bearer, { from: '127.0.0.2' })).status).toBe(200);
  });

  it('that are there twice, too long, or name nobody are refused', async () => {
    expect((await call(plain.url, { 'x-auth-user': ['bob', 'boss'] })).status).toBe(400);
    expect((await call(plain.url, { 'x-auth-user': 'b'.repeat(2_000) })).status).toBe(400);
    expect((await call(plain.url, { 'x-auth-team': 'research' })).status).toBe(401);
    expect((await call(plain.url, { 'x-auth-user': '' })).status).toBe(401);
  });
});

describe('with the signed assertion of Google’s proxy', () => {
  const ada = {
    'x-goog-authenticated-user-id': 'accounts.google.com:4711',
    'x-goog-authenticated-user-email': 'accounts.google.com:ada@example.com',
  };
  const assertion = async (claims: JWTPayload = {}, alg = 'ES256') => ({
    'x-goog-iap-jwt-assertion': await google.token(
      {
        iss: 'https://cloud.google.com/iap',
        aud: AUDIENCE,
        sub: 'accounts.google.com:4711',
        email: 'ada@example.com',
        ...claims,
      },
      alg,
    ),
  });

  it('the headers count when it is there and right, and its keys are asked for once', async () => {
    const good = { ...ada, ...(await assertion()) };
    expect(await call(iap.url, good)).toMatchObject({ status: 200 });
    const asked = google.asked.length;
    for (let time = 0; time < 5; time += 1) expect((await call(iap.url, good)).status).toBe(200);
    expect(google.asked.length).toBe(asked);
  });

  it('and do not when it is missing, another’s, for another service, of another kind, ended, or no assertion', async () => {
    expect((await call(iap.url, ada)).status).toBe(401);
    const wrong = await Promise.all([
      assertion({ aud: '/projects/9/global/backendServices/9' }),
      assertion({ iss: 'https://evil.example' }),
      assertion({ exp: Math.floor(Date.now() / 1000) - 60 }),
      assertion({ sub: 'accounts.google.com:1', email: 'eve@example.com' }),
      assertion({}, 'RS256'),
    ]);
    for (const one of [...wrong, { 'x-goog-iap-jwt-assertion': 'no.token.atall' }])
      expect((await call(iap.url, { ...ada, ...one })).status).toBe(401);
  });
});
