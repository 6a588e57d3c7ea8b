import { describe, expect, it } from 'vitest';
import { SharedRedis } from '../../../../test/harness/shared-redis.js';
import { money, perMinute, slot, used } from '../claims.harness.js';
import type { Admission, Claim } from '../counters.js';
import { CountersClosed } from './outage-share.js';
import type { RedisCounters } from './redis-counters.js';

/** Of a process whose wire is cut: it does not wait for Redis for long. */
const CUTTABLE = { timeoutMs: 150 };
const redis = SharedRedis.forThisFile({ leaseMs: 1_200 });
let made = 0;

async function ask(counters: RedisCounters, claims: readonly Claim[], waitMs = 0) {
  return counters.admit({ id: `call ${(made += 1)}`, claims, waitMs });
}

async function askFor(counters: RedisCounters, nano: bigint): Promise<Admission> {
  const verdict = await ask(counters, [money(100n, nano)]);
  if (!verdict.admitted) throw new Error('refused');
  return verdict;
}

async function open(counters: RedisCounters, key = 'usd', settled = 0n): Promise<void> {
  await counters.openTogether(new Map([[key, undefined]]), (keys) =>
    Promise.resolve(new Map([...keys].map((one) => [one, settled]))),
  );
}

describe('a process that was not heard of', () => {
  it('loses its slots with its lease; its money stays counted, and is its own again when it returns', async () => {
    const { counters: lost, relay } = await redis.wired(CUTTABLE);
    const other = await redis.replica();
    await open(other);
    await open(lost);
    const held = await ask(lost, [slot(1), money(100n, 60n)]);
    expect(held).toMatchObject({ admitted: true });
    relay.cut();
    await expect.poll(() => ask(other, [slot(1)]), { timeout: 4_000 }).toMatchObject({ admitted: true });
    expect(await ask(other, [money(100n, 60n)])).toMatchObject({ refused: [{ reason: 'busy' }] });
    relay.restore();
    await expect.poll(() => lost.state, { timeout: 4_000 }).toBe('live');
    if (held.admitted) lost.settle(held.id, used(50n));
    await lost.refresh(['usd']);
    expect(lost.balance('usd')).toEqual({ settledNanoUsd: 50n, heldNanoUsd: 0n });
  });

  it('and does not return counts as having spent what it held: nobody waits for it longer than a lease and a grace', async () => {
    const { counters: dead, relay } = await redis.wired(CUTTABLE);
    const other = await redis.replica();
    const heard: string[] = [];
    other.onFenced(() => heard.push('fenced'));
    await open(dead);
    await open(other);
    const held = await ask(dead, [money(100n, 60n)]);
    relay.cut();
    const began = performance.now();
    const waited = await ask(other, [{ ...money(100n, 60n), minNanoUsd: 50n }], 30_000);
    expect(waited).toMatchObject({ refused: [{ reason: 'over', current: 60n }] });
    // A lease of 1.2 s, two fifths of it as grace, and what lies between two looks.
    expect(performance.now() - began).toBeLessThan(4_000);
    expect(heard).toEqual(['fenced']);
    const rest = await ask(other, [money(100n, 40n)]);
    expect(rest).toMatchObject({ admitted: true });
    if (rest.admitted) other.settle(rest.id, used(0n));
    relay.restore();
    await expect.poll(() => dead.state, { timeout: 4_000 }).toBe('live');
    expect(await ask(other, [money(100n, 60n)])).toMatchObject({
      refused: [{ reason: 'busy', current: 0n }],
    });
    if (held.admitted) dead.settle(held.id, used(15n));
    await dead.refresh(['usd']);
    expect(dead.balance('usd')).toEqual({ settledNanoUsd: 15n, heldNanoUsd: 0n });
    expect(await ask(other, [money(100n, 85n)])).toMatchObject({ admitted: true });
  });

  it('that is buried after it counted as spent gives everything back that its records do not say', async () => {
    const { counters: dead, relay } = await redis.wired(CUTTABLE);
    const other = await redis.replica();
    await open(dead);
    await open(other);
    await ask(dead, [money(100n, 60n)]);
    relay.cut();
    expect(await ask(other, [{ ...money(100n, 60n), minNanoUsd: 50n }], 30_000)).toMatchObject({
      admitted: false,
    });
    await other.bury(dead.incarnation);
    await open(other, 'usd', 7n);
    expect(await ask(other, [money(100n, 93n)])).toMatchObject({ admitted: true, clamped: false });
  });

  /** A counter that is closed while somebody waits for it once left him waiting for his whole thirty seconds. */
  it.each(['recover', 'bury'] as const)(
    'leaves nobody waiting for a counter that was closed because its records were found (%s)',
    async (how) => {
      const { counters: dead, relay } = await redis.wired(CUTTABLE);
      const other = await redis.replica();
      await open(dead);
      await open(other);
      const { id } = await askFor(dead, 60n);
      relay.cut();
      const told = ask(other, [money(100n, 60n)], 30_000).catch((error: unknown) => error);
      await other.refresh([]);
      const began = performance.now();
      if (how === 'recover') other.recover(id, ['usd'], 60n);
      else await other.bury(dead.incarnation);
      expect(await told).toBeInstanceOf(CountersClosed);
      expect(performance.now() - began).toBeLessThan(1_000);
    },
  );

  it('that died is buried with its records: what it held and never sent is free', async () => {
    const { counters: dead, relay } = await redis.wired(CUTTABLE);
    const other = await redis.replica();
    await open(dead);
    await ask(dead, [slot(1), money(100n, 60n)]);
    relay.cut();
    await other.bury(dead.incarnation);
    await open(other, 'usd', 7n);
    expect(await ask(other, [slot(1), money(100n, 93n)])).toMatchObject({ admitted: true, clamped: false });
  });
});

