import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { audit, PRICES, queryOnce } from '../harness/books.js';
import { FakeProvider } from '../harness/fake-provider.js';
import { ask, keepAlive } from '../harness/load.js';
import { createTestDatabase, type TestDatabase } from '../harness/postgres.js';
import { Product, type ProductOptions } from '../harness/product.js';
import { sendRaw } from '../harness/raw-http.js';

let provider: FakeProvider;
let database: TestDatabase;
beforeAll(async () => {
  provider = await FakeProvider.start();
  database = await createTestDatabase();
});
afterAll(async () => {
  await provider?.stop();
  await database?.drop();
});

const started: Product[] = [];
afterEach(async () => {
  await Promise.all(started.splice(0).map((product) => product.dispose()));
});

async function start(options: ProductOptions = {}): Promise<Product> {
  const litellm_params = { model: 'openai/up', api_base: provider.url, api_key: 'sk-upstream', ...PRICES };
  const product = await Product.start({
    config: { model_list: [{ model_name: 'm', litellm_params }] },
    databaseUrl: database.url.reveal(),
    ...options,
  });
  started.push(product);
  return product;
}

describe('SIGTERM', () => {
  it('lets streams and answers under way end, refuses new work, stores all spend, and ends with 0', async () => {
    const product = await start();
    const key = await product.makeKey();
    // Connections that are open already: the listener closes, these still carry requests.
    const open = keepAlive();
    await Promise.all(
      Array.from({ length: 4 }, (_, n) => ask(product.url, { key, id: `warm-${n}`, agent: open })),
    );
    const before = provider.requests.length;
    provider.behave({ completionTokens: 30, frameDelayMs: 60 });
    const streams = Array.from({ length: 10 }, (_, n) =>
      ask(product.url, { key, id: `run-${n}`, stream: true, agent: keepAlive() }),
    );
    provider.behaveFor('up', { completionTokens: 30, frameDelayMs: 60, firstByteDelayMs: 300 });
    const plain = ask(product.url, { key, id: 'run-plain', agent: keepAlive() });
    await expect.poll(() => provider.requests.length, { timeout: 10_000 }).toBe(before + 11);
    const stoppedAt = performance.now();
    const exit = product.stop();
    await delay(150);
    const refused = await ask(product.url, { key, id: 'new', agent: open });
    expect(refused.status).toBe(503);
    expect(refused.headers.connection).toBe('close');
    expect(refused.headers['retry-after']).toBe('1');
    const session = await sendRaw(product.port, [
      'GET /v1/realtime?model=m HTTP/1.1\r\nhost: x\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n',
    ]);
    expect(session.text).toMatch(/^HTTP\/1\.1 503 [^]*\r\nretry-after: 1\r\n[^]*shutting down/);
    expect(JSON.parse(refused.body)).toMatchObject({
      error: { message: expect.stringContaining('shutting down') },
    });
    const ended = await Promise.all([...streams, plain]);
    expect(ended.filter(({ finished }) => !finished).map(({ id, status }) => [id, status])).toEqual([]);
    expect(await exit).toBe(0);
    expect(performance.now() - stoppedAt).toBeLessThan(8_000);
    provider.behaveFor('up', {});
    await product.restart();
    expect((await audit(product, provider, ended, database.url.reveal())).problems).toEqual([]);
  }, 60_000);

  it('is told by the probes while it drains', async () => {
    const product = await start();
    const key = await product.makeKey();
    provider.behaveFor('up', { completionTokens: 30, frameDelayMs: 60 });
    // One connection kept open for the probes, as an orchestrator's may be.
    const probe = new Probe(product.port);
    expect(await probe.get('/health/readiness')).toContain('200 OK');
    const stream = ask(product.url, { key, id: `probe-${Date.now()}`, stream: true });
    await delay(300);
    const exit = product.stop();
    await delay(150);
    const liveness = await probe.get('/health/liveliness');
    expect(liveness).toMatch(/503[^]*shutting_down/);
    const second = new Probe(product.port);
    expect(await second.get('/health/readiness')).toMatch(/503[^]*shutting_down/);
    expect((await stream).finished).toBe(true);
    expect(await exit).toBe(0);
  }, 60_000);

  it('ends within its bound although a client never reads its answer', async () => {
    const product = await start({ env: { TOLLGATE_DRAIN_SECONDS: '2' } });
    const key = await product.makeKey();
    provider.behaveFor('up', { completionTokens: 2_000, padBytes: 20_000_000 });
    const body = JSON.stringify({
      model: 'm',
      stream: true,
      messages: [{ role: 'user', content: 'call stuck' }],
    });
    const socket = connect(product.port, '127.0.0.1');
    socket.on('error', () => undefined);
    socket.pause();
    socket.write(
      `POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${key}\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
    );
    await delay(700);
    const stoppedAt = performance.now();
    expect(await product.stop()).toBe(0);
    expect(performance.now() - stoppedAt).toBeLessThan(8_000);
    expect(product.logs).toContain('cut off');
    socket.destroy();
    provider.behaveFor('up', {});
    const stuck = await queryOnce<{ flag: string; cost: string }>(
      database.url.reveal(),
      `SELECT flag, cost_nano AS cost FROM ledger_entries ORDER BY started_at DESC LIMIT 1`,
    );
    expect(stuck).toEqual([{ flag: 'cancelled', cost: expect.stringMatching(/^[1-9]/) }]);
  }, 60_000);

  it('takes the embedded PostgreSQL along', async () => {
    const product = await start({ databaseUrl: undefined as never });
    const postmaster = Number(
      readFileSync(join(product.dataDir, 'postgres', 'postmaster.pid'), 'utf8').split('\n')[0],
    );
    expect(await product.stop()).toBe(0);
    expect(() => process.kill(postmaster, 0)).toThrow('ESRCH');
  }, 60_000);
});

describe('an exception that nobody caught', () => {
  it('ends the process with a fatal line, exit code 1, and all that ended stored', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'tollgate-defect-'));
    const script = join(folder, 'defect.mjs');
    const LOG_FILE = join(folder, 'tollgate.log');
    writeFileSync(
      script,
      `process.on('SIGUSR2', () => { Promise.reject(new Error('a defect of the test')); });`,
    );
    try {
      const product = await start({ env: { LOG_FILE, NODE_OPTIONS: `--import=${script}` } });
      const key = await product.makeKey();
      const before = await countEntries();
      const seen = await Promise.all(
        Array.from({ length: 20 }, (_, n) => ask(product.url, { key, id: `defect-${n}` })),
      );
      process.kill(product.pid, 'SIGUSR2');
      expect(await product.exit(10_000)).toBe(1);
      expect(await countEntries()).toBe(before + seen.filter(({ finished }) => finished).length);
      expect(readFileSync(LOG_FILE, 'utf8')).toMatch(/FATAL.*nobody caught/);
    } finally {
      rmSync(folder, { recursive: true });
    }
  }, 60_000);
});

async function countEntries(): Promise<number> {
  const [row] = await queryOnce<{ n: string }>(
    database.url.reveal(),
    'SELECT count(*) AS n FROM ledger_entries',
  );
  return Number(row?.n);
}

describe('one database', () => {
  it('serves one proxy: a second one does not become ready, and names what several would need', async () => {
    const first = await start();
    const error = await start().then(
      () => undefined,
      (thrown: Error) => thrown,
    );
    expect(error?.message).toContain('ended');
    expect(error?.message).toContain('REDIS_URL');
    expect(error?.message).not.toMatch(/^\s+at /m);
    expect((await first.request('GET', '/key/list')).status).toBe(200);
  }, 60_000);

  it('is read before it is believed: one that is not there is a sentence and exit code 1, not a stack', async () => {
    const error = await start({ databaseUrl: 'postgres://u:p@127.0.0.1:9/none' }).then(
      () => undefined,
      (thrown: Error) => thrown,
    );
    expect(error?.message).toContain('PostgreSQL');
    expect(error?.message).not.toMatch(/^\s+at /m);
    expect(error?.message).not.toContain('u:p');
  }, 60_000);
});

/** One keep-alive connection, spoken to by hand. */
class Probe {
  readonly #socket;
  #heard = '';
  constructor(port: number) {
    this.#socket = connect(port, '127.0.0.1');
    this.#socket.setEncoding('utf8').on('data', (text: string) => (this.#heard += text));
    this.#socket.on('error', (error) => (this.#heard += `error ${error.message}`));
  }
  async get(path: string): Promise<string> {
    this.#heard = '';
    this.#socket.write(`GET ${path} HTTP/1.1\r\nhost: x\r\n\r\n`);
    for (let waited = 0; !/\r\n\r\n.+|error/s.test(this.#heard) && waited < 3_000; waited += 20)
      await delay(20);
    return this.#heard;
  }
}
