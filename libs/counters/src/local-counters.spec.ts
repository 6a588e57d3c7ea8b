import { beforeEach, describe, expect, it } from 'vitest';
import { ManualClock } from '#libs/kernel';
import { money as moneyOf, perMinute, slot } from './claims.harness.js';
import type { Admission, Claim, MoneyClaim, Refusal, Settlement, WindowClaim } from './counters.js';
import { LocalCounters } from './local-counters.js';

const NOTHING: Settlement = { requests: 1, inputTokens: 0, outputTokens: 0, totalTokens: 0, costNanoUsd: 0n };
const USD = 1_000_000_000n;

const tokens = (limit: number, amount: number, atLeast?: number): WindowClaim => ({
  ...perMinute(limit, 'tpm'),
  measure: 'total_tokens',
  amount,
  ...(atLeast !== undefined && { atLeast }),
});
const money = (key: string, cap: bigint, min: bigint, full: bigint, periodEndsAtMs?: number): MoneyClaim => ({
  ...moneyOf(cap, full, key, min),
  ...(periodEndsAtMs !== undefined && { periodEndsAtMs }),
});

let clock: ManualClock;
let counters: LocalCounters;
let made = 0;

beforeEach(() => {
  clock = new ManualClock();
  counters = new LocalCounters(clock, { overtakeMs: 5_000, maxWaitersPerBudget: 30 });
  counters.open('usd', 0n);
});

function ask(claims: readonly Claim[], waitMs = 0, id = `request ${(made += 1)}`, signal?: AbortSignal) {
  return counters.admit({ id, claims, waitMs, ...(signal && { signal }) });
}

/** For calls that must be decided at once. */
function now(claims: readonly Claim[], id?: string): Admission | Refusal {
  const verdict = ask(claims, 0, id);
  if (verdict instanceof Promise) throw new Error('it waits');
  return verdict;
}

function pass(ms: number): void {
  clock.advance(ms);
  counters.tick();
}

describe('an admission', () => {
  it('takes all or nothing: a refused caller costs the other scopes nothing', () => {
    now([perMinute(1, 'key')]);
    for (let i = 0; i < 5; i += 1)
      expect(
        now([perMinute(50, 'user'), slot(9), money('usd', 100n, 1n, 10n), perMinute(1, 'key')]),
      ).toMatchObject({ admitted: false });
    expect(now([perMinute(50, 'user'), slot(9)])).toMatchObject({
      standings: [{ remaining: 49 }, { remaining: 8 }],
    });
    expect(counters.balance('usd')).toEqual({ settledNanoUsd: 0n, heldNanoUsd: 0n });
  });

  it('names every limit in the way, money first', () => {
    counters.adjust('usd', 100n);
    const verdict = now([perMinute(0), slot(0), money('usd', 100n, 1n, 5n)]);
    expect(verdict).toMatchObject({
      refused: [{ claim: { kind: 'money' } }, { claim: { key: 'rpm' } }, { claim: { key: 'slots' } }],
    });
  });

  it('is taken once however often it is asked, before and after its end', () => {
    const first = now([perMinute(5), slot(5), money('usd', 100n, 1n, 10n)], 'same');
    expect(now([perMinute(5), slot(5), money('usd', 100n, 1n, 10n)], 'same')).toBe(first);
    counters.settle('same', { ...NOTHING, costNanoUsd: 7n });
    counters.settle('same', { ...NOTHING, costNanoUsd: 7n });
    expect(now([perMinute(5)], 'same')).toBe(first);
    expect(counters.balance('usd')).toEqual({ settledNanoUsd: 7n, heldNanoUsd: 0n });
    expect(now([perMinute(5), slot(5)])).toMatchObject({ standings: [{ remaining: 3 }, { remaining: 4 }] });
  });

  it('lets exactly the allowed number of 500 callers in', async () => {
    const claims = [perMinute(40), slot(30), money('usd', 100n, 1n, 4n)];
    const verdicts = await Promise.all(Array.from({ length: 500 }, async () => ask(claims)));
    expect(verdicts.filter(({ admitted }) => admitted)).toHaveLength(25);
  });

  /** A NaN that came through parsing would make every later comparison false, and with it the limit void. */
  it.each([Number.NaN, -1, 0.5, Infinity])('refuses to count %s', (amount) => {
    expect(() => now([tokens(100, amount)])).toThrow('cannot be taken');
    expect(now([tokens(100, 100)])).toMatchObject({ admitted: true });
    expect(now([tokens(100, 1)])).toMatchObject({ admitted: false });
  });

  it('refuses when the limit itself is not a number', () => {
    expect(now([perMinute(Number.NaN)])).toMatchObject({ admitted: false });
  });

  /** A counter that was lost or never loaded must stop the call; taken for zero it would let a spent budget start over. */
  it('fails when its budget was never opened, and takes nothing', () => {
    expect(() => now([perMinute(5), money('lost', 100n, 1n, 10n)])).toThrow(
      expect.objectContaining({ code: 'counters.unavailable' }),
    );
    expect(now([perMinute(5)])).toMatchObject({ standings: [{ remaining: 4 }] });
  });
});

