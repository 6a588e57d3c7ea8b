import fc from 'fast-check';
import { PROXY_SCOPE } from '#libs/kernel';
import type { Claim, Settlement } from './counters.js';
import type { Asked } from './model-counters.harness.js';

/** One thing that happens to a store; indexes pick among the requests made so far. */
export type Step =
  | { readonly kind: 'admit'; readonly claims: readonly Claim[]; readonly waitMs: number }
  | { readonly kind: 'repeat'; readonly index: number }
  | { readonly kind: 'settle'; readonly index: number; readonly tokens: number; readonly costPercent: number }
  | { readonly kind: 'amend'; readonly index: number; readonly percent: number }
  | { readonly kind: 'abort'; readonly index: number }
  | { readonly kind: 'adjust'; readonly key: string; readonly delta: bigint }
  | { readonly kind: 'advance'; readonly ms: number };

export const WINDOW_MS = 6_000;
export const CAPS: Readonly<Record<string, bigint>> = { 'money:a': 1_000n, 'money:b': 1_500n };

const scope = PROXY_SCOPE;
const SHARES = { first: 3, second: 2, rest: 0 } as const;

/** Few counters with low limits, so that every history meets them all. */
const claims = fc
  .record({
    a: fc.boolean(),
    b: fc.boolean(),
    slots: fc.boolean(),
    pool: fc.option(fc.constantFrom('first', 'second', 'rest'), { nil: undefined }),
    isElastic: fc.boolean(),
    tokens: fc.option(fc.integer({ min: 0, max: 110 }), { nil: undefined }),
    money: fc.constantFrom('none', 'a', 'b', 'both'),
    full: fc.integer({ min: 0, max: 1_200 }),
    minPercent: fc.integer({ min: 0, max: 120 }),
  })
  .map(({ a, b, slots, pool, isElastic, tokens, money, full, minPercent }): Claim[] => {
    const list: Claim[] = [];
    const windowMs = WINDOW_MS;
    if (a)
      list.push({
        kind: 'window',
        key: 'requests:a',
        scope,
        measure: 'requests',
        limit: 4,
        windowMs,
        amount: 1,
      });
    if (b)
      list.push({
        kind: 'window',
        key: 'requests:b',
        scope,
        measure: 'requests',
        limit: 6,
        windowMs,
        amount: 1,
      });
    if (tokens !== undefined) {
      const atLeast = Math.floor(tokens / 3);
      for (const [key, limit] of [
        ['tokens:a', 100],
        ['tokens:b', 130],
      ] as const) {
        list.push({
          kind: 'window',
          key,
          scope,
          measure: 'total_tokens',
          limit,
          windowMs,
          amount: tokens,
          ...(isElastic && { atLeast }),
        });
      }
    }
    if (pool !== undefined)
      list.push({
        kind: 'pool',
        key: 'pool',
        poolKey: `pool:${pool}`,
        scope,
        pool,
        measure: 'requests',
        limit: 5,
        freeUntil: 3,
        share: SHARES[pool],
        windowMs,
        amount: 1,
      });
    if (slots) list.push({ kind: 'gauge', key: 'slots', scope, limit: 3 });
    const fullNanoUsd = BigInt(full);
    const minNanoUsd = (fullNanoUsd * BigInt(minPercent)) / 100n;
    for (const [key, capNanoUsd] of Object.entries(CAPS)) {
      if (money !== 'both' && key !== `money:${money}`) continue;
      const ends = key === 'money:b' && { periodEndsAtMs: Date.UTC(2027, 0, 1) };
      list.push({ kind: 'money', key, scope, budget: 'main', capNanoUsd, minNanoUsd, fullNanoUsd, ...ends });
    }
    return list;
  });

const index = fc.nat({ max: 1_000 });

function steps(mostPercent: number): fc.Arbitrary<Step> {
  return fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        kind: fc.constant('admit' as const),
        claims,
        waitMs: fc.constantFrom(0, 3_000, 30_000),
      }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('repeat' as const), index }) },
    {
      weight: 4,
      arbitrary: fc.record({
        kind: fc.constant('settle' as const),
        index,
        tokens: fc.integer({ min: 0, max: mostPercent }),
        costPercent: fc.integer({ min: 0, max: mostPercent }),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constant('amend' as const),
        index,
        percent: fc.integer({ min: 0, max: 120 }),
      }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('abort' as const), index }) },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constant('adjust' as const),
        key: fc.constantFrom(...Object.keys(CAPS)),
        delta: fc.bigInt({ min: -400n, max: mostPercent > 100 ? 100n : 0n }),
      }),
    },
    {
      weight: 3,
      arbitrary: fc.record({
        kind: fc.constant('advance' as const),
        ms: fc.oneof(fc.integer({ min: 1, max: 200 }), fc.integer({ min: 1, max: 7_000 })),
      }),
    },
  );
}

/** Histories in which calls may cost more than was held, as with a wrong price. */
export const anyHistory = fc.array(steps(150), { minLength: 1, maxLength: 70, size: 'max' });
/** Histories in which providers honour their caps and nobody adds spend from outside. */
export const honestHistory = fc.array(steps(100), { minLength: 1, maxLength: 70, size: 'max' });

/** `percent` of what the call took, in tokens and in money. */
export function usedBy(
  asked: Asked,
  tokensHeld: number,
  granted: bigint,
  tokens: number,
  costPercent: number,
): Settlement {
  const totalTokens = Math.floor((tokensHeld * tokens) / 100);
  const requests = asked.claims.length % 5 === 0 ? 0 : 1;
  return {
    requests,
    inputTokens: 0,
    outputTokens: totalTokens,
    totalTokens,
    costNanoUsd: (granted * BigInt(costPercent)) / 100n,
  };
}
