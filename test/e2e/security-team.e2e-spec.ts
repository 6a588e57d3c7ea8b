import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { POLICY, policyOf, type RouteId } from '#libs/rbac';
import { browserOf, makeUserWithPassword, type ScriptedBrowser } from '../harness/browser.js';
import { IdentityProvider } from '../harness/identity-provider.js';
import { createTestDatabase, type TestDatabase } from '../harness/postgres.js';
import { Product } from '../harness/product.js';
import { sendRaw } from '../harness/raw-http.js';

const PASSWORD = 'Correct horse 7';
const MODEL = { model_name: 'demo', litellm_params: { model: 'openai/x', mock_response: 'hi' } };

let database: TestDatabase;
let provider: IdentityProvider;
let product: Product;

/** Every way in at once: what a security team would ask for. */
beforeAll(async () => {
  database = await createTestDatabase();
  provider = await IdentityProvider.start();
  product = await Product.start({
    databaseUrl: database.url.reveal(),
    env: {
      JWT_PUBLIC_KEY_URL: provider.keysUrl,
      JWT_AUDIENCE: 'tollgate',
      LOG_LEVEL: 'debug',
      LITELLM_ENABLE_HSTS: 'true',
    },
    config: {
      model_list: [MODEL],
      general_settings: {
        enable_jwt_auth: true,
        litellm_jwtauth: { user_id_jwt_field: 'sub' },
        enable_oauth2_auth: true,
        oauth_token_info_endpoint: `${provider.issuer}/token-info`,
        enable_oauth2_proxy_auth: true,
        trusted_proxy_ranges: ['127.0.0.1'],
        oauth2_config_mappings: { user_id: 'X-Proxy-User' },
        max_failed_login_attempts_per_source: 10_000,
      },
    },
  });
  for (const id of PEOPLE) await makeUserWithPassword(product, database, id, PASSWORD);
  await product.request('POST', '/user/update', { user_id: 'boss', user_role: 'proxy_admin' });
});

afterAll(async () => {
  await product?.dispose();
  await provider?.close();
  await database?.drop();
});

const PEOPLE = ['ada', 'bob', 'cid', 'dan', 'boss'] as const;
const routes = (Object.keys(POLICY) as RouteId[]).map((route) => {
  const [method = '', path = ''] = route.split(' ');
  return { route, method, path: path.replaceAll(/\{[^}]*\}/g, 'x') };
});
const closed = routes.filter(({ route }) => policyOf(route).access !== 'public');