describe('tokens', () => {
  it('settle in the cell that admitted them, down and up', () => {
    now([tokens(1_000, 600)], 'less');
    now([tokens(1_000, 100)], 'more');
    counters.settle('less', { ...NOTHING, totalTokens: 50 });
    counters.settle('more', { ...NOTHING, totalTokens: 900 });
    expect(now([tokens(1_000, 51)])).toMatchObject({ refused: [{ current: 950 }] });
    expect(now([tokens(1_000, 50)])).toMatchObject({ admitted: true });
  });

  it('of a call that outlives its window give the next window nothing', () => {
    now([tokens(1_500, 1_401)], 'long');
    pass(61_000);
    now([tokens(1_500, 1_000)]);
    counters.settle('long', { ...NOTHING, totalTokens: 12 });
    expect(now([tokens(1_500, 501)])).toMatchObject({ admitted: false, refused: [{ current: 1_000 }] });
  });

  it('never pass when one call needs more than the limit, and no time is promised', () => {
    expect(now([tokens(100, 101)])).toEqual({
      admitted: false,
      waitedMs: 0,
      refused: [{ claim: tokens(100, 101), reason: 'over', current: 0 }],
    });
  });

  it('of an elastic claim shrink to what is left, but not below the minimum', () => {
    now([tokens(100, 60)]);
    expect(now([tokens(100, 80, 30)], 'elastic')).toMatchObject({
      elasticAmount: 40,
      standings: [{ remaining: 0 }],
    });
    counters.settle('elastic', { ...NOTHING, totalTokens: 20 });
    expect(now([tokens(100, 80, 21)])).toMatchObject({ refused: [{ current: 80 }] });
    expect(now([tokens(100, 80, 20)])).toMatchObject({ elasticAmount: 20 });
  });
});

