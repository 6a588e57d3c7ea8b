import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { audit, PRICES, queryOnce } from '../harness/books.js';
import { FakeProvider } from '../harness/fake-provider.js';
import { ask, keepAlive, Load } from '../harness/load.js';
import { createTestDatabase, type TestDatabase } from '../harness/postgres.js';
import { Product } from '../harness/product.js';

const SLOTS = 60;

let database: TestDatabase;
let provider: FakeProvider;
let product: Product;
let key: string;

beforeAll(async () => {
  database = await createTestDatabase();
  provider = await FakeProvider.start();
  const litellm_params = { model: 'openai/up', api_base: provider.url, api_key: 'sk-upstream', ...PRICES };
  product = await Product.start({
    databaseUrl: database.url.reveal(),
    config: { model_list: [{ model_name: 'm', litellm_params }] },
    env: { LITELLM_LOG: 'ERROR' },
  });
  key = await product.makeKey({ max_parallel_requests: SLOTS, max_budget: 1_000 });
  await ask(product.url, { key, id: 'warm' });
});
afterAll(async () => {
  await product?.dispose();
  await provider?.stop();
  await database?.drop();
});

async function gauge(name: string): Promise<number> {
  const page = await (await product.request('GET', '/metrics')).text();
  const value = new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, 'm').exec(page)?.[1];
  if (value === undefined) throw new Error(`${name} is not on the metrics page`);
  return Number(value);
}

/** What a call holds while it runs, in every room; all of it must be back. */
async function expectNothingHeld(): Promise<void> {
  const held = async () => ({
    inFlight: await gauge('litellm_in_flight_requests'),
    holds: await gauge('tollgate_counter_holds'),
    waiting: await gauge('tollgate_counter_waiting'),
    openRecords: await gauge('tollgate_ledger_open_calls'),
    undrained: await gauge('tollgate_ledger_backlog_entries'),
    upstream: provider.requests.filter(({ outcome }) => outcome === 'running').length,
  });
  await expect
    .poll(held, { timeout: 10_000, interval: 200 })
    .toEqual({ inFlight: 0, holds: 0, waiting: 0, openRecords: 0, undrained: 0, upstream: 0 });
  // Every slot is free: as many calls as there are slots pass at the same time.
  provider.behaveNext(...Array.from({ length: SLOTS }, () => ({ firstByteDelayMs: 500 })));
  const agent = keepAlive();
  const together = await Promise.all(
    Array.from({ length: SLOTS }, (_, n) => ask(product.url, { key, id: `slot-${Date.now()}-${n}`, agent })),
  );
  expect(together.filter(({ status }) => status !== 200).map(({ status, body }) => [status, body])).toEqual(
    [],
  );
  agent.destroy();
}

describe('clients that leave', () => {
  it('two thousand of them, at any moment, leave nothing behind, and each is charged once', async () => {
    provider.behave({ completionTokens: 10, frameDelayMs: 10, firstByteDelayMs: 5 });
    const rssBefore = await gauge('process_resident_memory_bytes');
    let left = 0;
    const lane = async (number: number): Promise<void> => {
      for (let n = 0; n < 50; n += 1) {
        const leaving = new AbortController();
        const timer = setTimeout(() => leaving.abort(), Math.random() * 110);
        const seen = await ask(product.url, {
          key,
          id: `gone-${number}-${n}`,
          stream: n % 2 === 0,
          signal: leaving.signal,
        });
        clearTimeout(timer);
        if (!seen.finished) left += 1;
      }
    };
    await Promise.all(Array.from({ length: 40 }, (_, number) => lane(number)));
    expect(left).toBeGreaterThan(800);
    provider.behave({});
    await expectNothingHeld();
    expect((await audit(product, provider, [], database.url.reveal())).problems).toEqual([]);
    expect(await gauge('process_resident_memory_bytes')).toBeLessThan(rssBefore + 200e6);
  }, 90_000);

  it('five hundred who do not read what they asked for are held back, and leave nothing behind either', async () => {
    provider.behave({ completionTokens: 4_000, padBytes: 20_000 });
    const body = JSON.stringify({
      model: 'm',
      stream: true,
      messages: [{ role: 'user', content: 'call unread' }],
    });
    const head = `POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${key}\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n`;
    for (let batch = 0; batch < 10; batch += 1) {
      const sockets = await Promise.all(
        Array.from({ length: 50 }, async (): Promise<Socket> => {
          const socket = connect(product.port, '127.0.0.1');
          socket.on('error', () => undefined).pause();
          socket.write(head + body);
          return socket;
        }),
      );
      await delay(500);
      expect((await product.request('GET', '/health/liveliness')).status).toBe(200);
      for (const socket of sockets) socket.resetAndDestroy();
    }
    provider.behave({});
    await expectNothingHeld();
    expect(provider.requests.filter(({ outcome }) => outcome === 'client-gone').length).toBeGreaterThan(100);
  }, 90_000);
});

