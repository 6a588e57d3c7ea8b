import { Redis } from 'ioredis';
import { afterAll, beforeAll } from 'vitest';
import { ManualClock } from '#libs/kernel';
import { type RedisServer, startRedis } from '../../../../test/harness/redis.js';
import { describeCounters } from '../conformance.js';
import { CAPS } from '../histories.js';
import { Fleet, MemoryEpochs, startReplica } from './replicas.harness.js';

const OVERTAKE_MS = 2_000;

let server: RedisServer;
let admin: Redis;
let latest: Fleet | undefined;

/** The one before would fight for the same Redis with an epoch of its own. */
async function endLatest(): Promise<void> {
  for (const replica of latest?.replicas ?? []) await replica.close();
  latest = undefined;
}

beforeAll(async () => {
  server = await startRedis();
  admin = new Redis(server.url);
});

afterAll(async () => {
  admin.disconnect();
  await server.stop();
});

for (const [name, replicas, runs] of [
  ['counters in Redis', 1, 25],
  ['counters of three processes on one Redis', 3, 8],
] as const) {
  describeCounters(
    name,
    async () => {
      await endLatest();
      await admin.flushall();
      const clock = new ManualClock();
      const epochs = new MemoryEpochs();
      const fleet = new Fleet(
        await Promise.all(
          Array.from({ length: replicas }, () =>
            startReplica(server.url, clock, epochs, {
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
