import { spawnSync } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { audit, embeddedUrl, PRICES } from '../harness/books.js';
import { FakeProvider } from '../harness/fake-provider.js';
import { ask, Load, type Seen } from '../harness/load.js';
import { createTestDatabase, type TestDatabase } from '../harness/postgres.js';
import { Product } from '../harness/product.js';
import { TcpRelay } from '../harness/tcp-relay.js';

/** A known key answers from memory; what a machine under test load adds to that. */
const AT_ONCE_MS = 1_500;
/** "Quickly" for what needs the store: longer than the look-up's own limit, shorter than a caller's patience. */
const QUICKLY_MS = 8_000;

const config = (url: string): object => ({
  model_list: [
    {
      model_name: 'm',
      litellm_params: { model: 'openai/up', api_base: url, api_key: 'sk-upstream', ...PRICES },
    },
  ],
});

let provider: FakeProvider;
beforeAll(async () => {
  provider = await FakeProvider.start({ completionTokens: 5, frameDelayMs: 2 });
});
afterAll(() => provider?.stop());

async function timed(response: Promise<Response>): Promise<{ status: number; body: string; tookMs: number }> {
  const startedAt = performance.now();
  const { status, text } = await response.then(async (one) => ({
    status: one.status,
    text: await one.text(),
  }));
  return { status, body: text, tookMs: performance.now() - startedAt };
}

async function until(what: string, isTrue: () => Promise<boolean>, limitMs: number): Promise<void> {
  const deadline = Date.now() + limitMs;
  while (!(await isTrue().catch(() => false))) {
    if (Date.now() > deadline) throw new Error(`not within ${limitMs} ms: ${what}`);
    await delay(100);
  }
}

const readiness = async (product: Product): Promise<{ status: number; db: string }> => {
  const response = await fetch(`${product.url}/health/readiness`);
  return { status: response.status, db: ((await response.json()) as { db: string }).db };
};

const isConnected = (product: Product) => async (): Promise<boolean> =>
  (await readiness(product)).db === 'connected';

const slowest = (seen: readonly Seen[]): number => Math.max(...seen.map(({ tookMs }) => tookMs));