describe('a lost memory', () => {
  it('is rebuilt from what is stored, what is held and what was lately admitted', async () => {
    const [one, two] = [await redis.replica(), await redis.replica()];
    await open(one, 'usd', 10n);
    await open(two, 'usd', 10n);
    const [held] = await Promise.all([
      ask(one, [money(100n, 40n), perMinute(5), slot(2)]),
      ask(two, [money(100n, 40n), perMinute(5), slot(2)]),
    ]);
    const { epoch } = one;
    await redis.admin.flushall();
    await ask(two, [perMinute(5)]).catch(() => undefined);
    await expect.poll(() => one.epoch !== epoch && two.state, { timeout: 4_000 }).toBe('live');
    expect(await ask(two, [slot(2)])).toMatchObject({ admitted: false });
    await open(two, 'usd', 10n);
    expect(await ask(two, [money(100n, 11n)])).toMatchObject({ refused: [{ reason: 'busy', current: 10n }] });
    if (held.admitted) one.settle(held.id, used(1n));
    await one.refresh();
    await two.refresh(['usd']);
    expect(two.balance('usd')).toEqual({ settledNanoUsd: 11n, heldNanoUsd: 40n });
    const more = await Promise.all(Array.from({ length: 9 }, () => ask(one, [perMinute(5)])));
    // Two before, and one whose verdict came from either epoch.
    expect(more.filter(({ admitted }) => admitted).length).toBeLessThanOrEqual(3);
  });

  it('of the script alone is told again', async () => {
    const counters = await redis.replica();
    await redis.admin.script('FLUSH');
    expect(await ask(counters, [perMinute(5)])).toMatchObject({ admitted: true });
  });

  it('is ruled out where Redis may evict', async () => {
    await redis.admin.config('SET', 'maxmemory-policy', 'allkeys-lru');
    try {
      await expect(redis.replica()).rejects.toThrow('Set it to noeviction');
    } finally {
      await redis.admin.config('SET', 'maxmemory-policy', 'noeviction');
    }
  });
});

describe('what Redis remembers', () => {
  const spend = async (amount: bigint): Promise<void> => {
    const counters = await redis.replica();
    await open(counters, 'usd', 0n);
    const one = await ask(counters, [money(100n, amount)]);
    if (one.admitted) counters.settle(one.id, used(amount));
    await counters.refresh(['usd']);
    await counters.close();
  };

  it('is gone on with after a stop of all processes', async () => {
    await spend(60n);
    const next = await redis.replica();
    expect(await ask(next, [money(100n, 60n)])).toMatchObject({ refused: [{ current: 60n }] });
  });

  /** Else somebody is refused for money that, by the books that were restored, was never spent. */
  it.each([
    [
      'one sign of life ago',
      async () => (redis.epochs.ticket = Number(await redis.admin.get('{c}:ticket')) - 1),
    ],
    ['before this epoch', async () => redis.admin.set('{c}:epoch', '7')],
  ])('is forgotten when PostgreSQL was restored to a state %s', async (_, restore) => {
    await spend(60n);
    await restore();
    const [next, other] = await Promise.all([redis.replica(), redis.replica()]);
    await open(next, 'usd', 10n);
    expect(await ask(next, [money(100n, 90n)])).toMatchObject({ admitted: true });
    await expect.poll(() => next.epoch === other.epoch).toBe(true);
  });

  it('in the layout of another release is left to it while it counts, and forgotten after', async () => {
    const running = await redis.replica();
    await open(running, 'usd', 50n);
    await redis.admin.set('{c}:layout', 'another');
    await expect(redis.replica()).rejects.toThrow(/another release count.*stop all of them/);
    await running.close();
    const next = await redis.replica();
    await open(next, 'usd', 10n);
    expect(await ask(next, [money(100n, 90n)])).toMatchObject({ admitted: true });
    expect(await redis.admin.get('{c}:layout')).toBe('1');
  });
});

