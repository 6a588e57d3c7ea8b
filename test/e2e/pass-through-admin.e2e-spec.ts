import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../harness/postgres.js';
import { Product } from '../harness/product.js';

/** Pass-through endpoints that are made by API: here by a process without a data plane, served by another one. */
const SALT = 'salt-of-the-endpoints-test-0123456789abcdef';
/** Without the shape of any provider's key: no filter for shapes may be what keeps it in. */
const CANARY = 'Odd.endpoint_canary+77aa31c05';

interface Heard {
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
}
type Json = Record<string, any>; // eslint-disable-line @typescript-eslint/no-explicit-any

let database: TestDatabase;
let target: Server;
let origin: string;
let proxy: Product;
let admin: Product;
const heard: Heard[] = [];

beforeAll(async () => {
  database = await createTestDatabase();
  target = createServer((request, response) => {
    heard.push({ url: request.url ?? '', headers: request.headers });
    request.resume().on('end', () => response.end('{}'));
  });
  await new Promise<void>((resolve) => target.listen(0, '127.0.0.1', resolve));
  origin = `http://127.0.0.1:${(target.address() as AddressInfo).port}`;
  const options = {
    databaseUrl: database.url.reveal(),
    env: { LITELLM_SALT_KEY: SALT, TARGET_KEY: `${CANARY}-env` },
    config: {
      general_settings: {
        public_routes: ['/opened/*'],
        pass_through_endpoints: [{ path: '/of-file', target: `${origin}/file`, include_subpath: true }],
      },
    },
  };
  proxy = await Product.start(options);
  admin = await Product.start({ ...options, args: ['--role', 'admin'] });
}, 180_000);
afterAll(async () => {
  await admin?.dispose();
  await proxy?.dispose();
  target?.closeAllConnections();
  target?.close();
  await database?.drop();
});

async function on(
  product: Product,
  method: string,
  path: string,
  body?: object,
  key?: string,
): Promise<{ status: number; body: Json; text: string; headers: Headers }> {
  const response = await product.request(method, path, body, key);
  const text = await response.text();
  return {
    status: response.status,
    text,
    body: (text.startsWith('{') ? JSON.parse(text) : {}) as Json,
    headers: response.headers,
  };
}
const PATH = '/config/pass_through_endpoint';
const make = (body: object, key?: string): ReturnType<typeof on> => on(admin, 'POST', PATH, body, key);
async function made(body: object): Promise<Json> {
  const answer = await make(body);
  expect(answer.status, answer.text).toBe(200);
  return answer.body['endpoints'][0] as Json;
}
const call = (path: string, key?: string): Promise<Response> =>
  fetch(proxy.url + path, {
    method: 'POST',
    body: '{}',
    ...(key === undefined ? {} : { headers: { authorization: `Bearer ${key}` } }),
  });
const soon = { timeout: 1_000, interval: 25 };
/** For so many calls on a machine with other work. */
const LOADED = { timeout: 15_000 };