describe('a PostgreSQL that goes away under load', () => {
  let database: TestDatabase;
  let relay: TcpRelay;
  let product: Product;
  let key: string;
  let other: string;
  const seen: Seen[] = [];

  beforeAll(async () => {
    database = await createTestDatabase();
    const direct = new URL(database.url.reveal());
    relay = await TcpRelay.to(direct.hostname, Number(direct.port));
    direct.port = String(relay.port);
    product = await Product.start({ config: config(provider.url), databaseUrl: direct.href });
    key = await product.makeKey({ max_budget: 50, rpm_limit: 1_000_000 });
    other = await product.makeKey();
    seen.push(
      await ask(product.url, { key, id: 'warm' }),
      await ask(product.url, { key: other, id: 'warm2' }),
    );
  });
  afterAll(async () => {
    await product?.dispose();
    await relay?.close();
    await database?.drop();
  });

  const load = (label: string): Load =>
    new Load(product.url, 8, (number) => ({ key, id: `${label}-${number}`, stream: number % 2 === 0 }), {
      pauseMs: 20,
    });

  const whatNeedsTheStore = async (): Promise<void> => {
    const stranger = await timed(
      product.request(
        'POST',
        '/v1/chat/completions',
        { model: 'm', messages: [] },
        'sk-never-seen-0123456789',
      ),
    );
    expect(stranger).toMatchObject({ status: 503 });
    expect(stranger.tookMs).toBeLessThan(QUICKLY_MS);
    const answers = await Promise.all([
      timed(product.request('POST', '/key/generate', {})),
      timed(product.request('GET', '/key/list')),
      timed(product.request('POST', '/key/block', { key: other })),
      timed(product.request('GET', '/spend/logs')),
    ]);
    for (const { status, body, tookMs } of answers) {
      expect({ status, body }).toMatchObject({ status: 503 });
      expect(body).not.toMatch(/postgres|ECONN|select/i);
      expect(tookMs).toBeLessThan(QUICKLY_MS);
    }
  };

  const probes = async (): Promise<void> => {
    await until('the probe knows', async () => (await readiness(product)).db === 'disconnected', 8_000);
    expect(await readiness(product)).toEqual({ status: 200, db: 'disconnected' });
    expect((await fetch(`${product.url}/health/liveliness`)).status).toBe(200);
  };

  it('keeps serving known keys, and says 503 where it cannot know, when connections break', async () => {
    const running = load('cut');
    await delay(300);
    relay.cut();
    // Past the time for which a key is believed without asking.
    await delay(6_000);
    await whatNeedsTheStore();
    await probes();
    const during = await running.stop();
    seen.push(...during);
    expect(during.filter(({ finished }) => !finished)).toEqual([]);
    expect(slowest(during)).toBeLessThan(AT_ONCE_MS);
  }, 60_000);

  it('drains what waited, exactly, without a restart, when PostgreSQL is back', async () => {
    relay.restore();
    await until('connected', isConnected(product), 10_000);
    await until('drained', async () => (await product.request('GET', '/spend/logs')).ok, 10_000);
    expect((await audit(product, provider, seen, database.url.reveal())).problems).toEqual([]);
  }, 60_000);

  it('blocks and unblocks rightly afterwards', async () => {
    const blocked = await product.request('POST', '/key/block', { key });
    expect(blocked.status).toBe(200);
    expect((await ask(product.url, { key, id: 'blocked' })).status).toBe(401);
    expect((await product.request('POST', '/key/unblock', { key })).status).toBe(200);
    const unblocked = await ask(product.url, { key, id: 'unblocked' });
    expect(unblocked.status).toBe(200);
    seen.push(unblocked);
  });

  it('never makes a known key wait for a PostgreSQL that has gone silent', async () => {
    const running = load('silent');
    await delay(300);
    relay.silence();
    await delay(8_000);
    await probes();
    await whatNeedsTheStore();
    const during = await running.stop();
    seen.push(...during);
    expect(during.filter(({ finished }) => !finished)).toEqual([]);
    // Whoever asked while the store's silence was not known yet waited for the look-up's limit; nobody after them did.
    expect(slowest(during)).toBeLessThan(3_500);
    expect(during.filter(({ tookMs }) => tookMs > AT_ONCE_MS).length).toBeLessThanOrEqual(8);
    expect(during.length).toBeGreaterThan(500);
  }, 60_000);

  it('heals from silence without a restart, exactly, and revokes rightly', async () => {
    relay.restore();
    await until('connected', isConnected(product), 15_000);
    await until('drained', async () => (await product.request('GET', '/spend/logs')).ok, 15_000);
    expect((await audit(product, provider, seen, database.url.reveal())).problems).toEqual([]);
    expect((await product.request('POST', '/key/block', { key: other })).status).toBe(200);
    expect((await ask(product.url, { key: other, id: 'late' })).status).toBe(401);
  }, 60_000);
});

describe('an embedded PostgreSQL that is killed', () => {
  it('is started again; known keys notice nothing, and nothing is lost', async () => {
    const product = await Product.start({ config: config(provider.url) });
    try {
      const key = await product.makeKey({ max_budget: 5 });
      const seen = [await ask(product.url, { key, id: 'e-warm' })];
      const running = new Load(product.url, 4, (number) => ({ key, id: `e-${number}`, stream: true }), {
        pauseMs: 20,
      });
      await delay(300);
      const pid = Number(
        readFileSync(join(product.dataDir, 'postgres', 'postmaster.pid'), 'utf8').split('\n')[0],
      );
      process.kill(pid, 'SIGKILL');
      await delay(3_000);
      seen.push(...(await running.stop()));
      await until('connected', isConnected(product), 30_000);
      await until('healed', async () => (await product.request('GET', '/key/list')).ok, 30_000);
      expect(seen.filter(({ finished }) => !finished)).toEqual([]);
      const { problems } = await audit(product, onlyOf(provider, 'e-'), seen, embeddedUrl(product));
      expect(problems).toEqual([]);
      expect((await product.request('POST', '/key/block', { key })).status).toBe(200);
      expect((await ask(product.url, { key, id: 'e-blocked' })).status).toBe(401);
    } finally {
      await product.dispose();
    }
  }, 120_000);
});

/** What one test's calls were, of a provider that several use. */
function onlyOf(one: FakeProvider, prefix: string): FakeProvider {
  const requests = one.requests.filter(({ body }) => body.toString().includes(`"call ${prefix}`));
  return Object.assign(Object.create(one) as FakeProvider, { requests });
}