describe('a counter that is opened while others spend', () => {
  it('has what is stored, and what each process has not stored yet', async () => {
    const tailOf = (nano: bigint) => ({
      hold: <T>(keys: ReadonlySet<string>, work: (tail: ReadonlyMap<string, bigint>) => Promise<T>) =>
        work(new Map([...keys].map((key) => [key, nano]))),
      keys: () => [],
    });
    const one = await redis.replica({}, tailOf(3n));
    const two = await redis.replica({}, tailOf(40n));
    await Promise.all([open(one, 'usd', 500n), open(two, 'usd', 500n), open(two, 'other', 1_000n)]);
    await one.refresh(['usd', 'other']);
    expect(one.balance('usd')).toMatchObject({ settledNanoUsd: 543n });
    expect(one.balance('other')).toMatchObject({ settledNanoUsd: 1_043n });
  });

  it('is asked for by who finds it closed, and never taken for empty', async () => {
    const counters = await redis.replica();
    await expect(ask(counters, [money(100n, 1n)])).rejects.toMatchObject({ code: 'counters.unavailable' });
  });
});

/** A Redis that stood still does what it was asked when it goes on, and answers nobody: connections were given up meanwhile. */
describe('a Redis that stood still', () => {
  const standStill = async (counters: RedisCounters, meanwhile: () => Promise<unknown>): Promise<void> => {
    redis.server.freeze();
    try {
      await meanwhile();
      await expect.poll(() => counters.state, { timeout: 3_000 }).toBe('away');
    } finally {
      redis.server.thaw();
    }
    await expect.poll(() => counters.state, { timeout: 5_000 }).toBe('live');
  };

  it('keeps no money for calls that were told otherwise', async () => {
    const counters = await redis.replica({ timeoutMs: 150 });
    await counters.open('usd', 0n);
    const all = { claims: [money(1_000n, 1_000n)], waitMs: 0 };
    await standStill(counters, async () => {
      await expect(counters.admit({ id: 'lost', ...all })).rejects.toThrow();
    });
    const next = await counters.admit({ id: 'next', ...all });
    expect(next.admitted).toBe(true);
    counters.settle('next', used(1_000n));
  });

  it('keeps no money aside of which nobody knows', async () => {
    const counters = await redis.replica({ timeoutMs: 150, keepsAside: true });
    await counters.open('usd', 0n);
    await counters.admit({ id: 'small', claims: [money(1_000n, 1n)], waitMs: 0 });
    counters.settle('small', used(1n));
    await counters.refresh();
    await standStill(counters, async () => undefined);
    await counters.close();
    expect(await redis.admin.hlen(`{c}:${counters.epoch}:d`)).toBe(0);
  });
});