describe('money', () => {
  it('refuses for settled money only, and tells when the period ends', () => {
    counters.adjust('usd', 95n);
    const verdict = now([money('usd', 100n, 6n, 50n, clock.nowMs() + 5_000)]);
    expect(verdict).toMatchObject({ refused: [{ reason: 'over', current: 95n, retryAfterMs: 5_000 }] });
    expect(now([money('usd', 100n, 5n, 50n)])).toMatchObject({ grantedNanoUsd: 5n, clamped: true });
  });

  it('is refused at the cap even to a call that costs nothing', () => {
    expect(now([money('usd', 0n, 0n, 0n)])).toMatchObject({ admitted: false });
  });

  it('shares one grant between all budgets: what the poorest pays', () => {
    counters.open('team', 40n);
    expect(now([money('usd', 100n, 5n, 90n), money('team', 60n, 5n, 90n)])).toMatchObject({
      grantedNanoUsd: 20n,
      clamped: true,
    });
    expect(counters.balance('usd')).toEqual({ settledNanoUsd: 0n, heldNanoUsd: 20n });
    expect(counters.balance('team')).toEqual({ settledNanoUsd: 40n, heldNanoUsd: 20n });
  });

  it('is taken once when two caps watch one balance', () => {
    now([money('usd', 100n, 1n, 10n), money('usd', 50n, 1n, 10n)], 'twice');
    expect(counters.balance('usd')).toMatchObject({ heldNanoUsd: 10n });
    counters.settle('twice', { ...NOTHING, costNanoUsd: 4n });
    expect(counters.balance('usd')).toEqual({ settledNanoUsd: 4n, heldNanoUsd: 0n });
  });

  /** Agents with large prompts hold far more than they spend: holds may delay them, never refuse or cut them. */
  it('lets 20 dear agents finish on a small budget: none refused, none clamped, nothing overspent', async () => {
    const claim = money('usd', 25n * USD, (50n * USD) / 100n, (130n * USD) / 100n);
    const verdicts = Array.from({ length: 20 }, async (_, i) => {
      const verdict = await ask([claim], 30_000, `agent ${i}`);
      if (verdict.admitted)
        queueMicrotask(() => counters.settle(`agent ${i}`, { ...NOTHING, costNanoUsd: (51n * USD) / 100n }));
      return verdict;
    });
    for (const verdict of await Promise.all(verdicts))
      expect(verdict).toMatchObject({ admitted: true, clamped: false });
    expect(counters.balance('usd')).toEqual({ settledNanoUsd: (1020n * USD) / 100n, heldNanoUsd: 0n });
  });
});

