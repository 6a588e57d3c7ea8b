import fc from 'fast-check';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { GatewayError, PROXY_SCOPE as scope, SystemClock } from '#libs/kernel';
import { type RedisServer, startPrivateRedis } from '../../../../test/harness/redis.js';
import { TcpRelay } from '../../../../test/harness/tcp-relay.js';
import type { MoneyClaim } from '../counters.js';
import type { SpendTail } from './openings.js';
import { CountersClosed } from './outage-share.js';
import type { RedisCounters } from './redis-counters.js';
import { type Ended, Ledger, type Open } from './records.harness.js';
import { MemoryEpochs, startReplica } from './replicas.harness.js';
import { pause } from './session.js';

const CAP = 1_000n;
const KEYS = ['budget:a', 'budget:b'] as const;
/** Twice the time between two signs of life: only the dead lose it. */
const LEASE_MS = 1_000;
const clock = new SystemClock();

let server: RedisServer;
let admin: Redis;
beforeAll(async () => {
  server = await startPrivateRedis();
  admin = new Redis(server.url);
});
afterAll(async () => {
  admin.disconnect();
  await server.stop();
});

/** One process: its counters, the wire to Redis, and its records, which outlive it. */
class Process implements SpendTail {
  readonly open = new Map<string, Open>();
  #undrained: Ended[] = [];
  #holds = 0;
  isDead = false;
  /** Frozen, with what it had not stored: it will be back. */
  isPaused = false;

  constructor(
    private readonly ledger: Ledger,
    readonly relay: TcpRelay,
  ) {}

  counters!: RedisCounters;

