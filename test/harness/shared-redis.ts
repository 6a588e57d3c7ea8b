import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest';
import { type Clock, SystemClock } from '#libs/kernel';
import { type PrivateRedis, startPrivateRedis } from './redis.js';
import { TcpRelay } from './tcp-relay.js';
import type { SpendTail } from '../../libs/counters/src/redis/openings.js';
import type { RedisCounters, RedisCountersOptions } from '../../libs/counters/src/redis/redis-counters.js';
import { MemoryEpochs, NO_TAIL, startReplica } from '../../libs/counters/src/redis/replicas.harness.js';

/** A process that counts, and the wire between it and Redis. */
export interface Wired {
  readonly counters: RedisCounters;
  readonly relay: TcpRelay;
}

/** What a spec file of shared counters stands on: a Redis of its own, empty before each test, and processes on it that are closed after each. */
export class SharedRedis {
  readonly clock: Clock = new SystemClock();
  #epochs = new MemoryEpochs();
  #server: PrivateRedis | undefined;
  #admin: Redis | undefined;
  readonly #closing: (() => unknown)[] = [];

  /** Call it where the file's other hooks are declared. `usual`: options of every process that is started here. */
  static forThisFile(usual: Partial<RedisCountersOptions> = {}): SharedRedis {
    const redis = new SharedRedis(usual);
    beforeAll(() => redis.#start());
    beforeEach(() => redis.empty());
    afterEach(() => redis.#close());
    afterAll(() => redis.#stop());
    return redis;
  }

  private constructor(private readonly usual: Partial<RedisCountersOptions>) {}

  get server(): PrivateRedis {
    if (!this.#server) throw new Error('there is no Redis before the first test');
    return this.#server;
  }

  get admin(): Redis {
    if (!this.#admin) throw new Error('there is no Redis before the first test');
    return this.#admin;
  }

  get epochs(): MemoryEpochs {
    return this.#epochs;
  }

  /** As if nobody had ever counted: who does is closed. */
  async empty(): Promise<void> {
    await this.#close();
    await this.admin.flushall();
    this.#epochs = new MemoryEpochs();
  }

  async replica(
    options: Partial<RedisCountersOptions> = {},
    tail: SpendTail = NO_TAIL,
  ): Promise<RedisCounters> {
    return this.#replica(this.server.url, options, tail);
  }

  /** A process whose wire can be cut. */
  async wired(options: Partial<RedisCountersOptions> = {}, tail: SpendTail = NO_TAIL): Promise<Wired> {
    const relay = await TcpRelay.to(this.server.url);
    this.#closing.push(() => relay.close());
    return { counters: await this.#replica(relay.url, options, tail), relay };
  }

  async #replica(
    url: string,
    options: Partial<RedisCountersOptions>,
    tail: SpendTail,
  ): Promise<RedisCounters> {
    const counters = await startReplica(url, this.clock, this.#epochs, { ...this.usual, ...options }, tail);
    this.#closing.push(() => counters.close());
    return counters;
  }

  async #start(): Promise<void> {
    this.#server = await startPrivateRedis();
    this.#admin = new Redis(this.#server.url);
  }

  /** The latest first: a process before its wire. */
  async #close(): Promise<void> {
    for (const close of this.#closing.splice(0).reverse()) await close();
  }

  async #stop(): Promise<void> {
    this.#admin?.disconnect();
    await this.#server?.stop();
  }
}
