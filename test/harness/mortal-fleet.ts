import { GatewayError } from '#libs/kernel';
import type { TcpRelay } from './tcp-relay.js';
import { money, used } from '../../libs/counters/src/claims.harness.js';
import type { SpendTail } from '../../libs/counters/src/redis/openings.js';
import { CountersClosed } from '../../libs/counters/src/redis/outage-share.js';
import { type Ended, Ledger, type Open } from '../../libs/counters/src/redis/records.harness.js';
import type { RedisCounters } from '../../libs/counters/src/redis/redis-counters.js';
import { pause } from '../../libs/counters/src/redis/session.js';
import type { SharedRedis } from './shared-redis.js';

const CAP = 1_000n;
export const KEYS = ['budget:a', 'budget:b'] as const;

/** One process: its counters, the wire to Redis, and its records, which outlive it. */
class MortalProcess implements SpendTail {
  readonly open = new Map<string, Open>();
  #undrained: Ended[] = [];
  #holds = 0;
  isDead = false;
  /** Frozen, with what it had not stored: it will be back. */
  isPaused = false;

  counters!: RedisCounters;
  relay!: TcpRelay;

  constructor(private readonly ledger: Ledger) {}

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
    this.counters.settle(call.id, used(cost));
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

/** Processes on one Redis that die and freeze, with what nobody can take from them: their records. */
export class MortalFleet {
  readonly ledger = new Ledger();
  readonly processes: MortalProcess[] = [];
  readonly #calls: Open[] = [];
  readonly #costs = new Map<string, bigint>();
  #made = 0;

  private constructor(
    private readonly redis: SharedRedis,
    private readonly doubtMs: number,
  ) {}

  /** On a Redis that nobody has counted on yet. */
  static async start(redis: SharedRedis, count: number, doubtMs: number): Promise<MortalFleet> {
    await redis.empty();
    const fleet = new MortalFleet(redis, doubtMs);
    for (let i = 0; i < count; i += 1) await fleet.#join();
    return fleet;
  }

  async #join(): Promise<void> {
    const process = new MortalProcess(this.ledger);
    Object.assign(process, await this.redis.wired({ doubtMs: this.doubtMs }, process));
    this.processes.push(process);
  }

  get living(): MortalProcess[] {
    return this.processes.filter(({ isDead, isPaused }) => !isDead && !isPaused);
  }

  async call(by: number, keys: readonly string[], full: bigint, min: bigint): Promise<void> {
    const process = this.living[by % this.living.length];
    if (!process) return;
    const claims = keys.map((key) => money(CAP, full, key, min));
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

  #settle(process: MortalProcess, call: Open, percent: number): void {
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

  async #reopen(process: MortalProcess): Promise<boolean> {
    try {
      await this.#open(process);
      return true;
    } catch (error) {
      if (!isUnavailable(error)) throw error;
      return false;
    }
  }

  async #open(process: MortalProcess): Promise<void> {
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
