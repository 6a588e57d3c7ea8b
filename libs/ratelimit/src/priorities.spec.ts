import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Claim, LocalCounters } from '#libs/counters';
import { ManualClock, type Principal } from '#libs/kernel';
import { Priorities, sharesOf } from './priorities.js';
import type { LimitedCall } from './token-hold.js';

const settings = (weights: Record<string, number>, saturation = 0.8) => ({
  weights: Object.fromEntries(
    Object.entries(weights).map(([name, value]) => [name, { type: 'percent' as const, value }]),
  ),
  saturation,
});
const shares = (weights: Record<string, number>, limit: number) =>
  Object.fromEntries(sharesOf(settings(weights), limit, { requests: limit }));

describe('the shares of a model', () => {
  it.each<[string, Record<string, number>, number, Record<string, number>]>([
    ['are the weights', { premium: 0.75, standard: 0.25 }, 200, { premium: 150, standard: 50, default: 1 }],
    ['leave the rest to the default pool', { prod: 0.9 }, 100, { prod: 90, default: 10 }],
    [
      'are divided by the sum where that is more than one',
      { a: 0.6, b: 0.8 },
      100,
      { a: 43, b: 57, default: 1 },
    ],
    ['are exact where products of decimals are not', { a: 0.57, b: 0.43 }, 100, { a: 57, b: 43, default: 1 }],
    ['are all the default pool’s without names', {}, 10, { default: 10 }],
    ['are at least one', { a: 0.25, b: 0.75 }, 3, { a: 1, b: 2, default: 1 }],
  ])('%s', (_, weights, limit, expected) => {
    expect(shares(weights, limit)).toEqual(expected);
  });

  it('lose nothing to rounding', () => {
    const weights = fc.array(fc.integer({ min: 1, max: 100 }), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(weights, fc.integer({ min: 20, max: 5_000 }), (parts, limit) => {
        const sum = parts.reduce((a, b) => a + b, 0);
        const named = Object.fromEntries(parts.map((part, i) => [`class ${i}`, part / sum]));
        const given = Object.values(shares(named, limit)).reduce((a, b) => a + b, 0);
        // The default pool, which is left nothing, and classes rounded to nothing still get one each.
        expect(given).toBeGreaterThanOrEqual(limit);
        expect(given).toBeLessThanOrEqual(limit + parts.length + 1);
      }),
    );
  });
});

describe('callers of several classes', () => {
  const deployments = [
    { id: 'a', requestsPerMinute: 150 },
    { id: 'b', requestsPerMinute: 50 },
  ];
  const call: LimitedCall = {
    modelGroup: 'm',
    tokensBound: 10,
    facts: {
      endpoint: 'chat',
      requestedModel: 'm',
      stream: false,
      inputTokenBound: 10,
      choices: 1,
      tags: [],
    },
  };
  const start = () => {
    const clock = new ManualClock();
    const counters = new LocalCounters(clock);
    const priorities = new Priorities(settings({ premium: 0.75, standard: 0.25 }), 60_000, 'total');
    let made = 0;
    const ask = (priority: string): boolean => {
      const claims: Claim[] = [];
      priorities.claim({ priority } as Principal, call, deployments, claims);
      const verdict = counters.admit({ id: `${(made += 1)}`, claims, waitMs: 0 });
      return !(verdict instanceof Promise) && verdict.admitted;
    };
    return { clock, ask };
  };
  const count = (ask: (priority: string) => boolean, priority: string, times: number) =>
    Array.from({ length: times }, () => ask(priority)).filter(Boolean).length;

  it('are served as they come until the model is saturated; what is left then is premium’s', () => {
    const { ask } = start();
    expect(count(ask, 'standard', 400)).toBe(160);
    expect(count(ask, 'premium', 400)).toBe(40);
  });

  it('each get their share in every window while both ask for three times that', () => {
    const { clock, ask } = start();
    const admitted = { premium: [] as number[], standard: [] as number[] };
    const windows = 6;
    // 600 a minute, three premium to one standard, evenly mixed.
    for (let i = 0; i < 600 * windows; i += 1) {
      const priority = i % 4 === 3 ? 'standard' : 'premium';
      if (ask(priority)) admitted[priority].push(i * 100);
      clock.advance(100);
    }
    for (let window = 1; window < windows; window += 1) {
      const within = (times: number[]) => times.filter((at) => Math.floor(at / 60_000) === window).length;
      expect(within(admitted.premium)).toBeGreaterThanOrEqual(0.95 * 150);
      expect(within(admitted.standard)).toBeGreaterThanOrEqual(0.95 * 50);
    }
  });

  it('have nothing divided where a deployment of the group has no limit', () => {
    const claims: Claim[] = [];
    new Priorities(settings({ premium: 0.75 }), 60_000, 'total').claim(
      { priority: 'premium' } as Principal,
      call,
      [{ id: 'a', requestsPerMinute: 5 }, { id: 'b' }],
      claims,
    );
    expect(claims).toEqual([]);
  });
});
