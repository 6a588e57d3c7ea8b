import { ManualClock } from '#libs/kernel';
import { describeCounters } from '../conformance.harness.js';
import { CAPS } from '../histories.harness.js';
import { Fleet, startReplica } from './replicas.harness.js';
import { SharedRedis } from '../../../../test/harness/shared-redis.js';

const OVERTAKE_MS = 2_000;

const redis = SharedRedis.forThisFile();
let latest: Fleet | undefined;

/** The one before would fight for the same Redis with an epoch of its own. */
async function endLatest(): Promise<void> {
  for (const replica of latest?.replicas ?? []) await replica.close();
  latest = undefined;
}

for (const [name, replicas, runs] of [
  ['counters in Redis', 1, 25],
  ['counters of three processes on one Redis', 3, 8],
] as const) {
  describeCounters(
    name,
    async () => {
      await endLatest();
      await redis.empty();
      const clock = new ManualClock();
      const fleet = new Fleet(
        await Promise.all(
          Array.from({ length: replicas }, () =>
            startReplica(redis.server.url, clock, redis.epochs, {
              overtakeMs: OVERTAKE_MS,
              now: () => clock.monotonicMs(),
              keepMs: 600_000,
              leaseMs: 600_000,
            }),
          ),
        ),
      );
      latest = fleet;
      const keys = Object.keys(CAPS);
      return {
        counters: fleet,
        advance: async (ms) => {
          clock.advance(ms);
          await fleet.replicas[0]?.tick();
          if (replicas > 1) await fleet.idle(keys);
        },
        idle: () => fleet.idle(keys),
        close: endLatest,
      };
    },
    { overtakeMs: OVERTAKE_MS, startsAtEpochMs: new ManualClock().nowMs(), runs },
  );
}
