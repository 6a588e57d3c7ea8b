import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { audit, embeddedUrl } from '../harness/books.js';
import { FakeProvider } from '../harness/fake-provider.js';
import { ask, type Seen } from '../harness/load.js';
import { Product } from '../harness/product.js';
import { onlyOf, pricedModel, RelayedProduct, until } from '../harness/relayed-product.js';

let provider: FakeProvider;
beforeAll(async () => {
  provider = await FakeProvider.start({ completionTokens: 5, frameDelayMs: 2 });
});
afterAll(() => provider?.stop());

describe.runIf(process.platform === 'linux')('a disk that takes no more bytes', () => {
  let gate: RelayedProduct;
  let product: Product;
  let key: string;
  const seen: Seen[] = [];

  beforeAll(async () => {
    gate = await RelayedProduct.start(provider);
    ({ product } = gate);
    key = await product.makeKey({ max_budget: 5 });
    seen.push(await ask(product.url, { key, id: 'd-warm' }));
  });
  afterAll(() => gate?.dispose());

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

  const expectRefused = async (id: string): Promise<void> => {
    const refused = await ask(product.url, { key, id });
    expect(refused).toMatchObject({ status: 503, body: expect.stringContaining('Spend cannot be recorded') });
    expect(refused.headers['retry-after']).toBeDefined();
  };

  it('lets running answers end, stored in PostgreSQL instead, and refuses new work with 503', async () => {
    const running = await slowStreams('a');
    limitFiles('0');
    await expectRefused('d-refused');
    await expectRefused('d-refused2');
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
    const doomed = await Product.start({ config: pricedModel(provider) });
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
    gate.relay.cut();
    const ended = await running.ended;
    expect(ended.filter(({ finished }) => finished)).toEqual([]);
    for (const one of ended) expect(one.body).toContain('"error"');
    limitFiles('unlimited');
    gate.relay.restore();
    await gate.drained(15_000);
    const { problems, entries } = await audit(
      product,
      onlyOf(provider, 'd-'),
      seen,
      gate.database.url.reveal(),
    );
    expect(problems).toEqual([]);
    expect(entries).toBeGreaterThanOrEqual(13);
  }, 60_000);
});
