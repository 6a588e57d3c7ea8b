import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { audit, embeddedUrl } from '../harness/books.js';
import { FakeProvider } from '../harness/fake-provider.js';
import { ask, Load, type Seen } from '../harness/load.js';
import { Product } from '../harness/product.js';
import {
  isConnected,
  onlyOf,
  pricedModel,
  readiness,
  RelayedProduct,
  until,
} from '../harness/relayed-product.js';

/** A known key answers from memory; what a machine under test load adds to that. */
const AT_ONCE_MS = 1_500;
/** "Quickly" for what needs the store: longer than the look-up's own limit, shorter than a caller's patience. */
const QUICKLY_MS = 8_000;

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

/** A machine that stands still for a moment makes a few calls slow; who waits for a store makes all of them. */
const isNearlyAlwaysAtOnce = (seen: readonly Seen[]): boolean =>
  seen.filter(({ tookMs }) => tookMs > AT_ONCE_MS).length <= seen.length / 50;

describe('a PostgreSQL that goes away under load', () => {
  let gate: RelayedProduct;
  let product: Product;
  let key: string;
  let other: string;
  const seen: Seen[] = [];

  beforeAll(async () => {
    gate = await RelayedProduct.start(provider);
    ({ product } = gate);
    key = await product.makeKey({ max_budget: 50, rpm_limit: 1_000_000 });
    other = await product.makeKey();
    seen.push(
      await ask(product.url, { key, id: 'warm' }),
      await ask(product.url, { key: other, id: 'warm2' }),
    );
  });
  afterAll(() => gate?.dispose());

  const expectExact = async (): Promise<void> =>
    expect((await audit(product, provider, seen, gate.database.url.reveal())).problems).toEqual([]);

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
      timed(product.request('POST', '/explain', { model: 'm', key: other })),
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
    gate.relay.cut();
    // Past the time for which a key is believed without asking.
    await delay(6_000);
    await whatNeedsTheStore();
    await probes();
    const during = await running.stop();
    seen.push(...during);
    expect(during.filter(({ finished }) => !finished)).toEqual([]);
    expect(isNearlyAlwaysAtOnce(during)).toBe(true);
  }, 60_000);

  it('drains what waited, exactly, without a restart, when PostgreSQL is back', async () => {
    gate.relay.restore();
    await until('connected', isConnected(product), 10_000);
    await gate.drained(10_000);
    await expectExact();
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
    gate.relay.silence();
    await delay(8_000);
    await probes();
    await whatNeedsTheStore();
    const during = await running.stop();
    seen.push(...during);
    expect(during.filter(({ finished }) => !finished)).toEqual([]);
    // Whoever asked while the store's silence was not known yet waited for the look-up's limit; nobody after them did.
    expect(isNearlyAlwaysAtOnce(during)).toBe(true);
    expect(during.length).toBeGreaterThan(500);
  }, 60_000);

  it('heals from silence without a restart, exactly, and revokes rightly', async () => {
    gate.relay.restore();
    await until('connected', isConnected(product), 15_000);
    await gate.drained(15_000);
    await expectExact();
    expect((await product.request('POST', '/key/block', { key: other })).status).toBe(200);
    expect((await ask(product.url, { key: other, id: 'late' })).status).toBe(401);
  }, 60_000);
});

describe('an embedded PostgreSQL that is killed', () => {
  it('is started again; known keys notice nothing, and nothing is lost', async () => {
    const product = await Product.start({ config: pricedModel(provider) });
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
