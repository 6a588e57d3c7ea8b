import { hash } from 'node:crypto';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type RawData, WebSocket, WebSocketServer } from 'ws';
import { createTestDatabase, type TestDatabase } from '../harness/postgres.js';
import { Product } from '../harness/product.js';
import { sendRaw } from '../harness/raw-http.js';

const PROVIDER_KEY = 'canary-of-the-provider-551';
const WITHIN = { timeout: 5_000 };
/** 100 in and 100 out at a thousandth of a dollar each. */
const USAGE = { input_tokens: 100, output_tokens: 100, total_tokens: 200 };

/** Answers each `response.create` with a beginning, a delta and an end; `hang` begins and waits to be cancelled. */
class FakeRealtime {
  readonly heard: { url: string; headers: IncomingMessage['headers'] }[] = [];
  open = 0;
  #answers = 0;
  readonly #http = createServer((_request, response) => response.writeHead(404).end());
  readonly #server = new WebSocketServer({ server: this.#http });

  static async start(): Promise<FakeRealtime> {
    const fake = new FakeRealtime();
    fake.#server.on('connection', (socket, request) => {
      fake.heard.push({ url: request.url ?? '', headers: request.headers });
      fake.open += 1;
      socket.on('close', () => (fake.open -= 1));
      socket.send(JSON.stringify({ type: 'session.created' }));
      socket.on('message', (data) =>
        fake.#answer(socket, JSON.parse(textOf(data)) as { type: string; what?: string }),
      );
    });
    await new Promise<void>((resolve) => fake.#http.listen(0, '127.0.0.1', resolve));
    return fake;
  }

  get base(): string {
    return `http://127.0.0.1:${(this.#http.address() as AddressInfo).port}/v1`;
  }

  #answer(socket: WebSocket, event: { type: string; what?: string }): void {
    const say = (value: object) => socket.send(JSON.stringify(value));
    if (event.type === 'echo') return say({ type: 'echoed', length: event.what?.length });
    const done = (status: string) =>
      say({ type: 'response.done', response: { id: `r${this.#answers}`, status, usage: USAGE } });
    if (event.type === 'response.cancel') return done('cancelled');
    this.#answers += 1;
    say({ type: 'response.created', response: { id: `r${this.#answers}` } });
    say({ type: 'response.output_text.delta', delta: 'hi' });
    if (event.what !== 'hang') done('completed');
  }

  async close(): Promise<void> {
    for (const client of this.#server.clients) client.terminate();
    await new Promise((resolve) => this.#http.close(resolve));
  }
}

function textOf(data: RawData): string {
  return (data as Buffer).toString('utf8');
}

/** A client, and all it was told. */
class Client {
  readonly events: { type: string; error?: { code: string } }[] = [];
  status = 0;
  body = '';
  closed: { code: number; reason: string } | undefined;
  readonly socket: WebSocket;

  constructor(
    headers: Record<string, string>,
    protocols: string[] = [],
    query = 'model=voice',
    path = '/v1/realtime',
  ) {
    this.socket = new WebSocket(`ws://127.0.0.1:${product.port}${path}?${query}`, protocols, { headers });
    this.socket.on('message', (data) => this.events.push(JSON.parse(textOf(data)) as { type: string }));
    this.socket.on('error', () => undefined);
    this.socket.on('close', (code, reason) => (this.closed ??= { code, reason: reason.toString() }));
    this.socket.on('unexpected-response', (_request, response) => {
      this.status = response.statusCode ?? 0;
      response.on('data', (chunk: Buffer) => (this.body += chunk.toString()));
    });
  }

  send(value: object): void {
    this.socket.send(JSON.stringify(value));
  }

  /** Until an event of this type, the `nth` of its kind, is there. */
  async until(type: string, nth = 1): Promise<void> {
    const count = () => this.events.filter((event) => event.type === type).length;
    await vi.waitUntil(() => count() >= nth, WITHIN);
  }

  async refused(): Promise<number> {
    await vi.waitUntil(() => this.status > 0, WITHIN);
    return this.status;
  }

  async ended(): Promise<number> {
    await vi.waitUntil(() => this.closed, WITHIN);
    return this.closed?.code ?? 0;
  }
}

let database: TestDatabase;
let provider: FakeRealtime;
let product: Product;

beforeAll(async () => {
  database = await createTestDatabase();
  provider = await FakeRealtime.start();
  product = await Product.start({
    databaseUrl: database.url.reveal(),
    env: { PROVIDER_KEY },
    config: {
      model_list: ['voice', 'other'].map((model_name) => ({
        model_name,
        litellm_params: {
          model: 'openai/gpt-realtime-up',
          api_base: provider.base,
          api_key: 'os.environ/PROVIDER_KEY',
          input_cost_per_token: 0.001,
          output_cost_per_token: 0.001,
        },
      })),
      general_settings: { max_request_size_mb: 1 },
    },
  });
});

afterAll(async () => {
  await product?.dispose();
  await provider?.close();
  await database?.drop();
});

const bearer = (key: string) => ({ authorization: `Bearer ${key}` });
const spendOf = async (key: string) =>
  ((await (await product.request('GET', '/key/info', undefined, key)).json()) as { info: { spend: number } })
    .info.spend;

describe('a realtime session', () => {
  it('passes events both ways with the provider’s credential, and never the caller’s', async () => {
    const key = await product.makeKey({});
    const client = new Client({ ...bearer(key), 'openai-beta': 'realtime=v1' }, ['realtime']);
    await client.until('session.created');
    expect(client.socket.protocol).toBe('realtime');
    client.send({ type: 'echo', what: 'x'.repeat(300_000) });
    await client.until('echoed');
    const { url, headers } = provider.heard.at(-1) ?? { url: '', headers: {} };
    expect(url).toBe('/v1/realtime?model=gpt-realtime-up');
    expect(headers).toMatchObject({ authorization: `Bearer ${PROVIDER_KEY}`, 'openai-beta': 'realtime=v1' });
    expect(JSON.stringify(headers)).not.toContain(key);
    client.socket.close();
    await expect.poll(() => provider.open).toBe(0);
  });

  it.each([
    ['Authorization', (key: string) => [bearer(key), []] as const],
    ['api-key', (key: string) => [{ 'api-key': key }, []] as const],
    ['x-litellm-api-key', (key: string) => [{ 'x-litellm-api-key': key }, []] as const],
    [
      'a sub-protocol',
      (key: string) =>
        [{}, ['realtime', `openai-insecure-api-key.${key}`, 'openai-beta.realtime-v1']] as const,
    ],
  ])('takes a key in %s', async (_where, made) => {
    const [headers, protocols] = made(await product.makeKey({}));
    const client = new Client(headers, [...protocols]);
    await client.until('session.created');
    expect(client.socket.protocol).not.toContain('sk-');
    client.socket.close();
  });

  it('charges each answer, in the ledger and on the key', async () => {
    const key = await product.makeKey({});
    const client = new Client(bearer(key));
    await client.until('session.created');
    client.send({ type: 'response.create' });
    client.send({ type: 'response.create' });
    await client.until('response.done', 2);
    client.socket.close();
    await expect.poll(() => spendOf(key), { timeout: 10_000 }).toBeCloseTo(0.4, 9);
    const rows = () =>
      database.dataSource.query<object[]>(
        `SELECT endpoint, input_tokens AS input, status FROM ledger_entries WHERE key_id = (SELECT id FROM virtual_keys WHERE token_hash = $1)`,
        [hash('sha256', key)],
      );
    await expect
      .poll(rows, { timeout: 10_000 })
      .toEqual(Array(2).fill({ endpoint: 'realtime', input: expect.anything(), status: 'success' }));
  });

  it('charges an answer that its caller leaves', async () => {
    const key = await product.makeKey({});
    const client = new Client(bearer(key));
    await client.until('session.created');
    client.send({ type: 'response.create', what: 'hang' });
    await client.until('response.created');
    client.socket.terminate();
    await expect.poll(() => spendOf(key), { timeout: 10_000 }).toBeCloseTo(0.2, 9);
  });

  it('holds a slot as long as it lasts', async () => {
    const key = await product.makeKey({ max_parallel_requests: 1 });
    const first = new Client(bearer(key));
    await first.until('session.created');
    expect(await new Client(bearer(key)).refused()).toBe(429);
    first.socket.close();
    await expect
      .poll(async () => {
        const next = new Client(bearer(key));
        await expect.poll(() => next.status || next.events.length).toBeGreaterThan(0);
        next.socket.terminate();
        return next.status;
      })
      .toBe(0);
  });
});

describe('a session ends at once', () => {
  it.each(['block', 'delete'])('when its key is gone: %s', async (verb) => {
    const key = await product.makeKey({});
    const client = new Client(bearer(key));
    await client.until('session.created');
    await product.request('POST', `/key/${verb}`, verb === 'block' ? { key } : { keys: [key] });
    expect(await client.ended()).toBe(1008);
    expect(client.events.at(-1)?.error?.code).toMatch(/^auth\./);
    await expect.poll(() => provider.open).toBe(0);
  });

  it('when its key expires, or may not have the model any more', async () => {
    const expiring = new Client(bearer(await product.makeKey({ duration: '2s' })));
    const key = await product.makeKey({});
    const client = new Client(bearer(key));
    await client.until('session.created');
    await product.request('POST', '/key/update', { key, models: ['other'] });
    expect([await client.ended(), await expiring.ended()]).toEqual([1008, 1008]);
    expect(expiring.events.at(-1)?.error?.code).toBe('auth.key_expired');
  });

  it('when its money is spent, and no other begins', async () => {
    const key = await product.makeKey({ max_budget: 0.5 });
    const client = new Client(bearer(key));
    await client.until('session.created');
    client.send({ type: 'response.create' });
    await client.until('response.done');
    client.send({ type: 'response.create' });
    expect(await client.ended()).toBe(1008);
    expect(client.events.at(-1)?.error?.code).toBe('budget.exceeded');
    expect(await new Client(bearer(key)).refused()).toBe(422);
  });

  it('when a message is too large', async () => {
    const client = new Client(bearer(await product.makeKey({})));
    await client.until('session.created');
    client.socket.send('x'.repeat(1_100_000));
    expect(await client.ended()).toBe(1009);
  });
});

describe('who may not', () => {
  it('is told before the handshake, and the provider hears nothing', async () => {
    const before = provider.heard.length;
    const key = await product.makeKey({ models: ['other'] });
    expect(await new Client({}).refused()).toBe(401);
    expect(await new Client(bearer('sk-nobody-knows-this-one')).refused()).toBe(401);
    expect(await new Client({}, [], `model=voice&key=${key}`).refused()).toBe(401);
    expect(await new Client({ cookie: `token=${key}` }).refused()).toBe(401);
    expect(await new Client(bearer(key)).refused()).toBe(403);
    expect(await new Client(bearer(key), [], 'model=unknown').refused()).toBe(403);
    expect(
      await new Client(bearer(await product.makeKey({ allowed_routes: ['/v1/models'] }))).refused(),
    ).toBe(403);
    expect(await new Client(bearer(await product.makeKey({ rpm_limit: 0 }))).refused()).toBe(429);
    expect(provider.heard.length).toBe(before);
  });

  it('upgrades nothing else, and an offer to upgrade is no reason to fail', async () => {
    const key = await product.makeKey({});
    expect(await new Client(bearer(key), [], 'x=1', '/key/list').refused()).not.toBe(101);
    const offered = await sendRaw(product.port, [
      'GET /health/liveliness HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, close\r\nUpgrade: h2c\r\n\r\n',
    ]);
    expect(offered.status).toBe(200);
    expect((await product.request('GET', '/v1/realtime?model=voice', undefined, key)).status).toBe(404);
  });
});

describe('a stop', () => {
  it('tells sessions to go elsewhere, and the log has no key', async () => {
    const key = await product.makeKey({});
    const client = new Client({}, ['realtime', `openai-insecure-api-key.${key}`]);
    await client.until('session.created');
    expect(await product.stop()).toBe(0);
    expect(await client.ended()).toBe(1001);
    for (const canary of [key, PROVIDER_KEY]) expect(product.logs).not.toContain(canary);
  });
});