describe('without Redis', () => {
  it('answers within its time when Redis goes silent', async () => {
    const { counters, relay } = await redis.wired(CUTTABLE);
    await ask(counters, [perMinute(5)]);
    relay.silence();
    const began = performance.now();
    await ask(counters, [slot(9)]).catch(() => undefined);
    expect(performance.now() - began).toBeLessThan(400);
    const again = performance.now();
    await ask(counters, [slot(9)]);
    expect(performance.now() - again).toBeLessThan(50);
  });

  it('spends only what was kept aside, and all of it is known when Redis is back', async () => {
    const { counters, relay } = await redis.wired({ ...CUTTABLE, keepsAside: true });
    const other = await redis.replica();
    await open(counters);
    await open(other);
    const first = await ask(counters, [money(1_000n, 10n)]);
    if (first.admitted) counters.settle(first.id, used(10n));
    const aside = (): Promise<bigint> =>
      other.refresh(['usd']).then(() => other.balance('usd')?.heldNanoUsd ?? 0n);
    await expect.poll(aside, { timeout: 4_000 }).toBe(80n);
    // What Redis has kept aside by now, this process has heard of.
    await counters.refresh(['usd']);
    relay.cut();
    await expect.poll(() => counters.state).toBe('away');
    const alone = await Promise.allSettled(
      Array.from({ length: 12 }, async () => ask(counters, [money(1_000n, 10n)])),
    );
    const admitted = alone.flatMap((one) =>
      one.status === 'fulfilled' && one.value.admitted ? [one.value] : [],
    );
    expect(admitted).toHaveLength(8);
    for (const { id } of admitted.slice(1)) counters.settle(id, used(9n));
    relay.restore();
    await expect.poll(() => counters.state, { timeout: 4_000 }).toBe('live');
    await other.refresh(['usd']);
    expect(other.balance('usd')).toMatchObject({ settledNanoUsd: 10n + 63n });
    const [last] = admitted;
    if (last) counters.settle(last.id, used(9n));
    await counters.refresh(['usd']);
    expect(counters.balance('usd')).toMatchObject({ settledNanoUsd: 10n + 72n });
  });

  it('keeps aside what a few seconds like the busiest of late need', async () => {
    const { counters, relay } = await redis.wired({ ...CUTTABLE, keepsAside: true });
    const other = await redis.replica();
    await open(counters);
    await open(other);
    const callOnce = async (): Promise<void> => {
      const verdict = await ask(counters, [money(1_000_000n, 10n)]);
      if (verdict.admitted) counters.settle(verdict.id, used(1n));
    };
    const aside = async (): Promise<bigint> => {
      await Promise.all(Array.from({ length: 40 }, callOnce));
      await other.refresh(['usd']);
      // What Redis has kept aside by now, this process has heard of.
      await counters.refresh(['usd']);
      return other.balance('usd')?.heldNanoUsd ?? 0n;
    };
    await expect.poll(aside, { timeout: 6_000 }).toBeGreaterThanOrEqual(40n * 8n * 10n);
    relay.cut();
    await expect.poll(() => counters.state).toBe('away');
    await Promise.all(Array.from({ length: 300 }, callOnce));
    relay.restore();
    await expect.poll(() => counters.state, { timeout: 4_000 }).toBe('live');
  });

  it('keeps nothing aside from somebody who needs it', async () => {
    const keeper = await redis.replica({ keepsAside: true });
    const other = await redis.replica();
    await open(keeper);
    await open(other);
    const first = await ask(keeper, [money(1_000n, 10n)]);
    if (first.admitted) keeper.settle(first.id, used(10n));
    await expect
      .poll(() => other.refresh(['usd']).then(() => other.balance('usd')?.heldNanoUsd), { timeout: 4_000 })
      .toBe(80n);
    const began = performance.now();
    expect(await ask(other, [money(1_000n, 990n)], 5_000)).toMatchObject({ admitted: true, clamped: false });
    expect(performance.now() - began).toBeLessThan(1_000);
  });

  it('shares out what is left of a limit, and refuses where nobody knows', async () => {
    const { counters, relay } = await redis.wired(CUTTABLE);
    const other = await redis.replica();
    await expect.poll(() => counters.members, { timeout: 4_000 }).toBe(2);
    for (let i = 0; i < 4; i += 1) await ask(other, [perMinute(14)]);
    await ask(counters, [perMinute(14)]);
    relay.cut();
    await expect.poll(() => counters.state).toBe('away');
    const alone = await Promise.all(Array.from({ length: 9 }, async () => ask(counters, [perMinute(14)])));
    // Nine of fourteen were left, and two count.
    expect(alone.filter(({ admitted }) => admitted)).toHaveLength(4);
    await expect(async () => ask(counters, [{ ...perMinute(9), key: 'unheard' }])).rejects.toThrow();
    relay.restore();
    await expect.poll(() => counters.state, { timeout: 4_000 }).toBe('live');
    expect(await ask(other, [perMinute(14)])).toMatchObject({ standings: [{ remaining: 4 }] });
  });

  it('opens budgets after a moment of silence, and in a longer one says at once that it cannot', async () => {
    const { counters, relay } = await redis.wired(CUTTABLE);
    const read = (keys: ReadonlySet<string>): Promise<Map<string, bigint>> =>
      Promise.resolve(new Map([...keys].map((key) => [key, 5n])));
    relay.cut();
    await expect.poll(() => counters.state).toBe('away');
    const opened = counters.openTogether(new Map([['usd', undefined]]), read);
    relay.restore();
    await opened;
    expect(counters.balance('usd')).toMatchObject({ settledNanoUsd: 5n });
    relay.cut();
    await expect.poll(() => counters.state).toBe('away');
    await expect(counters.openTogether(new Map([['late', undefined]]), read)).rejects.toThrow();
    const began = performance.now();
    await expect(counters.openTogether(new Map([['later', undefined]]), read)).rejects.toThrow();
    expect(performance.now() - began).toBeLessThan(500);
  });

  it('refuses for scopes that are strict', async () => {
    const policy = { isLimitStrict: () => true, isBudgetStrict: () => true };
    const { counters, relay } = await redis.wired({ ...CUTTABLE, policy });
    relay.cut();
    await expect.poll(() => counters.state).toBe('away');
    await expect(async () => ask(counters, [slot(9)])).rejects.toMatchObject({ status: 503 });
  });
});
