import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createLogger, MemorySink } from '#libs/telemetry';
import { silentLogger } from '../../../test/harness/postgres.js';
import { DatabaseHealth } from './database-health.js';

let answer: () => Promise<unknown>;
let asked: number;
let health: DatabaseHealth;
beforeEach(() => {
  vi.useFakeTimers();
  asked = 0;
  answer = () => Promise.resolve([]);
  const query = <T>(): Promise<T> => {
    asked += 1;
    return answer() as Promise<T>;
  };
  health = new DatabaseHealth({ query }, silentLogger, 1_000);
});
afterEach(() => {
  health.stop();
  vi.useRealTimers();
});

describe("the database's health", () => {
  it('is known without asking, and a flood of probes asks nothing', async () => {
    await health.start();
    for (let n = 0; n < 1_000; n += 1) expect(health.state()).toBe('connected');
    expect(asked).toBe(1);
  });

  it('is disconnected and still warm during an outage, and recovers', async () => {
    await health.start();
    answer = () => Promise.reject(new Error('away'));
    await vi.advanceTimersByTimeAsync(1_000);
    expect([health.state(), health.isReachable(), health.isWarm()]).toEqual(['disconnected', false, true]);
    answer = () => Promise.resolve([]);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(health.state()).toBe('connected');
  });

  /** A failover that leaves us on a standby: every question is answered, and nothing can be stored. */
  it('is disconnected while the server takes no changes, and says once what to do', async () => {
    const sink = new MemorySink();
    const logger = createLogger({ level: 'info', json: true }, sink);
    answer = () => Promise.resolve([{ readOnly: 'on' }]);
    const watched = new DatabaseHealth({ query: () => answer() as never }, logger, 1_000);
    await watched.start();
    await vi.advanceTimersByTimeAsync(5_000);
    expect([watched.state(), watched.isWarm()]).toEqual(['disconnected', false]);
    expect(sink.text.match(/read-only.*name the new primary/g)).toHaveLength(1);
    answer = () => Promise.resolve([{ readOnly: 'off' }]);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(watched.state()).toBe('connected');
    watched.stop();
  });

  it('takes silence for an outage', async () => {
    await health.start();
    answer = () => new Promise(() => undefined);
    await vi.advanceTimersByTimeAsync(3_100);
    expect(health.state()).toBe('disconnected');
  });

  it('gives up the connections of a server that takes no new one either, and of no other', async () => {
    let cuts = 0;
    let answers = true;
    const silence = {
      answers: () => (answers ? Promise.resolve() : Promise.reject(new Error('silent'))),
      cut: () => void (cuts += 1),
    };
    const watched = new DatabaseHealth({ query: () => answer() as never }, silentLogger, 1_000, silence);
    await watched.start();
    answer = () => new Promise(() => undefined);
    await vi.advanceTimersByTimeAsync(3_100);
    expect(cuts).toBe(0);
    answers = false;
    await vi.advanceTimersByTimeAsync(3_100);
    expect(cuts).toBe(1);
    watched.stop();
  });

  it('is not warm before the first answer', async () => {
    answer = () => Promise.reject(new Error('away'));
    await health.start();
    expect([health.isReachable(), health.isWarm()]).toEqual([false, false]);
  });
});
