import { hash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../harness/postgres.js';
import { Product } from '../harness/product.js';
import { sendRaw } from '../harness/raw-http.js';

interface Heard {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

const TARGET_KEY = 'canary-of-the-target-7f31';
const MODEL = { model_name: 'demo', litellm_params: { model: 'openai/x', mock_response: 'hi' } };

/** Says what it heard; some paths do something of their own. */
class Target {
  readonly heard: Heard[] = [];
  /** Ends the stream that `/base/stream` began. */
  finish: () => void = () => undefined;
  readonly #server: Server;

  private constructor() {
    this.#server = createServer((request, response) => {
      const path = (request.url ?? '').split('?')[0];
      if (path === '/base/hang') return;
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const body = Buffer.concat(chunks).toString('latin1');
        const { method = '', url = '', headers } = request;
        this.heard.push({ method, url, headers, body });
        if (path === '/base/stream') {
          response.writeHead(200, { 'content-type': 'text/event-stream' });
          response.write('data: one\n\n');
          response.write('data: two\n\n');
          this.finish = () => response.end('data: three\n\n');
        } else if (path === '/base/broken') {
          response.writeHead(200, { 'content-length': '100' });
          response.write('part one');
          setTimeout(() => response.write('part two', () => response.destroy()), 50);
        } else if (path === '/base/refused') {
          response.writeHead(422, { 'content-type': 'application/json', 'set-cookie': 'a=1' });
          response.end('{"theirs":true}');
        } else {
          response.writeHead(200, {
            'content-type': 'application/json',
            location: 'https://evil.example/',
            'x-own': '1',
          });
          response.end(JSON.stringify({ length: body.length }));
        }
      });
    });
  }

  static async start(): Promise<Target> {
    const target = new Target();
    await new Promise<void>((resolve) => target.#server.listen(0, '127.0.0.1', resolve));
    return target;
  }

  get origin(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  get last(): Heard {
    const last = this.heard.at(-1);
    if (!last) throw new Error('the target heard nothing');
    return last;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

let database: TestDatabase;
let target: Target;
let product: Product;
/** May call /svc. */
let granted: string;

beforeAll(async () => {
  database = await createTestDatabase();
  target = await Target.start();
  product = await Product.start({
    databaseUrl: database.url.reveal(),
    env: { TARGET_KEY },
    config: {
      model_list: [MODEL],
      general_settings: {
        max_request_size_mb: 1,
        public_routes: ['LiteLLMRoutes.public_routes', '/spend/calculate', '/api/*'],
        pass_through_endpoints: [
          {
            path: '/svc',
            target: `${target.origin}/base?v=2`,
            include_subpath: true,
            headers: { Authorization: 'bearer os.environ/TARGET_KEY', litellm_user_api_key: 'X-My-Key' },
            forward_headers: true,
            cost_per_request: 0.5,
          },
          {
            path: '/plain',
            target: `${target.origin}/base`,
            methods: ['POST'],
            headers: { 'X-Key': 'os.environ/TARGET_KEY' },
          },
          { path: '/open', target: `${target.origin}/base`, auth: false, rpm_limit: 2 },
          { path: '/langfuse', target: `${target.origin}/base`, custom_auth_parser: 'langfuse' },
          { path: '/nowhere', target: 'http://127.0.0.1:9/', cost_per_request: 1 },
          { path: '/slow', target: `${target.origin}/base/hang`, timeout: 0.3 },
        ],
      },
    },
  });
  granted = await product.makeKey({
    allowed_passthrough_routes: ['/svc', '/plain', '/nowhere', '/slow', '/langfuse'],
  });
});

afterAll(async () => {
  await product?.dispose();
  await target?.close();
  await database?.drop();
});

const call = (path: string, options: RequestInit & { key?: string | null } = {}) => {
  const { key = granted, headers, ...rest } = options;
  return fetch(product.url + path, {
    ...rest,
    headers: {
      ...(key === null ? {} : { authorization: `Bearer ${key}` }),
      ...(headers as Record<string, string>),
    },
  });
};
const keyInfo = async (key: string) =>
  (await (await product.request('GET', '/key/info', undefined, key)).json()) as { info: { spend: number } };

describe('a call to a pass-through endpoint', () => {
  it('reaches the target with the operator’s credential, as it came', async () => {
    const response = await call('/svc/a/b?x=1&v=9', {
      method: 'PUT',
      body: 'the body',
      headers: { 'x-team': 'blue', 'content-type': 'text/odd' },
    });
    expect(response.status).toBe(200);
    expect(response.headers.get('x-own')).toBe('1');
    expect(response.headers.get('location')).toBeNull();
    expect(response.headers.get('x-litellm-call-id')).toMatch(/^req_/);
    expect(target.last).toMatchObject({ method: 'PUT', url: '/base/a/b?v=2&x=1', body: 'the body' });
    expect(target.last.headers).toMatchObject({
      authorization: `bearer ${TARGET_KEY}`,
      'x-team': 'blue',
      'content-type': 'text/odd',
      host: new URL(target.origin).host,
    });
  });

  /** Attack: the target reads a key of ours that was sent in whatever way. */
  it('leaves the caller’s credential behind', async () => {
    const ways: Record<string, string>[] = [
      { authorization: `Bearer ${granted}` },
      { 'x-litellm-api-key': granted },
      { 'x-api-key': granted, 'x-copy': `mine is ${granted}` },
      { 'api-key': granted },
      { 'x-my-key': granted },
    ];
    for (const headers of ways) {
      const response = await call(`/svc/echo?copy=${granted}`, {
        key: null,
        headers: { ...headers, cookie: `k=${granted}` },
      });
      expect([Object.keys(headers)[0], response.status]).toEqual([Object.keys(headers)[0], 200]);
      expect(JSON.stringify(target.last)).not.toContain(granted);
    }
  });

  it('knows Langfuse’s clients by the user of Basic', async () => {
    const basic = (user: string) => ({
      authorization: `Basic ${Buffer.from(`${user}:x`).toString('base64')}`,
    });
    expect((await call('/langfuse', { key: null, headers: basic(granted) })).status).toBe(200);
    expect(JSON.stringify(target.last)).not.toContain(basic(granted).authorization.slice(6));
    expect((await call('/langfuse', { key: null, headers: basic('sk-nobody') })).status).toBe(401);
  });

  it('costs what the endpoint says, on the key and in the ledger', async () => {
    const key = await product.makeKey({ allowed_passthrough_routes: ['/svc'], max_budget: 1 });
    expect((await call('/svc/a', { key })).status).toBe(200);
    expect((await call('/svc/refused', { key })).status).toBe(422);
    expect((await call('/svc/b', { key })).status).toBe(200);
    const refused = await call('/svc/c', { key });
    expect(refused.status).toBe(422);
    expect(await refused.text()).toMatch(/budget_exceeded/);
    await expect.poll(async () => (await keyInfo(key)).info.spend, { timeout: 10_000 }).toBe(1);
    const entries = async () =>
      database.dataSource.query<{ endpoint: string }[]>(
        `SELECT endpoint FROM ledger_entries WHERE key_id = (SELECT id FROM virtual_keys WHERE token_hash = $1)`,
        [hash('sha256', key)],
      );
    await expect.poll(entries, { timeout: 10_000 }).toEqual(Array(3).fill({ endpoint: 'pass_through' }));
  });

  it('never passes a budget by concurrency', async () => {
    const key = await product.makeKey({ allowed_passthrough_routes: ['/svc'], max_budget: 2 });
    const statuses = await Promise.all(
      Array.from({ length: 12 }, async () => (await call('/svc/race', { key })).status),
    );
    expect(statuses.filter((status) => status === 200).length).toBe(4);
  });

  it('counts in the limits of its key', async () => {
    const key = await product.makeKey({ allowed_passthrough_routes: ['/plain'], rpm_limit: 2 });
    const post = () => call('/plain', { key, method: 'POST', body: '{}' });
    expect([(await post()).status, (await post()).status]).toEqual([200, 200]);
    const refused = await post();
    expect([refused.status, Number(refused.headers.get('retry-after')) > 0]).toEqual([429, true]);
  });

  it('streams both ways as it comes, and holds the last piece until it is on record', async () => {
    const response = await call('/svc/stream', { method: 'POST', body: 'go' });
    const reader = (response.body as ReadableStream<Uint8Array>).getReader();
    expect(Buffer.from((await reader.read()).value ?? []).toString()).toContain('one');
    target.finish();
    let rest = '';
    for (let read = await reader.read(); !read.done; read = await reader.read())
      rest += Buffer.from(read.value).toString();
    expect(rest).toContain('three');
  });

  it('refuses a body that is too large, declared or not, and goes on', async () => {
    const big = Buffer.alloc(1_200_000, 'x');
    expect((await call('/plain', { method: 'POST', body: big })).status).toBe(413);
    const chunks = new ReadableStream({
      start(controller) {
        for (let i = 0; i < 12; i += 1) controller.enqueue(big.subarray(0, 100_000));
        controller.close();
      },
    });
    const chunked = await call('/plain', { method: 'POST', body: chunks, duplex: 'half' } as RequestInit);
    expect(chunked.status).toBe(413);
    expect((await call('/plain', { method: 'POST', body: Buffer.alloc(900_000) })).status).toBe(200);
    expect(target.last.body.length).toBe(900_000);
  });
});

describe('a target that fails', () => {
  it('is told in our words, and its errors in its own', async () => {
    const gone = await call('/nowhere');
    expect([gone.status, await gone.text()]).toEqual([503, expect.stringMatching(/cannot be reached/)]);
    expect((await call('/slow')).status).toBe(408);
    const refused = await call('/svc/refused');
    expect([refused.status, await refused.text(), refused.headers.get('set-cookie')]).toEqual([
      422,
      '{"theirs":true}',
      null,
    ]);
  });

  it('that breaks off leaves no whole answer', async () => {
    await expect(call('/svc/broken').then((response) => response.text())).rejects.toThrow();
    expect((await call('/svc/after')).status).toBe(200);
  });

  it('does not tell where it is', async () => {
    expect(await (await call('/nowhere')).text()).not.toMatch(/127\.0\.0\.1|:9/);
  });
});

describe('who may not', () => {
  it.each([
    ['without a key', null, 401],
    ['with a wrong one', 'sk-nobody-knows-this', 401],
  ])('is anybody %s', async (_, key, status) => {
    const before = target.heard.length;
    expect((await call('/svc/a', { key })).status).toBe(status);
    expect(target.heard.length).toBe(before);
  });

  it('is a key without a grant, or with one that is denied or taken away', async () => {
    const key = await product.makeKey({});
    expect((await call('/svc/a', { key })).status).toBe(403);
    await product.request('POST', '/key/update', {
      key,
      allowed_passthrough_routes: ['/svc'],
      metadata: { note: 1 },
    });
    await expect.poll(async () => (await call('/svc/a', { key })).status).toBe(200);
    await product.request('POST', '/key/update', { key, denied_passthrough_routes: ['/svc/admin'] });
    await expect.poll(async () => (await call('/svc/admin/x', { key })).status).toBe(403);
    expect((await call('/svc/%61dmin/x', { key })).status).toBe(400);
    expect((await call('/svc/a', { key })).status).toBe(200);
    await product.request('POST', '/key/block', { key });
    await expect.poll(async () => (await call('/svc/a', { key })).status).toBe(401);
  });

  it('may not grant it to himself', async () => {
    await product.request('POST', '/user/new', {
      user_id: 'plain-person',
      user_role: 'internal_user',
      auto_create_key: false,
    });
    const own = await product.makeKey({ user_id: 'plain-person' });
    const wish = { allowed_passthrough_routes: ['/svc'] };
    expect((await product.request('POST', '/key/generate', wish, own)).status).toBe(403);
    expect((await product.request('POST', '/key/generate', { metadata: wish }, own)).status).toBe(403);
  });

  it('gets the grant of the team', async () => {
    await product.request('POST', '/team/new', {
      team_id: 'granted-team',
      allowed_passthrough_routes: ['/svc'],
    });
    const key = await product.makeKey({ team_id: 'granted-team' });
    expect((await call('/svc/a', { key })).status).toBe(200);
  });

  it('calls by another method', async () => {
    const response = await call('/plain');
    expect([response.status, response.headers.get('allow')]).toEqual([405, 'POST']);
  });
});

describe('tricks', () => {
  const auth = () => `Authorization: Bearer ${granted}\r\n`;
  const raw = (line: string, headers = 'Host: x\r\n', body = '') =>
    sendRaw(product.port, [`${line} HTTP/1.1\r\n${headers}${auth()}Connection: close\r\n\r\n${body}`]);

  /** Attack: the path leaves the target, or the request line names another host. */
  it.each([
    'GET /svc/../key/list', 'GET /svc//evil.example/', 'GET /svc/%2e%2e/x', 'GET /svc/..%2fx', 'GET /svc/%2F%2Fevil', 'GET /svc/a%00b', 'GET /svc/a;b',
    'GET http://evil.example/svc/a', 'GET http://evil.example:80/../svc', 'GET //svc/a', 'GET /svc/\\\\evil', 'GET /svc#@evil.example/',
  ])('of the path reach nobody: %s', async (line) => {
    const before = target.heard.length;
    const { status } = await raw(line);
    expect(status).toBeGreaterThanOrEqual(400);
    expect(status).toBeLessThan(500);
    expect(target.heard.length).toBe(before);
  }); // prettier-ignore

  /** Attack: two readers of one request see two requests, or our Host becomes the target’s. */
  it('of the headers neither smuggle nor steer', async () => {
    const before = target.heard.length;
    const smuggled = await raw(
      'POST /svc/a',
      'Host: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n',
      '0\r\n\r\nGET /svc/b HTTP/1.1\r\n\r\n',
    );
    expect(smuggled.status).toBe(400);
    expect(target.heard.length).toBe(before);
    await raw('GET /svc/host', 'Host: evil.example\r\nX-Forwarded-Host: evil.example\r\nX-Hop: 1\r\n');
    expect(target.last.headers.host).toBe(new URL(target.origin).host);
    expect(target.last.headers).not.toHaveProperty('x-forwarded-host');
    const repeated = await raw('GET /svc/twice', `Host: x\r\n${auth()}`);
    expect(repeated.status).toBe(400);
  });
});

describe('what asks for no credential', () => {
  it('is served to anybody under its own limit, and to nobody in particular', async () => {
    const statuses = [];
    for (let i = 0; i < 3; i += 1)
      statuses.push((await call('/open', { key: i === 0 ? granted : null })).status);
    expect(statuses).toEqual([200, 200, 429]);
    expect(JSON.stringify(target.heard.slice(-2))).not.toContain(granted);
  });

  it('is a route that the operator opened by name, and no other', async () => {
    const body = { model: 'demo', messages: [{ role: 'user', content: 'x' }] };
    expect((await product.request('POST', '/spend/calculate', body, null)).status).not.toBe(401);
    expect((await product.request('POST', '/spend/calculate', body, 'sk-wrong-key-here')).status).toBe(401);
    expect((await product.request('GET', '/key/list', undefined, null)).status).toBe(401);
    expect((await product.request('GET', '/api/keys', undefined, null)).status).toBe(404);
  });

  it.each(['/*', '/key/*', '/v1/chat/completions'])('is never %s: nothing starts', async (route) => {
    await expect(
      Product.start({
        databaseUrl: database.url.reveal(),
        config: { model_list: [MODEL], general_settings: { public_routes: [route] } },
      }),
    ).rejects.toThrow(/public_routes: would open to everybody/);
  });
});

describe('the log', () => {
  it('holds neither the target’s credential nor a caller’s, nor what stands below an endpoint', async () => {
    await call('/svc/patient-4711?secret=canary-in-the-query');
    expect(product.logs).toContain('/svc');
    for (const canary of [TARGET_KEY, granted, 'patient-4711', 'canary-in-the-query'])
      expect(product.logs).not.toContain(canary);
  });
});