describe('ten thousand different wrong keys a second', () => {
  it('cost the database little and the others not their answers', async () => {
    const transactions = async (): Promise<number> => {
      const [row] = await queryOnce<{ n: string }>(
        database.url.reveal(),
        'SELECT xact_commit + xact_rollback AS n FROM pg_stat_database WHERE datname = current_database()',
      );
      return Number(row?.n);
    };
    const before = await transactions();
    const knownBefore = await gauge('tollgate_known_keys');
    const good = new Load(product.url, 4, (number) => ({ key, id: `good-${number}` }), { pauseMs: 30 });
    const startedAt = performance.now();
    const answers = await flood(product.port, 30_000, 3_000);
    const seconds = (performance.now() - startedAt) / 1_000;
    const seen = await good.stop();
    expect([...answers.keys()].filter((status) => status !== 401 && status !== 503)).toEqual([]);
    expect(answers.get(401) ?? 0).toBeGreaterThan(5_000);
    expect(seen.filter(({ status }) => status !== 200)).toEqual([]);
    expect(seen.length).toBeGreaterThan(50);
    const slowest = seen.map(({ tookMs }) => tookMs).toSorted((a, b) => a - b);
    expect(slowest[Math.floor(slowest.length * 0.9)]).toBeLessThan(1_500);
    // The server tells its counts up to a second late; the polls, the drain and this question are in them too.
    await delay(1_200);
    expect((await transactions()) - before).toBeLessThan(60 * (seconds + 1.2) + 60);
    expect(await gauge('tollgate_known_keys')).toBe(knownBefore);
    await expectNothingHeld();
  }, 90_000);
});

/** Requests with keys nobody ever had, many on a connection, spread evenly; returns how often each status came. */
async function flood(port: number, count: number, overMs: number): Promise<Map<number, number>> {
  const LANES = 40;
  const TICKS = 60;
  const statuses = new Map<number, number>();
  let answered = 0;
  const sockets = Array.from({ length: LANES }, () => {
    const socket = connect(port, '127.0.0.1');
    let rest = '';
    socket.setEncoding('latin1').on('data', (text: string) => {
      rest += text;
      for (const [, status] of rest.matchAll(/HTTP\/1\.1 (\d{3}) /g)) {
        statuses.set(Number(status), (statuses.get(Number(status)) ?? 0) + 1);
        answered += 1;
      }
      // A status line may be cut in two; nothing before the last line's start is needed again.
      rest = /HTTP?\/?1?\.?1? ?\d{0,3}$|H(?:T(?:T)?)?$/.exec(rest)?.[0] ?? '';
    });
    socket.on('error', () => undefined);
    return socket;
  });
  const perWrite = Math.ceil(count / LANES / TICKS);
  for (let tick = 0; tick < TICKS; tick += 1) {
    const due = delay(overMs / TICKS);
    for (const [lane, socket] of sockets.entries()) {
      let text = '';
      for (let n = 0; n < perWrite; n += 1)
        text += `POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer sk-bad-${tick}-${lane}-${n}-${Math.random()}\r\ncontent-length: 2\r\n\r\n{}`;
      socket.write(text);
    }
    await due;
  }
  for (let waited = 0; answered < perWrite * LANES * TICKS && waited < 20_000; waited += 50) await delay(50);
  for (const socket of sockets) socket.destroy();
  return statuses;
}
