import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { auditBalances, queryOnce } from '../harness/books.js';
import { eventually, modelEntry } from '../harness/governed-product.js';
import { Replicas, tally } from '../harness/replicas.js';

/** Ten tokens an answer, a tenth of a cent each. */
const PRICE = 0.01;
const SHORT = { max_tokens: 10 };
const PRICE_NANO = 10_000_000n;

let fleet: Replicas;
beforeAll(async () => {
  fleet = await Replicas.start(
    2,
    (provider) => ({ model_list: [modelEntry('m', provider), modelEntry('slow', provider)] }),
    {},
    { completionTokens: 10 },
  );
  fleet.provider.behaveFor('up-slow', { completionTokens: 10, firstByteDelayMs: 1_500 });
}, 120_000);
afterAll(async () => {
  fleet?.product(1).thaw();
  await fleet?.dispose();
});

const slowly = (key: string) => fleet.chat(1, key, { model: 'slow', ...SHORT });
const storm = async (key: string): Promise<number> => {
  const answers = await Promise.all(Array.from({ length: 12 }, (_, i) => fleet.chat(i, key, SHORT)));
  return tally(answers)[200] ?? 0;
};

/** While `work` runs, nobody can store what was spent. */
async function withoutStoring<T>(work: () => Promise<T>): Promise<T> {
  const runner = fleet.database.dataSource.createQueryRunner();
  await runner.startTransaction();
  try {
    await runner.query('LOCK TABLE ledger_entries IN EXCLUSIVE MODE');
    return await work();
  } finally {
    await runner.rollbackTransaction();
    await runner.release();
  }
}

describe('a replica that stands still for longer than its lease', () => {
  /**
   * Its lease is over, what it held counts as spent, its last calls are not in PostgreSQL, and then Redis forgets and everything is read
   * anew without its word. It goes on as if nothing had been: its calls end, and all that was decided without it has to be made good.
   */
  it.each([
    ['before it began to store its last calls', 0],
    ['in the middle of storing them, where others need the same rows', 400],
  ])(
    'comes back, and every budget is what the provider billed: %s',
    { timeout: 90_000 },
    async (_when, waitMs) => {
      const before = fleet.provider.requests.length;
      const capped = await fleet.makeKey({ max_budget: 6 * PRICE });
      const reread = await fleet.makeKey({ max_budget: 6 * PRICE });
      for (const key of [capped, reread]) expect((await fleet.chat(0, key, SHORT)).status).toBe(200);
      const running = Promise.all([slowly(capped), slowly(capped), slowly(reread), slowly(reread)]);
      await eventually('all are under way', () => fleet.provider.requests.length >= before + 6, 5_000);
      const last = await withoutStoring(async () => {
        const answers = await Promise.all([fleet.chat(1, capped, SHORT), fleet.chat(1, reread, SHORT)]);
        // A batch of records is sent a tenth of a second after the first of them.
        await delay(waitMs);
        fleet.product(1).freeze();
        return answers;
      });
      expect(tally(last)).toEqual({ 200: 2 });
      try {
        // Two are settled, two held by the replica that stands still: two are left.
        await eventually(
          'what is left is spent',
          async () => (await fleet.chat(0, capped, SHORT)).status === 422,
          20_000,
        );
        // Everything is counted anew, from what is stored; what the frozen one knows is not.
        await fleet.admin.flushall();
        await eventually(
          'a new epoch begins',
          async () => (await fleet.chat(0, reread, SHORT)).status === 200,
          20_000,
        );
      } finally {
        fleet.product(1).thaw();
      }
      expect(tally(await running)).toEqual({ 200: 4 });
      await eventually(
        'it counts again, and pays the last call',
        async () => (await fleet.chat(1, reread, SHORT)).status === 200,
        5_000,
      );
      const spentBy = async (key: string): Promise<number> => {
        const { info } = await fleet.admin200(`/key/info?key=${key}`);
        return (info as { spend: number }).spend;
      };
      expect(await storm(capped)).toBe(0);
      expect(await storm(reread)).toBe(0);
      for (const key of [capped, reread]) {
        await eventually('all is stored', async () => (await spentBy(key)) > 6 * PRICE - 1e-9, 5_000);
        expect(await spentBy(key)).toBeCloseTo(6 * PRICE, 9);
        // The counters know it to the last call.
        await fleet.admin200('/key/update', { key, max_budget: 8 * PRICE });
        await eventually('the raise arrives', async () => (await fleet.chat(1, key, SHORT)).status === 200);
        expect(await storm(key)).toBe(1);
      }
      const billed = fleet.provider.requests.reduce(
        (sum, { billed: { completionTokens } }) => sum + BigInt(completionTokens),
        0n,
      );
      const due = billed * (PRICE_NANO / 10n);
      const url = fleet.database.url.reveal();
      const stored = async (): Promise<string> =>
        (await queryOnce<{ sum: string }>(url, 'SELECT sum(cost_nano) FROM ledger_entries'))[0]?.sum ?? '0';
      await eventually('the ledger is what was billed', async () => (await stored()) === String(due), 5_000);
      expect(await auditBalances(url)).toEqual([]);
    },
  );
});
