import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, modelEntry } from '../harness/governed-product.js';
import { Replicas, tally } from '../harness/replicas.js';

let fleet: Replicas;

/** Ten tokens an answer, a tenth of a cent each. */
const PRICE = 0.01;

beforeAll(async () => {
  fleet = await Replicas.start(
    2,
    (provider) => ({
      model_list: [modelEntry('m', provider), modelEntry('slow', provider)],
      general_settings: { fail_closed_budget_enforcement: ['user'] },
    }),
    {},
    { completionTokens: 10 },
  );
  fleet.provider.behaveFor('up-slow', { completionTokens: 10, firstByteDelayMs: 1_500 });
});

afterAll(() => fleet?.dispose());

const both = <T>(count: number, ask: (number: number) => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: count }, (_, i) => ask(i)));

async function spendOf(key: string): Promise<number> {
  await fleet.admin200('/spend/logs?request_id=none');
  const { info } = await fleet.admin200(`/key/info?key=${key}`);
  return (info as { spend: number }).spend;
}

/** What every replica has spent is in PostgreSQL a moment after its last call. */
async function settledSpend(key: string, least: number): Promise<number> {
  await eventually('the spend is stored', async () => (await spendOf(key)) >= least - 1e-9, 3_000);
  return spendOf(key);
}

describe('two replicas', () => {
  it('share one limit of requests', async () => {
    const key = await fleet.makeKey({ rpm_limit: 12 });
    const answers = await both(40, (i) => fleet.chat(i, key));
    expect(tally(answers)).toEqual({ 200: 12, 429: 28 });
    expect(Number(answers.find(({ status }) => status === 429)?.headers.get('retry-after'))).toBeGreaterThan(
      50,
    );
  });

  it('share one limit of parallel calls, and give slots back to each other', async () => {
    const key = await fleet.makeKey({ max_parallel_requests: 3 });
    expect(tally(await both(8, (i) => fleet.chat(i, key, { model: 'slow' })))).toEqual({ 200: 3, 429: 5 });
    expect((await fleet.chat(1, key)).status).toBe(200);
  });

  it('share one budget to the last call, and spend all of it', async () => {
    const key = await fleet.makeKey({ max_budget: 10 * PRICE });
    const answers = await both(60, (i) => fleet.chat(i, key, { max_tokens: 10 }));
    expect(tally(answers)).toEqual({ 200: 10, 422: 50 });
    expect(await settledSpend(key, 10 * PRICE)).toBeCloseTo(10 * PRICE, 9);
  });

  it('know within a second of a budget that was raised, and of a key that was blocked', async () => {
    const key = await fleet.makeKey({ max_budget: PRICE });
    expect((await fleet.chat(1, key, { max_tokens: 10 })).status).toBe(200);
    expect((await fleet.chat(0, key, { max_tokens: 10 })).status).toBe(422);
    await fleet.admin200('/key/update', { key, max_budget: 5 * PRICE });
    await eventually('the raise arrives', async () => (await fleet.chat(1, key)).status === 200);
    await fleet.admin200('/key/block', { key });
    await eventually('the block arrives', async () => (await fleet.chat(1, key)).status === 401);
  });

  /** A budget that is given to a key in use has to count what other replicas spent and have not stored. */
  it('count what was spent before there was a budget', async () => {
    const key = await fleet.makeKey();
    await both(20, (i) => fleet.chat(i, key, { max_tokens: 10 }));
    await fleet.admin200('/key/update', { key, max_budget: 25 * PRICE });
    const answers = await both(30, (i) => fleet.chat(i, key, { max_tokens: 10 }));
    const refused = answers.filter(({ status }) => status === 422).length;
    // Those that were on their way before the budget reached their replica are not refused.
    expect(refused).toBeGreaterThan(0);
    expect((await fleet.chat(0, key, { max_tokens: 10 })).status).toBe(422);
  });

  it('ask Redis twice a call', async () => {
    const key = await fleet.makeKey({ rpm_limit: 1_000, tpm_limit: 1_000_000, max_budget: 10 });
    await fleet.chat(0, key, { max_tokens: 10 });
    await fleet.admin.config('RESETSTAT');
    const began = performance.now();
    for (let i = 0; i < 60; i += 1) await fleet.chat(0, key, { max_tokens: 10 });
    const seconds = Math.ceil((performance.now() - began) / 1_000);
    const stats = await fleet.admin.info('commandstats');
    const calls = Number(/cmdstat_evalsha:calls=(\d+)/.exec(stats)?.[1]);
    // What the processes tell Redis of themselves is in it: some twenty a second, however many calls there are.
    expect(calls).toBeLessThanOrEqual(2 * 60 + 20 * (seconds + 1));
  });
});