/** Two readers of one request (we, and whoever stands in front of us) must not see two callers, nor may one be borrowed to hide another. */
describe('credentials of several people in one request', () => {
  it('always mean the same one, whatever is beside it and however often it is asked', async () => {
    const key = await product.makeKey({ user_id: 'bob' });
    const jwt = await provider.token({ sub: 'cid', aud: 'tollgate' });
    provider.opaque.set('opaque-of-dan', { sub: 'dan' });
    const browser = await browserOf(product, 'ada', PASSWORD);
    const cookie = [...browser.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const proxy = { 'x-proxy-user': 'boss' };
    const cases: [Record<string, string>, string | number][] = [
      [{ cookie }, 'ada'],
      [{ ...proxy }, 'boss'],
      [{ authorization: `Bearer ${key}`, cookie, ...proxy }, 'bob'],
      [{ authorization: `Bearer ${jwt}`, cookie, ...proxy }, 'cid'],
      [{ authorization: 'Bearer opaque-of-dan', cookie, ...proxy }, 'dan'],
      [{ 'x-litellm-api-key': key, authorization: `Bearer ${jwt}`, cookie, ...proxy }, 'bob'],
      [{ 'x-litellm-api-key': jwt, authorization: `Bearer ${key}` }, 'cid'],
      [{ authorization: `Bearer ${jwt}`, 'x-api-key': key, 'api-key': key }, 'cid'],
      [{ 'x-goog-api-key': key, 'ocp-apim-subscription-key': jwt }, 'bob'],
      [{ cookie, ...proxy }, 'ada'],
      // What is wrong is not made good by what stands beside it.
      [{ authorization: 'Bearer sk-wrong-0123456789', cookie, ...proxy }, 401],
      [{ authorization: 'Bearer ', cookie, ...proxy }, 401],
      [{ authorization: `BEARER ${key}`, cookie, ...proxy }, 401],
      [{ authorization: `Bearer ${jwt}x`, 'x-api-key': key, cookie }, 401],
      [{ authorization: 'Bearer opaque-of-nobody', 'x-api-key': key, ...proxy }, 401],
      [{ 'x-litellm-api-key': 'sk-wrong-0123456789', authorization: `Bearer ${key}` }, 401],
      [{ cookie: cookie.replace(/=./, '=_'), ...proxy }, 401],
    ];
    for (const round of [1, 2])
      for (const [headers, whom] of cases) {
        const response = await fetch(`${product.url}/user/info`, { headers });
        const body = (await response.json()) as { user_id?: string };
        expect([round, headers, response.ok ? body.user_id : response.status]).toEqual([
          round,
          headers,
          whom,
        ]);
      }
  });
});

/** Nginx adds a line where others replace it: of two teams in one request, who reads the first pays for another than who reads the last. */
it('a team that is chosen twice is chosen by nobody', async () => {
  const jwt = await provider.token({ sub: 'cid', aud: 'tollgate' });
  const { status } = await sendRaw(product.port, [
    `GET /v1/models HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${jwt}\r\nX-LiteLLM-Team-Id: a\r\nx-litellm-team-id: b\r\nConnection: close\r\n\r\n`,
  ]);
  expect(status).toBe(400);
});

it('what somebody may see is kept by no cache, and seen over TLS only where the operator says so', async () => {
  const key = await product.makeKey();
  for (const [path, bearer] of [
    ['/key/list', product.masterKey],
    ['/user/info', key],
    ['/v1/models', key],
    ['/metrics', key],
  ] as const) {
    const { headers } = await product.request('GET', path, undefined, bearer);
    expect([path, headers.get('cache-control')]).toEqual([path, 'no-store']);
  }
  const chat = { model: 'demo', messages: [{ role: 'user', content: 'x' }] };
  for (const answer of [
    await product.request('GET', '/key/list'),
    await product.request('GET', '/nowhere', undefined, null),
    await product.request('POST', '/v1/chat/completions', chat, key),
    await product.request('POST', '/v1/chat/completions', chat, null),
  ])
    expect(answer.headers.get('strict-transport-security')).toBe('max-age=31536000; includeSubDomains');
});

describe('every route', () => {
  /** A proxy that lets upgrades through unasked, and a server that has a second way for them: a classic way around the first. */
  it('is as closed to an offer to upgrade as without one', async () => {
    const open: string[] = [];
    for (const { route, method, path } of closed) {
      for (const protocol of ['websocket', 'h2c']) {
        const offer = `Connection: Upgrade, close\r\nUpgrade: ${protocol}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n`;
        const { status } = await sendRaw(product.port, [
          `${method} ${path} HTTP/1.1\r\nHost: x\r\n${offer}Content-Length: 0\r\n\r\n`,
        ]);
        // The doors for sessions are no pages: to whoever wants another protocol there is nothing there.
        const isDoor = route.endsWith('/realtime') && protocol === 'h2c';
        if (status !== (isDoor ? 404 : 401)) open.push(`${route} ${protocol}: ${status}`);
      }
    }
    expect(closed.length).toBeGreaterThan(150);
    expect(open).toEqual([]);
  }, 60_000);

  /** Whoever is refused can ask why, whatever shape the refusal has. */
  it('names the decision that refused, in the answer and in its header', async () => {
    const silent: string[] = [];
    for (const { route, method, path } of closed) {
      if (route.endsWith('/realtime')) continue;
      const response = await product.request(method, path, undefined, 'sk-nobody-has-this-one-0123456789');
      const named = response.headers.get('x-tollgate-decision-id') ?? 'none';
      const says = await response.text();
      // Scrapers are answered a bare sentence, and find the name in the header.
      const isNamed = path === '/metrics' ? named.startsWith('dec_') : says.includes(named);
      if (response.status !== 401 || !isNamed) silent.push(route);
    }
    expect(silent).toEqual([]);
  }, 60_000);

  /** The cookie of an administrator, and a page of somebody else that knows even the token: no route forgets to look where a request comes from. */
  it('refuses a cookie that a page of another site makes the browser send', async () => {
    const boss = await browserOf(product, 'boss', PASSWORD);
    const { csrf_token: csrf } = (await (await boss.call('GET', '/session/info')).json()) as {
      csrf_token: string;
    };
    const served: string[] = [];
    for (const { route, method, path } of closed) {
      const foreign = {
        origin: 'https://evil.example',
        'sec-fetch-site': 'cross-site',
        'x-csrf-token': csrf,
      };
      const { status } = await boss.call(method, path, method === 'GET' ? undefined : {}, foreign);
      if (![401, 403, 404].includes(status)) served.push(`${route}: ${status}`);
    }
    expect(served).toEqual([]);
    expect((await boss.call('GET', '/session/info')).status).toBe(200);
  }, 60_000);

  /** Bodies that reach for the prototype of everything. Each is refused or taken as data, and nobody is more afterwards than before. */
  it('takes no member of a body for more than data', async () => {
    const [plain, witness] = [
      await product.makeKey({ user_id: 'bob' }),
      await product.makeKey({ user_id: 'bob' }),
    ];
    const poison = `{"blocked":false,"user_role":"proxy_admin","role":"proxy_admin","max_budget":1e9,"models":["demo"],"polluted":"yes"}`;
    const body = `{"__proto__":${poison},"constructor":{"prototype":${poison}},"metadata":{"__proto__":${poison},"constructor":{"prototype":${poison}}},"prototype":${poison}}`;
    const broken: string[] = [];
    for (const { route, method, path } of closed) {
      if (method === 'GET' || /block_all|session\/logout|privacy\/erase/.test(path)) continue;
      for (const bearer of [product.masterKey, plain]) {
        const { status } = await product.request(method, path, body, bearer);
        if (status >= 500) broken.push(`${route}: ${status}`);
      }
    }
    expect(broken).toEqual([]);
    const made = await product.request('POST', '/key/generate', {});
    expect(await made.text()).not.toContain('polluted');
    expect([401, 403]).toContain((await product.request('POST', '/user/new', {}, witness)).status);
    const info = await product.request('GET', '/user/info', undefined, witness);
    expect(await info.json()).toMatchObject({ user_id: 'bob', user_info: { user_role: 'internal_user' } });
  }, 60_000);
});

/** Names that are members of every object: looked up in a map that is one, they are functions where a limit or a model should be. */
describe.each(['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'valueOf'])(
  'somebody called %s',
  (name) => {
    const chat = (fields: object) =>
      JSON.stringify({ messages: [{ role: 'user', content: 'x' }], ...fields });

    it('is a name like any other', async () => {
      const statuses: (readonly [string, number])[] = [];
      const ask = async (
        what: string,
        path: string,
        body: string | object,
        bearer?: string,
      ): Promise<Response> => {
        const response = await product.request('POST', path, body, bearer);
        statuses.push([what, response.status]);
        return response;
      };
      await ask('user', '/user/new', { user_id: name, user_role: 'internal_user' });
      await ask('team', '/team/new', {
        team_id: name,
        members_with_roles: [{ user_id: name, role: 'user' }],
      });
      await ask('customer', '/customer/new', { user_id: name, max_budget: 1 });
      await ask('tag', '/tag/new', { name, max_budget: 1 });
      const map = JSON.parse(`{"${name}": 1}`) as object;
      const made = await ask('key', '/key/generate', {
        user_id: name,
        team_id: name,
        model_rpm_limit: map,
        aliases: JSON.parse(`{"${name}": "demo"}`) as object,
        metadata: map,
      });
      const { key } = (await made.json()) as { key?: string };
      const bearer = key ?? (await product.makeKey());
      await ask('model', '/v1/chat/completions', chat({ model: name }), bearer);
      await ask(
        'call',
        '/v1/chat/completions',
        chat({ model: 'demo', user: name, metadata: { tags: [name] } }),
        bearer,
      );
      await ask('explain', '/explain', { model: name, user: name, tags: [name] }, bearer);
      await ask('fallback', '/v1/chat/completions', chat({ model: 'demo', fallbacks: [name] }), bearer);
      const jwt = await provider.token({ sub: name, aud: 'tollgate', scope: name, client_id: name });
      await ask('token', '/v1/chat/completions', chat({ model: 'demo' }), jwt);
      expect(statuses.filter(([, status]) => status >= 500)).toEqual([]);
      expect((await product.request('GET', `/user/info?user_id=${name}`)).status).toBeLessThan(500);
    });
  },
);

/** A kilobyte that becomes a gigabyte where somebody unpacks it without counting. */
it('a body that is packed is not unpacked', async () => {
  const bomb = gzipSync(Buffer.alloc(200 * 1024 * 1024, ' '));
  const before = residentMb();
  for (const path of [
    '/key/generate',
    '/v1/chat/completions',
    '/scim/v2/Users',
    '/login',
    '/sso/saml/callback',
    '/v1/messages',
  ])
    for (const encoding of ['gzip', 'deflate', 'br', 'gzip, gzip']) {
      const response = await fetch(product.url + path, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${product.masterKey}`,
          'content-type': 'application/json',
          'content-encoding': encoding,
        },
        body: bomb,
      });
      expect([path, encoding, response.status >= 400 && response.status < 500]).toEqual([
        path,
        encoding,
        true,
      ]);
    }
  expect(residentMb() - before).toBeLessThan(120);
});

describe('where somebody is sent after signing in', () => {
  const location = async (browser: ScriptedBrowser, wanted: string): Promise<string | number> => {
    const answer = await browser.submit('/login', {
      username: 'ada@example.com',
      password: PASSWORD,
      return_to: wanted,
    });
    return answer.headers.get('location') ?? answer.status;
  };

  it('is a path of ours in every alphabet', async () => {
    const browser = await browserOf(product, 'ada', PASSWORD);
    expect(await location(browser, '/ui/日本?q=ü#x')).toBe('/ui/%E6%97%A5%E6%9C%AC?q=%C3%BC#x');
    expect(await location(browser, '/ui/?a=b%2Fc')).toBe('/ui/?a=b%2Fc');
  });

  it.each([
    '/\u2028/evil.example',
    '/\uFF0F/evil.example',
    '/%0d%0aSet-Cookie:x=1',
    '/..//evil.example',
    '/@evil.example',
    '/.evil.example',
  ])('is never another host, nor another header (%j)', async (wanted) => {
    const at = await location(await browserOf(product, 'ada', PASSWORD), wanted);
    if (typeof at === 'number') expect(at).toBe(400);
    else expect(new URL(at, product.url).origin).toBe(product.url);
  });
});

/** Pages in front of us remember answers: what a stranger's headers name must not be in one that others get. */
it.each([
  '/.well-known/litellm-ui-config',
  '/',
  '/ui/',
  '/sso/key/generate',
  '/openapi.json',
  '/sso/saml/metadata',
  '/health/readiness',
])('%s does not repeat the host that a stranger wrote', async (path) => {
  const { text } = await sendRaw(product.port, [
    `GET ${path} HTTP/1.1\r\nHost: evil.example\r\nX-Forwarded-Server: evil.example\r\nForwarded: host=evil.example\r\nX-Original-URL: /evil.example\r\nConnection: close\r\n\r\n`,
  ]);
  expect(text).toMatch(/^HTTP\/1\.1 /);
  expect(text).not.toContain('evil.example');
});

it('the most talkative log of all this holds no password, no token, no session and no key', () => {
  expect(product.logs).not.toContain(PASSWORD);
  expect(product.logs).not.toContain('opaque-of-dan');
  expect(product.logs).not.toMatch(/eyJ[\w-]{20,}\.[\w-]{20,}/);
  expect(product.logs).not.toMatch(/tollgate_session=[\w-]{20}/);
  expect(product.logs).not.toMatch(/sk-(?!master|\.\.\.|wrong)[\w-]{16,}/);
});

function residentMb(): number {
  const status = readFileSync(`/proc/${product.pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1] ?? 0) / 1024;
}
