import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { eventually, modelEntry } from '../harness/governed-product.js';
import { Replicas, tally } from '../harness/replicas.js';

/** Ten tokens an answer, a tenth of a cent each. */
const PRICE = 0.01;
const CAP = { max_budget: 3 * PRICE };
const SHORT = { max_tokens: 10 };
/** What is promised: lease and grace, and the time between two looks. */
const LEASE_MS = 10_000;

let fleet: Replicas;
const folders: string[] = [];
afterEach(async () => {
  await fleet?.dispose();
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

async function start(args: readonly string[] = []): Promise<void> {
  fleet = await Replicas.start(
    2,
    (provider) => ({ model_list: [modelEntry('m', provider), modelEntry('slow', provider)] }),
    { args },
    { completionTokens: 10 },
  );
  fleet.provider.behaveFor('up-slow', { completionTokens: 10, firstByteDelayMs: 60_000 });
}

/** Two of three answers are held by replica 1, which dies; what its survivor's callers get, and how long they wait for it. */
async function loseTwoAnswers(): Promise<{
  key: string;
  statuses: Record<number, number>;
  longestMs: number;
}> {
  const key = await fleet.makeKey(CAP);
  const lost = Promise.all(
    [1, 1].map((one) => fleet.chat(one, key, { model: 'slow', ...SHORT }).catch(() => undefined)),
  );
  await eventually('both are under way', () => fleet.provider.requests.length >= 2, 5_000);
  const waiting = Promise.all([0, 0].map((one) => fleet.chat(one, key, SHORT)));
  await eventually('one of two was answered', () => fleet.provider.requests.length >= 3, 5_000);
  const began = performance.now();
  await fleet.product(1).kill();
  const answers = await waiting;
  await lost;
  return { key, statuses: tally(answers), longestMs: performance.now() - began };
}

const spendOf = async (key: string): Promise<number> => {
  const { info } = await fleet.admin200(`/key/info?key=${key}`);
  return (info as { spend: number }).spend;
};

/** Each fleet takes seconds to start on a busy machine. */
const WITHIN_MS = 120_000;

describe('callers who wait for money that a killed replica held', () => {
  it(
    'hear within its lease, and once its records are read the books are exact',
    async () => {
      await start();
      const { key, statuses, longestMs } = await loseTwoAnswers();
      expect(statuses).toEqual({ 200: 1, 422: 1 });
      expect(longestMs).toBeLessThan(LEASE_MS);
      const refused = await fleet.chat(0, key, SHORT);
      expect(refused.status).toBe(422);
      await fleet.admin200('/key/update', { key, max_budget: 4 * PRICE });
      await eventually(
        'a raise is worth what it says',
        async () => (await fleet.chat(0, key, SHORT)).status === 200,
      );
      expect((await fleet.chat(0, key, SHORT)).status).toBe(422);
      await fleet.product(1).restart();
      await eventually(
        'the lost calls are charged',
        async () => (await spendOf(key)) > 4 * PRICE - 1e-9,
        5_000,
      );
      expect(await spendOf(key)).toBeCloseTo(4 * PRICE, 9);
      expect((await fleet.chat(1, key, SHORT)).status).toBe(422);
    },
    WITHIN_MS,
  );

  it(
    'need no restart where the survivor reaches its records',
    async () => {
      const folder = mkdtempSync(join(tmpdir(), 'tollgate-shared-'));
      folders.push(folder);
      await start(['--data-dir', folder]);
      const { key, statuses, longestMs } = await loseTwoAnswers();
      expect(statuses).toEqual({ 200: 1, 422: 1 });
      expect(longestMs).toBeLessThan(LEASE_MS);
      await eventually(
        'the lost calls are charged',
        async () => (await spendOf(key)) > 3 * PRICE - 1e-9,
        5_000,
      );
      expect(await spendOf(key)).toBeCloseTo(3 * PRICE, 9);
    },
    WITHIN_MS,
  );
});
