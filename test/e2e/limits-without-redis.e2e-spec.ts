import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, modelEntry } from '../harness/governed-product.js';
import { Replicas } from '../harness/replicas.js';

const LIMIT = 40;
const PER_SECOND = 10;

let fleet: Replicas;
beforeAll(async () => {
  fleet = await Replicas.start(2, (provider) => ({ model_list: [modelEntry('m', provider)] }));
}, 120_000);
afterAll(() => fleet?.dispose());

interface Heard {
  readonly atMs: number;
  readonly status: number;
  readonly tookMs: number;
}

/** Asks both replicas in turn, so often a second, for so long. */
async function steady(key: string, seconds: number): Promise<Heard[]> {
  const calls: Promise<Heard>[] = [];
  for (let i = 0; i < seconds * PER_SECOND; i += 1) {
    const atMs = performance.now();
    calls.push(fleet.chat(i, key).then(({ status }) => ({ atMs, status, tookMs: performance.now() - atMs })));
    await delay(1_000 / PER_SECOND);
  }
  return Promise.all(calls);
}

const admitted = (heard: readonly Heard[]): Heard[] => heard.filter(({ status }) => status === 200);

describe('a limit of requests whose Redis is killed', () => {
  /** LiteLLM counts on in each process alone: measured, 20 of 30 calls through a limit of 10 on two pods. */
  it('is passed by no more than the fleet took in its last second, and is known again when Redis is back', async () => {
    const key = await fleet.makeKey({ rpm_limit: LIMIT });
    const before = await steady(key, 1.5);
    expect(admitted(before)).toHaveLength(15);
    await fleet.redis.kill();
    const killedAtMs = performance.now();
    const after = await steady(key, 6);
    const lastSecond = admitted(before).filter(({ atMs }) => atMs > killedAtMs - 1_000).length;
    const sum = admitted(before).length + admitted(after).length;
    expect(sum).toBeLessThanOrEqual(LIMIT + lastSecond);
    // Each gives out its part of what was left.
    expect(sum).toBeGreaterThan(LIMIT / 2);
    for (const { status, tookMs } of after) {
      expect([200, 429, 503]).toContain(status);
      expect(tookMs).toBeLessThan(2_000);
    }
    await fleet.redis.restart();
    await eventually(
      'both replicas count again',
      async () => {
        const answers = await Promise.all([fleet.chat(0, key), fleet.chat(1, key)]);
        return answers.every(({ status }) => status === 429);
      },
      8_000,
    );
  });
});
