import { type Scope, SystemClock } from '#libs/kernel';
import type { Claim, MoneyClaim } from './counters.js';
import { internKey } from './keys.js';
import { LocalCounters } from './local-counters.js';

/**
 * What one admission and its settlement cost: three scopes with requests, tokens and slots, three budgets.
 * After a build: `node --experimental-transform-types --import ./test/chaos/typescript.mjs libs/counters/src/cost.bench.ts`.
 */
const KEYS = 10_000;
const ROUNDS = 1_000_000;
const counters = new LocalCounters(new SystemClock());
const scope: Scope = { type: 'key', id: 'key' };

const perKey = Array.from({ length: KEYS }, (_, i) => {
  const names = [`key:${i}`, `user:${i % 1_000}`, `team:${i % 100}`];
  const money = names.map((name): MoneyClaim => {
    counters.open(internKey(`usd:${name}`), 0n);
    return {
      kind: 'money',
      key: internKey(`usd:${name}`),
      scope,
      budget: 'main',
      capNanoUsd: 10n ** 15n,
      minNanoUsd: 100n,
      fullNanoUsd: 5_000n,
    };
  });
  const limits = names.flatMap((name): Claim[] => [
    {
      kind: 'window',
      key: internKey(`requests:${name}`),
      scope,
      measure: 'requests',
      limit: 1e9,
      windowMs: 60_000,
      amount: 1,
    },
    {
      kind: 'window',
      key: internKey(`tokens:${name}`),
      scope,
      measure: 'total_tokens',
      limit: 1e12,
      windowMs: 60_000,
      amount: 1_100,
    },
    { kind: 'gauge', key: internKey(`slots:${name}`), scope, limit: 1e6 },
  ]);
  return [...limits, ...money];
});
const used = { requests: 1, inputTokens: 10, outputTokens: 20, totalTokens: 30, costNanoUsd: 700n };

function round(count: number): number {
  const startedAt = performance.now();
  for (let i = 0; i < count; i += 1) {
    const id = `req_${i}_${count}`;
    const verdict = counters.admit({ id, claims: perKey[i % KEYS] ?? [], waitMs: 30_000 });
    if (verdict instanceof Promise || !verdict.admitted) throw new Error('refused');
    counters.settle(id, used);
  }
  return ((performance.now() - startedAt) / count) * 1_000;
}

round(ROUNDS / 10);
for (let i = 1; i <= 3; i += 1) {
  console.log(
    `${round(ROUNDS + i).toFixed(2)} us per request, ${Math.round(process.memoryUsage().rss / 2 ** 20)} MB resident`,
  );
}
console.log(counters.sizes());