describe('a pass-through endpoint made by API', () => {
  it('is served within a second by every process, to whom it is granted, and is gone when the deletion is answered', async () => {
    const key = await proxy.makeKey({ allowed_passthrough_routes: ['/made'] });
    const endpoint = await made({
      path: '/made',
      target: `${origin}/base?v=2`,
      include_subpath: true,
      headers: { Authorization: `Bearer ${CANARY}`, 'X-Env': 'os.environ/TARGET_KEY' },
      cost_per_request: 0.25,
    });
    expect(endpoint).toMatchObject({
      path: '/made',
      auth: true,
      is_from_config: false,
      cost_per_request: 0.25,
    });
    await expect.poll(async () => (await call('/made/x', key)).status, soon).toBe(200);
    expect(heard.at(-1)).toMatchObject({
      url: '/base/x?v=2',
      headers: { authorization: `Bearer ${CANARY}`, 'x-env': `${CANARY}-env` },
    });
    const spent = async (): Promise<number> =>
      (await on(proxy, 'GET', `/key/info?key=${key}`)).body['info'].spend as number;
    await expect.poll(spent, { timeout: 5_000 }).toBeGreaterThanOrEqual(0.25);
    // A secret of the database went along: the first time each day is told, twice or not.
    const used = async (): Promise<Json[]> =>
      (await on(admin, 'GET', `/audit?action=used&object_id=pass_through_endpoint ${endpoint['id']}`)).body[
        'audit_logs'
      ] as Json[];
    await expect
      .poll(used, { timeout: 5_000 })
      .toMatchObject([{ table_name: 'LiteLLM_CredentialsTable', action: 'used' }]);
    expect((await call('/made/x', key)).status).toBe(200);
    // Default deny: a credential, and a grant.
    expect((await call('/made/x')).status).toBe(401);
    expect((await call('/made/x', await proxy.makeKey())).status).toBe(403);
    const gone = await on(admin, 'DELETE', `${PATH}?endpoint_id=${endpoint['id']}`);
    expect([gone.status, gone.body['endpoints'][0].path]).toEqual([200, '/made']);
    expect(gone.headers.get('x-tollgate-revocation')).not.toBeNull();
    const before = heard.length;
    expect((await call('/made/x', key)).status).toBe(404);
    expect(heard.length).toBe(before);
    expect((await on(admin, 'DELETE', `${PATH}?endpoint_id=${endpoint['id']}`)).status).toBe(404);
  });

  /** Attack: an endpoint leaks where it led. Once the change is answered, nothing goes there any more. */
  it('sends nothing by what it was once a change is answered', async () => {
    const key = await proxy.makeKey({ allowed_passthrough_routes: ['/moved'] });
    const { id } = await made({ path: '/moved', target: `${origin}/old` });
    await expect.poll(async () => (await call('/moved', key)).status, soon).toBe(200);
    let isRunning = true;
    const asked: { at: number; status: number }[] = [];
    const load = Array.from({ length: 4 }, async () => {
      while (isRunning) {
        const at = performance.now();
        asked.push({ at, status: (await call(`/moved?at=${at}`, key)).status });
      }
    });
    let changedAt = Infinity;
    try {
      await expect.poll(() => asked.length, LOADED).toBeGreaterThan(20);
      expect((await on(admin, 'POST', `${PATH}/${id}`, { target: `${origin}/new` })).status).toBe(200);
      changedAt = performance.now();
      await expect.poll(() => asked.filter(({ at }) => at > changedAt).length, LOADED).toBeGreaterThan(20);
    } finally {
      isRunning = false;
      await Promise.all(load);
    }
    expect(new Set(asked.map(({ status }) => status))).toEqual(new Set([200]));
    const late = heard.filter(({ url }) => Number(/at=([\d.]+)/.exec(url)?.[1] ?? 0) > changedAt);
    expect(late.length).toBeGreaterThan(20);
    expect(late.filter(({ url }) => !url.startsWith('/new'))).toEqual([]);
    await on(admin, 'DELETE', `${PATH}?endpoint_id=${id}`);
  });

  it('keeps what is sent back masked, and changes what is not', async () => {
    const secret = `${CANARY}-kept`;
    const target_ = `${origin}/hooks/T0123456789/XXXXXXXXXXXXXXXXXXXXXXXX`;
    const { id } = await made({
      path: '/kept',
      target: target_,
      headers: { 'X-Key': secret, Accept: 'text/plain' },
      default_query_params: { api_key: secret, v: '1' },
    });
    const [shown] = (await on(admin, 'GET', `${PATH}?endpoint_id=${id}`)).body['endpoints'] as Json[];
    expect(shown?.['headers']).toEqual({ 'X-Key': '*****', Accept: 'text/plain' });
    expect(shown?.['target']).toBe(`${origin}/hooks/T0123456789/*****`);
    const back = await on(admin, 'POST', `${PATH}/${id}`, { ...shown, headers: { 'X-Key': '*****' } });
    expect(back.status, back.text).toBe(200);
    const key = await proxy.makeKey({ allowed_passthrough_routes: ['/kept'] });
    await expect.poll(async () => (await call('/kept', key)).status, soon).toBe(200);
    expect(heard.at(-1)?.headers['x-key']).toBe(secret);
    const query = new URLSearchParams({ api_key: secret, v: '1' }).toString().replaceAll('+', '%20');
    expect(heard.at(-1)?.url).toBe(`/hooks/T0123456789/XXXXXXXXXXXXXXXXXXXXXXXX?${query}`);
    const unknown = await on(admin, 'POST', `${PATH}/${id}`, { headers: { 'X-Other': '*****' } });
    expect([unknown.status, unknown.body['error'].param]).toEqual([400, 'headers.X-Other']);
    expect((await make({ path: '/n', target: 'https://*****/' })).status).toBe(400);
  });

  it('is shown to a team’s reader as far as the team may call it', async () => {
    await made({ path: '/teams', target: origin });
    await proxy.request('POST', '/team/new', {
      team_id: 'crew',
      allowed_passthrough_routes: ['/teams', '/kept'],
      denied_passthrough_routes: ['/kept'],
    });
    const { body } = await on(admin, 'GET', `${PATH}/team/crew`);
    expect((body['endpoints'] as Json[]).map(({ path }) => path as string)).toEqual(['/teams']);
    expect((await on(admin, 'GET', `${PATH}/team/nobody`)).status).toBe(404);
  });
});

