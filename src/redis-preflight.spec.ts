import { Secret } from '#libs/kernel';
import type { RedisProblem } from '#libs/counters';
import { createLogger, MemorySink } from '#libs/telemetry';
import { describe, expect, it } from 'vitest';
import { waitForRedis } from './redis-preflight.js';

const stores = {
  redisUrl: new Secret('redis://:pw@h'),
  databasePoolSize: 1,
  redisTimeoutMs: 120,
  strictWithoutRedis: { limits: false, budgets: false },
};

function start(answers: (RedisProblem | undefined)[], patienceMs: number) {
  const sink = new MemorySink();
  let asked = 0;
  const find = (): Promise<RedisProblem | undefined> => {
    asked += 1;
    return Promise.resolve(answers.length > 1 ? answers.shift() : answers[0]);
  };
  const logger = createLogger({ level: 'info', json: true }, sink);
  const started = waitForRedis(stores, logger, { patienceMs, pauseMs: 1, find });
  return { started, sink, asked: () => asked };
}

const AWAY = { text: 'Redis is away.', mayPass: true };

describe('a start with REDIS_URL', () => {
  it('waits for a Redis that is not there yet, and says so', async () => {
    const { started, sink, asked } = start([AWAY, AWAY, undefined], 5_000);
    await started;
    expect(asked()).toBe(3);
    expect(sink.text).toMatch(/Redis is away\. It is tried again for 5 s/);
  });

  it('gives up when its time is over', async () => {
    await expect(start([AWAY], 0).started).rejects.toThrow(/^Redis is away\. Limits and budgets are counted/);
  });

  it('does not wait for what waiting does not mend', async () => {
    const { started, asked } = start([{ text: 'WRONGPASS', mayPass: false }], 5_000);
    await expect(started).rejects.toThrow('WRONGPASS');
    expect(asked()).toBe(1);
  });
});
