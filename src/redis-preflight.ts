import { setTimeout as delay } from 'node:timers/promises';
import type { Config } from '#libs/config';
import { findRedisProblem } from '#libs/counters';
import type { Logger } from '#libs/telemetry';

/** A Redis that is started together with us is there by then; longer is the orchestrator's business, which starts us again. */
const PATIENCE_MS = 30_000;
const PAUSE_MS = 1_000;
/** One line in this many attempts. */
const TOLD_EVERY = 5;

/**
 * Resolves once the Redis that all replicas count in can be used. One that does not come in time, or that waiting does not mend
 * (a wrong password, an untrusted certificate, an eviction policy), ends the start with a sentence: counting alone beside others would
 * let every limit pass twice.
 */
export async function waitForRedis(
  { redisUrl: url, redisAuthorities: authorities }: Config['stores'],
  logger: Logger,
  { patienceMs = PATIENCE_MS, pauseMs = PAUSE_MS, find = findRedisProblem } = {},
): Promise<void> {
  if (!url) return;
  const deadline = performance.now() + patienceMs;
  for (let attempt = 0; ; attempt += 1) {
    const problem = await find({ url, authorities });
    if (problem === undefined) return;
    if (!problem.mayPass) throw new Error(problem.text);
    const leftMs = deadline - performance.now();
    if (leftMs <= 0)
      throw new Error(`${problem.text} Limits and budgets are counted there: nothing is served without it.`);
    if (attempt % TOLD_EVERY === 0)
      logger.warn(
        {},
        `${problem.text} It is tried again for ${Math.ceil(leftMs / 1_000)} s; nothing is served before.`,
      );
    await delay(pauseMs);
  }
}