describe('what an endpoint made by API may not be', () => {
  it.each([
    ['on a path of the file’s', { path: '/of-file/below' }, 'path'],
    ['over one of the file’s', { path: '/of-file' }, 'path'],
    ['on a route of ours', { path: '/key/generate' }, 'path'],
    ['above routes of ours', { path: '/key', include_subpath: true }, 'path'],
    ['where an id could stand', { path: '/v1/models/gpt' }, 'path'],
    ['a path of two readings', { path: '/a/%2e%2e/b' }, 'path'],
    ['open without an end', { auth: false }, 'auth'],
    ['a way for the product’s own secrets', { headers: { 'X-K': 'os.environ/LITELLM_SALT_KEY' } }, 'headers'],
    ['made with a variable that is not set', { headers: { 'X-K': 'os.environ/NOWHERE' } }, 'headers.X-K'],
    ['a header that splits', { headers: { 'X-K': 'a\r\nX-Evil: 1' } }, 'headers.X-K'],
    ['a header of the connection', { headers: { Host: 'evil.example' } }, 'headers.Host'],
    ['an address of a file', { target: 'file:///etc/passwd' }, 'target'],
    ['an address with a password', { target: 'https://a:b@c.example/' }, 'target'],
    ['guarded by what is not there', { guardrails: ['pii'] }, 'guardrails'],
  ])('%s', async (_, body, param) => {
    const answer = await make({ path: '/refused', target: origin, ...body });
    expect([answer.status, answer.body['error']?.param]).toEqual([400, param]);
    expect(answer.text).not.toContain(SALT);
  });

  it('opened by a wildcard of the file: who needs no caller says so itself, with a limit', async () => {
    await made({ path: '/opened/one', target: `${origin}/one` });
    await made({ path: '/anybody', target: `${origin}/any`, auth: false, rpm_limit: 2 });
    await expect.poll(async () => (await call('/anybody')).status, soon).toBe(200);
    expect((await call('/opened/one')).status).toBe(401);
    const rest = await Promise.all(Array.from({ length: 5 }, async () => (await call('/anybody')).status));
    expect(rest.filter((status) => status === 200)).toHaveLength(1);
  });

  it('two at one path, however fast they are asked for', async () => {
    const answers = await Promise.all(
      Array.from({ length: 8 }, (_, n) =>
        make({ path: n % 2 === 0 ? '/twin' : '/twin/below', target: origin, include_subpath: true }),
      ),
    );
    const statuses = answers.map(({ status }) => status).toSorted();
    expect(statuses).toEqual([200, ...Array.from({ length: 7 }, () => 400)]);
  });

  it('changed where the file says it', async () => {
    const { body } = await on(admin, 'GET', PATH);
    const ofFile = (body['endpoints'] as Json[]).find(({ path }) => path === '/of-file');
    expect(ofFile?.['is_from_config']).toBe(true);
    for (const [method, path] of [
      ['POST', `${PATH}/${ofFile?.['id']}`],
      ['DELETE', `${PATH}?endpoint_id=${ofFile?.['id']}`],
    ] as const)
      expect((await on(admin, method, path, { target: origin })).status).toBe(400);
  });

  /** Attack: whoever is no proxy administrator sends calls with the operator's credentials where he likes. */
  it('made, changed or seen by anybody else', async () => {
    const { key } = (await on(proxy, 'POST', '/user/new', {})).body as { key: string };
    const viewer = (await on(proxy, 'POST', '/user/new', { user_role: 'proxy_admin_viewer' })).body['key'];
    const body = { path: '/mine', target: origin };
    for (const who of [key, String(viewer)]) {
      expect((await make(body, who)).status).toBeGreaterThanOrEqual(401);
      expect((await on(admin, 'DELETE', `${PATH}?endpoint_id=x`, undefined, who)).status).toBeLessThan(404);
    }
    expect((await on(admin, 'GET', PATH, undefined, key)).status).toBe(401);
    expect((await on(admin, 'GET', PATH, undefined, String(viewer))).status).toBe(200);
  });
});

describe('the secrets of endpoints', () => {
  it('are in no answer, no audit row, no log and no table', async () => {
    await made({ path: '/hush', target: `${origin}/${CANARY}-in-path`, headers: { 'X-K': CANARY } });
    const answers = [await on(admin, 'GET', PATH), await on(admin, 'GET', '/audit?page_size=100')];
    expect(answers[1]?.text).toContain('pass_through_endpoint');
    for (const { text } of answers) expect(text).not.toContain(CANARY);
    const tables: { name: string }[] = await database.dataSource.query(
      `SELECT relname AS name FROM pg_class WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace`,
    );
    for (const { name } of tables) {
      const rows: { row: string }[] = await database.dataSource.query(
        `SELECT t::text AS row FROM "${name}" t`,
      );
      expect(
        rows.filter(({ row }) => row.includes(CANARY)),
        name,
      ).toEqual([]);
    }
    expect(proxy.logs + admin.logs).not.toContain(CANARY);
  });
});