describe('a Redis that loses its memory', () => {
  it('under load starts a new epoch, and no cap is passed', async () => {
    const key = await fleet.makeKey({ max_budget: 40 * PRICE, rpm_limit: 300 });
    let isOn = true;
    const seen: { status: number }[] = [];
    const lanes = both(6, async (i) => {
      while (isOn) seen.push(await fleet.chat(i, key, { max_tokens: 10 }));
    });
    await eventually('some calls', () => seen.length > 15, 5_000);
    await fleet.admin.flushall();
    await eventually('the budget is used up', () => seen.at(-1)?.status === 422, 10_000);
    isOn = false;
    await lanes;
    const counts = tally(seen);
    expect(counts[200]).toBe(40);
    expect(await settledSpend(key, 40 * PRICE)).toBeCloseTo(40 * PRICE, 9);
  });
});

describe('a Redis that is away', () => {
  it('costs no call more than a moment, stops strict scopes, and is found again by itself', async () => {
    const strict = await fleet.makeKey({ user_id: await userWithBudget() });
    const free = await fleet.makeKey({ rpm_limit: 600, max_budget: 100 });
    await both(4, (i) => fleet.chat(i, free, { max_tokens: 10 }));
    // Money is kept aside about once a second.
    await eventually('money is kept aside', async () => (await fleet.admin.keys('*:h:*')).length >= 2, 4_000);
    await both(4, (i) => fleet.chat(i, free, { max_tokens: 10 }));
    await fleet.redis.kill();
    const began = performance.now();
    const refused = await both(6, (i) => fleet.chat(i, strict, { max_tokens: 10 }));
    expect(tally(refused)).toEqual({ 503: 6 });
    const served = await both(4, (i) => fleet.chat(i, free, { max_tokens: 10 }));
    expect(performance.now() - began).toBeLessThan(2_000);
    expect(served.map(({ status }) => status)).toContain(200);
    for (const { status } of served) expect([200, 503]).toContain(status);
    await fleet.redis.restart();
    await eventually(
      'both replicas count again',
      async () =>
        (await both(2, (i) => fleet.chat(i, strict, { max_tokens: 10 }))).every(
          ({ status }) => status === 200,
        ),
      5_000,
    );
  });
});

describe('a replica that is killed', () => {
  it('gives its slots back within its lease, and what it held stays counted until it is known', async () => {
    const key = await fleet.makeKey({ max_parallel_requests: 2, max_budget: 1 });
    const short = { max_tokens: 10 };
    const before = fleet.provider.requests.length;
    const lost = both(2, () => fleet.chat(1, key, { model: 'slow', ...short }).catch(() => undefined));
    // Nobody asks meanwhile: whoever did could hold one of the two slots when the second of these calls comes, and it would be refused.
    await eventually('both are under way', () => fleet.provider.requests.length === before + 2, 5_000);
    expect((await fleet.chat(0, key, short)).status).toBe(429);
    await fleet.product(1).kill();
    await lost;
    await eventually(
      'the slots are back',
      async () => (await fleet.chat(0, key, short)).status === 200,
      10_000,
    );
    await fleet.product(1).restart();
    // Two calls were lost and are charged whole, one was answered.
    expect(await settledSpend(key, 3 * PRICE)).toBeGreaterThanOrEqual(3 * PRICE - 1e-9);
    expect((await fleet.chat(1, key, short)).status).toBe(200);
  });
});

let users = 0;
async function userWithBudget(): Promise<string> {
  const user_id = `strict-${(users += 1)}`;
  await fleet.admin200('/user/new', { user_id, max_budget: 100, auto_create_key: false });
  return user_id;
}