describe.runIf(process.platform === 'linux')('a disk that takes no more bytes', () => {
  let database: TestDatabase;
  let relay: TcpRelay;
  let product: Product;
  let key: string;
  const seen: Seen[] = [];

  beforeAll(async () => {
    database = await createTestDatabase();
    const direct = new URL(database.url.reveal());
    relay = await TcpRelay.to(direct.hostname, Number(direct.port));
    direct.port = String(relay.port);
    product = await Product.start({ config: config(provider.url), databaseUrl: direct.href });
    key = await product.makeKey({ max_budget: 5 });
    seen.push(await ask(product.url, { key, id: 'd-warm' }));
  });
  afterAll(async () => {
    await product?.dispose();
    await relay?.close();
    await database?.drop();
  });

  /** Writing to files fails (EFBIG), sockets and pipes work: what a full disk is to the process. */
  const limitFiles = (bytes: '0' | 'unlimited'): void => {
    const { status } = spawnSync('prlimit', ['--pid', String(product.pid), `--fsize=${bytes}:unlimited`]);
    expect(status).toBe(0);
  };

  /** Six streams under way: each has reached the provider, and its answer takes a while. */
  const slowStreams = async (label: string): Promise<{ ended: Promise<Seen[]> }> => {
    const behaviour = { completionTokens: 10, frameDelayMs: 200 };
    provider.behaveNext(...Array.from({ length: 6 }, () => behaviour));
    const before = provider.requests.length;
    const ended = Promise.all(
      Array.from({ length: 6 }, (_, number) =>
        ask(product.url, { key, id: `d-${label}${number}`, stream: true }),
      ),
    );
    await until('all began', async () => provider.requests.length >= before + 6, 5_000);
    return { ended };
  };

  const isRefused = async (id: string): Promise<void> => {
    const refused = await ask(product.url, { key, id });
    expect(refused).toMatchObject({ status: 503, body: expect.stringContaining('Spend cannot be recorded') });
    expect(refused.headers['retry-after']).toBeDefined();
  };

  it('lets running answers end, stored in PostgreSQL instead, and refuses new work with 503', async () => {
    const running = await slowStreams('a');
    limitFiles('0');
    await isRefused('d-refused');
    await isRefused('d-refused2');
    const ended = await running.ended;
    expect(ended.filter(({ finished }) => !finished)).toEqual([]);
    seen.push(...ended);
    expect((await fetch(`${product.url}/health/liveliness`)).status).toBe(200);
  });

  it('is back to work as soon as the disk is', async () => {
    limitFiles('unlimited');
    await until(
      'work',
      async () => (await ask(product.url, { key, id: `d-${Math.random()}` })).finished,
      3_000,
    );
  });

  it('that loses the spool itself ends the process, with everything stored, so that a new one takes over', async () => {
    const doomed = await Product.start({ config: config(provider.url) });
    try {
      const own = await doomed.makeKey();
      const done = await Promise.all(
        Array.from({ length: 5 }, (_, n) => ask(doomed.url, { key: own, id: `gone-${n}` })),
      );
      rmSync(join(doomed.dataDir, 'spool'), { recursive: true });
      expect(await doomed.exit(25_000)).toBe(1);
      expect(doomed.logs).toContain('The spool directory is gone');
      await doomed.restart();
      expect((await audit(doomed, onlyOf(provider, 'gone-'), done, embeddedUrl(doomed))).problems).toEqual(
        [],
      );
      expect((await ask(doomed.url, { key: own, id: 'gone-after' })).status).toBe(200);
    } finally {
      await doomed.dispose();
    }
  }, 90_000);

  it('never shows a good end that neither disk nor PostgreSQL took, and keeps its record', async () => {
    const running = await slowStreams('b');
    limitFiles('0');
    relay.cut();
    const ended = await running.ended;
    expect(ended.filter(({ finished }) => finished)).toEqual([]);
    for (const one of ended) expect(one.body).toContain('"error"');
    limitFiles('unlimited');
    relay.restore();
    await until('drained', async () => (await product.request('GET', '/spend/logs')).ok, 15_000);
    const { problems, entries } = await audit(product, onlyOf(provider, 'd-'), seen, database.url.reveal());
    expect(problems).toEqual([]);
    expect(entries).toBeGreaterThanOrEqual(13);
  }, 60_000);
});
