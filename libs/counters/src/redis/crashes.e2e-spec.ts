import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { KEYS, MortalFleet } from '../../../../test/harness/mortal-fleet.js';
import { SharedRedis } from '../../../../test/harness/shared-redis.js';

/** The lease is twice the time between two signs of life: only the dead lose it. */
const redis = SharedRedis.forThisFile({ leaseMs: 1_000, timeoutMs: 1_000 });

const index = fc.nat({ max: 50 });
/** What nobody could read the records of is charged after this long: within the history, or never. */
const doubtMs = fc.constantFrom(2_500, 900_000);
const step = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('call' as const),
      index,
      keys: fc.constantFrom<readonly string[]>(['budget:a'], ['budget:b'], KEYS),
      full: fc.integer({ min: 100, max: 600 }),
      minPercent: fc.integer({ min: 1, max: 100 }),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('settle' as const),
      index,
      percent: fc.integer({ min: 0, max: 100 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('kill' as const), index }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('bury' as const), index }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('pause' as const),
      index,
      percent: fc.integer({ min: 0, max: 100 }),
      isHeard: fc.boolean(),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('resume' as const), index }) },
  // Past the lease, past the grace, or neither.
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.constantFrom(50, 1_600, 2_100) }),
  },
);

describe('processes that are killed or frozen at any moment', () => {
  it('leave no cap passed, and the counters at what their records say', { timeout: 180_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 8, maxLength: 40 }), doubtMs, async (steps, inDoubtMs) => {
        const fleet = await MortalFleet.start(redis, 3, inDoubtMs);
        for (const one of steps) {
          if (one.kind === 'call') {
            const full = BigInt(one.full);
            await fleet.call(one.index, one.keys, full, (full * BigInt(one.minPercent)) / 100n);
          } else if (one.kind === 'settle') fleet.settle(one.index, one.percent);
          else if (one.kind === 'kill') fleet.kill(one.index);
          else if (one.kind === 'bury') fleet.bury(one.index)?.catch(() => undefined);
          else if (one.kind === 'pause') await fleet.pause(one.index, one.percent, one.isHeard);
          else if (one.kind === 'resume') fleet.resume(one.index);
          else await new Promise((resolve) => setTimeout(resolve, one.ms));
          expect(fleet.overspent()).toEqual([]);
        }
        await fleet.end();
        await expect.poll(() => fleet.differences(), { timeout: 5_000 }).toEqual([]);
        expect(fleet.overspent()).toEqual([]);
      }),
      { numRuns: 6, endOnFailure: true, interruptAfterTimeLimit: 60_000 },
    );
  });
});