  async hold<T>(
    keys: ReadonlySet<string>,
    work: (tail: ReadonlyMap<string, bigint>) => Promise<T>,
  ): Promise<T> {
    this.#holds += 1;
    try {
      const tail = new Map([...keys].map((key) => [key, 0n]));
      for (const { keys: charged, cost } of this.#undrained)
        for (const key of charged) if (tail.has(key)) tail.set(key, (tail.get(key) ?? 0n) + cost);
      return await work(tail);
    } finally {
      this.#holds -= 1;
      this.#drain();
    }
  }

  keys(): string[] {
    return this.#undrained.flatMap(({ keys }) => keys);
  }

  settle(call: Open, cost: bigint): void {
    this.open.delete(call.id);
    this.#undrained.push({ ...call, cost });
    const nothing = { requests: 1, inputTokens: 0, outputTokens: 0, totalTokens: 0 };
    this.counters.settle(call.id, { ...nothing, costNanoUsd: cost });
    this.#drain();
  }

  /** `kill -9`: nobody hears of it any more. */
  kill(): void {
    this.isDead = true;
    this.relay.cut();
  }

  pause(): void {
    this.isPaused = true;
    this.relay.cut();
  }

  resume(): void {
    if (!this.isPaused) return;
    this.isPaused = false;
    this.relay.restore();
    this.#drain();
  }

  /** What its files say: ends as they are, and all of what a call without an end may have cost. */
  records(): Ended[] {
    const lost = [...this.open.values()].map((call) => ({
      ...call,
      cost: call.granted,
      crash: true as const,
    }));
    return [...this.#undrained, ...lost];
  }

  #drain(): void {
    if (this.#holds > 0 || this.isDead || this.isPaused) return;
    const corrected = this.ledger.store(this.#undrained.splice(0));
    if (corrected.length > 0) this.counters.reread(corrected);
  }
}

class Fleet {
  readonly ledger = new Ledger();
  readonly processes: Process[] = [];
  readonly #epochs = new MemoryEpochs();
  readonly #calls: Open[] = [];
  readonly #costs = new Map<string, bigint>();
  #made = 0;

  private constructor(private readonly doubtMs: number) {}

  static async start(count: number, doubtMs: number): Promise<Fleet> {
    await admin.flushall();
    const fleet = new Fleet(doubtMs);
    for (let i = 0; i < count; i += 1) await fleet.join();
    return fleet;
  }

  async join(): Promise<void> {
    const relay = await TcpRelay.to('127.0.0.1', Number(new URL(server.url).port));
    const process = new Process(this.ledger, relay);
    const url = `redis://127.0.0.1:${relay.port}`;
    process.counters = await startReplica(
      url,
      clock,
      this.#epochs,
      { leaseMs: LEASE_MS, timeoutMs: 1_000, doubtMs: this.doubtMs },
      process,
    );
    this.processes.push(process);
  }

  get living(): Process[] {
    return this.processes.filter(({ isDead, isPaused }) => !isDead && !isPaused);
  }

  async call(by: number, keys: readonly string[], full: bigint, min: bigint): Promise<void> {
    const process = this.living[by % this.living.length];
    if (!process) return;
    const claims = keys.map((key): MoneyClaim => ({
      kind: 'money',
      key,
      scope,
      budget: 'main',
      capNanoUsd: CAP,
      minNanoUsd: min,
      fullNanoUsd: full,
    }));
    for (let tries = 0; tries < 5; tries += 1) {
      try {
        const verdict = await process.counters.admit({ id: `call ${(this.#made += 1)}`, claims, waitMs: 0 });
        if (!verdict.admitted) return;
        const call = { id: verdict.id, keys, granted: verdict.grantedNanoUsd };
        process.open.set(call.id, call);
        this.#calls.push(call);
        this.#costs.set(call.id, call.granted);
        return;
      } catch (error) {
        if (!isUnavailable(error)) throw error;
        // It lost its lease while it asked: its caller gets a 503.
        if (!(error instanceof CountersClosed) || !(await this.#reopen(process))) return;
      }
    }
  }

  settle(index: number, percent: number): void {
    const open = this.living.flatMap((process) =>
      [...process.open.values()].map((call) => ({ process, call })),
    );
    const one = open[index % Math.max(1, open.length)];
    if (!one) return;
    this.#settle(one.process, one.call, percent);
  }

  #settle(process: Process, call: Open, percent: number): void {
    const cost = (call.granted * BigInt(percent)) / 100n;
    this.#costs.set(call.id, cost);
    process.settle(call, cost);
  }

  kill(index: number): void {
    const { living } = this;
    if (living.length > 1) living[index % living.length]?.kill();
  }

  /** Frozen in the middle of what it did: the last call that ended is not stored, and nobody may have heard of its end. */
  async pause(index: number, percent: number, isHeard: boolean): Promise<void> {
    const { living } = this;
    const process = living[index % living.length];
    if (living.length < 2 || !process) return;
    process.isPaused = true;
    const [call] = process.open.values();
    if (call) this.#settle(process, call, percent);
    if (isHeard) await process.counters.refresh([]).catch(() => undefined);
    process.pause();
  }

  resume(index: number): void {
    const paused = this.processes.filter(({ isPaused }) => isPaused);
    paused[index % Math.max(1, paused.length)]?.resume();
  }

  /** Somebody finds the records of the dead, or of those who are taken for dead. */
  bury(index: number): Promise<void> | void {
    const dead = this.processes.filter(
      ({ isDead, isPaused, counters }) => (isDead || isPaused) && !this.#buried.has(counters.incarnation),
    );
    const one = dead[index % Math.max(1, dead.length)];
    const heir = this.living[index % this.living.length];
    if (!one || !heir) return;
    const records = one.records();
    this.ledger.store(records);
    for (const { id, keys, cost } of records) heir.counters.recover(id, keys, cost);
    // Until it could tell, the records stay where they are for the next.
    return heir.counters.bury(one.counters.incarnation).then(() => {
      this.#buried.add(one.counters.incarnation);
    });
  }
  readonly #buried = new Set<string>();

  /** What the upstream would bill beyond a cap: ended calls at their cost, all others at their hold. */
  overspent(): string[] {
    return KEYS.flatMap((key) => {
      const billed = this.#calls.reduce(
        (sum, { id, keys }) => sum + (keys.includes(key) ? (this.#costs.get(id) ?? 0n) : 0n),
        0n,
      );
      return billed > CAP ? [`${key}: ${billed}`] : [];
    });
  }

  /** Everything ends, and all records are found. */
  async end(): Promise<void> {
    for (const process of this.processes) process.resume();
    for (const { open } of this.living) for (let i = open.size; i > 0; i -= 1) this.settle(0, 50);
    for (const deadline = Date.now() + 5_000; Date.now() < deadline;) {
      const burying = this.bury(0);
      if (!burying) return;
      await burying.catch(() => pause(20));
    }
  }

  /** Budgets of which the counters say something else than the records; a process that lost its lease is back in a moment. */
  async differences(): Promise<string[]> {
    const [process] = this.living;
    if (!process) return ['nobody lives'];
    try {
      await Promise.all(this.living.map(({ counters }) => counters.refresh([])));
      await this.#open(process);
    } catch (error) {
      if (isUnavailable(error)) return ['not in reach yet'];
      throw error;
    }
    return KEYS.flatMap((key) => {
      const balance = process.counters.balance(key);
      const recorded = this.ledger.sumOf(key);
      if (balance?.settledNanoUsd === recorded && balance.heldNanoUsd === 0n) return [];
      return [`${key}: ${balance?.settledNanoUsd} and ${balance?.heldNanoUsd} held, recorded ${recorded}`];
    });
  }

  async dispose(): Promise<void> {
    for (const { counters, relay } of this.processes) {
      await counters.close();
      await relay.close();
    }
  }

  async #reopen(process: Process): Promise<boolean> {
    try {
      await this.#open(process);
      return true;
    } catch (error) {
      if (!isUnavailable(error)) throw error;
      return false;
    }
  }

  async #open(process: Process): Promise<void> {
    const wanted = new Map(KEYS.map((key) => [key as string, undefined]));
    await process.counters.openTogether(wanted, (keys) =>
      Promise.resolve(new Map([...keys].map((key) => [key, this.ledger.sumOf(key)]))),
    );
    await process.counters.refresh([...KEYS]);
  }
}

function isUnavailable(error: unknown): boolean {
  return error instanceof GatewayError && error.code === 'counters.unavailable';
}

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
        const fleet = await Fleet.start(3, inDoubtMs);
        try {
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
        } finally {
          await fleet.dispose();
        }
      }),
      { numRuns: 6, endOnFailure: true, interruptAfterTimeLimit: 60_000 },
    );
  });
});