describe('waiting for money held by others', () => {
  const large = money('usd', 100n, 5n, 80n);
  const small = money('usd', 100n, 5n, 15n);
  const spend = (id: string, costNanoUsd: bigint) => counters.settle(id, { ...NOTHING, costNanoUsd });

  it('holds nothing else, and is served in order of arrival', async () => {
    now([large], 'holder');
    const order: string[] = [];
    const waits = ['second', 'third'].map(async (id) => {
      const verdict = await ask([large, perMinute(9), slot(1)], 30_000, id);
      order.push(id);
      return verdict;
    });
    expect(counters.sizes()).toMatchObject({ held: 1, waiting: 2 });
    expect(now([perMinute(9), slot(1)], 'passer-by')).toMatchObject({
      standings: [{ remaining: 8 }, { remaining: 0 }],
    });
    spend('passer-by', 0n);
    spend('holder', 1n);
    expect(await waits[0]).toMatchObject({ admitted: true, grantedNanoUsd: 80n });
    spend('second', 1n);
    expect(await waits[1]).toMatchObject({ admitted: true });
    expect(order).toEqual(['second', 'third']);
  });

  it('ends as busy, never as over, with a time to come back', async () => {
    now([large], 'holder');
    const waiting = ask([large], 3_000);
    pass(3_000);
    const refused = [{ claim: large, reason: 'busy', current: 0n, retryAfterMs: 1_000 }];
    expect(await waiting).toEqual({ admitted: false, waitedMs: 3_000, refused });
    expect(counters.sizes().waiting).toBe(0);
  });

  it('ends as over as soon as the money is spent', async () => {
    now([large], 'holder');
    const waiting = ask([large], 30_000);
    spend('holder', 96n);
    expect(await waiting).toMatchObject({ refused: [{ reason: 'over', current: 96n }] });
  });

  it('is clamped to what is left, once nobody holds any of it', async () => {
    now([small], 'holder');
    counters.adjust('usd', 30n);
    const waiting = ask([large], 30_000);
    spend('holder', 5n);
    expect(await waiting).toMatchObject({ grantedNanoUsd: 65n, clamped: true });
  });

  it('checks the windows when its turn comes, and is refused by them then', async () => {
    now([large], 'holder');
    const waiting = ask([large, perMinute(1)], 30_000);
    now([perMinute(1)]);
    pass(1_000);
    spend('holder', 1n);
    expect(await waiting).toMatchObject({
      waitedMs: 1_000,
      refused: [{ claim: { key: 'rpm' }, reason: 'over' }],
    });
  });

  it('is not entered when a limit is over anyway', () => {
    now([large], 'holder');
    expect(now([large, perMinute(0)])).toMatchObject({ refused: [{ claim: { key: 'rpm' } }] });
  });

  it('leaves nothing behind when the caller hangs up', async () => {
    now([large], 'holder');
    const caller = new AbortController();
    const waiting = ask([large, slot(1)], 30_000, 'gone', caller.signal);
    caller.abort();
    expect(await waiting).toMatchObject({ admitted: false });
    spend('holder', 0n);
    expect(counters.balance('usd')).toEqual({ settledNanoUsd: 0n, heldNanoUsd: 0n });
    expect(now([large, slot(1)])).toMatchObject({ admitted: true });
  });

  it('is not entered by a caller who has hung up, or will not wait', () => {
    now([large], 'holder');
    expect(ask([large], 30_000, 'gone', AbortSignal.abort())).toMatchObject({
      refused: [{ reason: 'busy' }],
    });
    expect(ask([large], 0)).toMatchObject({ refused: [{ reason: 'busy' }] });
  });

  it('is bounded in length', () => {
    now([large], 'holder');
    for (let i = 0; i < 30; i += 1) expect(ask([large], 30_000)).toBeInstanceOf(Promise);
    expect(ask([large], 30_000)).toMatchObject({ admitted: false, refused: [{ reason: 'busy' }] });
  });

  it('lets small calls pass at first, but a stream of them cannot keep a large one out', async () => {
    now([small], 'old');
    now([small], 'older');
    const waiting = ask([large], 30_000, 'large');
    pass(4_999);
    expect(now([small], 'young')).toMatchObject({ admitted: true });
    pass(1);
    expect(now([small])).toMatchObject({ refused: [{ reason: 'busy' }] });
    for (const id of ['old', 'older', 'young']) spend(id, 1n);
    expect(await waiting).toMatchObject({ admitted: true, waitedMs: 5_000 });
  });

  it('ends early when a hold is lowered or money comes back', async () => {
    now([large], 'holder');
    const first = ask([small, perMinute(9)], 30_000);
    const second = ask([large], 30_000);
    counters.amend('holder', 20n);
    counters.amend('holder', 70n);
    expect(await first).toMatchObject({ admitted: true });
    counters.adjust('usd', -15n);
    expect(await second).toMatchObject({ admitted: true });
  });
});

describe('slots', () => {
  it('come back at settlement, and the advice to a refused caller follows how long calls take', () => {
    now([slot(1)], 'first');
    expect(now([slot(1)])).toMatchObject({ refused: [{ current: 1, retryAfterMs: 1_000 }] });
    pass(4_000);
    counters.settle('first', NOTHING);
    expect(now([slot(1)])).toMatchObject({ admitted: true });
    expect(now([slot(1)])).toMatchObject({ refused: [{ retryAfterMs: 4_000 }] });
  });

  it('of a limit of none are never promised', () => {
    expect(now([slot(0)])).toEqual({
      admitted: false,
      waitedMs: 0,
      refused: [{ claim: slot(0), reason: 'over', current: 0 }],
    });
  });
});

describe('memory', () => {
  it('of idle counters is given back; money stays until an hour after its period', () => {
    counters.open('ending', 5n, clock.nowMs() + 60_000);
    for (let i = 0; i < 3_000; i += 1) now([perMinute(9, `rpm ${i}`)], `call ${i}`);
    expect(counters.sizes()).toMatchObject({ windows: 3_000, budgets: 2 });
    pass(61_000);
    for (let i = 0; i < 20; i += 1) pass(1_000);
    expect(counters.sizes()).toMatchObject({ windows: 0, budgets: 2 });
    pass(3_600_000);
    pass(1_000);
    expect(counters.isOpen('ending')).toBe(false);
    expect(counters.isOpen('usd')).toBe(true);
  });
});
