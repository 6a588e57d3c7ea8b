import { Redis, type RedisOptions } from 'ioredis';
import { answerWithin, type Secret } from '#libs/kernel';
import {
  ALL_CHANNEL,
  channelOf,
  EPOCH_KEY,
  FORGET,
  LAYOUT_KEY,
  RUN_KEY,
  SCRIPT,
  SCRIPT_SHA,
  TICKET_KEY,
} from './script.js';

/** Where Redis is. */
export interface RedisAddress {
  readonly url: Secret;
  /** PEM of the authorities that sign its certificate; absent: those of the system. */
  readonly authorities?: string | undefined;
}

export interface LinkEvents {
  /** A message to all, or to this process. */
  onMessage(message: unknown): void;
  /** The connection is gone; `connect` makes another. Called once for each. */
  onDown(error: Error): void;
}

/** What a server says of itself. */
export interface ServerFacts {
  readonly runId: string;
  /** Null when it has lost its memory. */
  readonly epoch: string | null;
  /** The epoch belongs to this run of this server, not to one it was copied from. */
  readonly isOwnEpoch: boolean;
  /** The last ticket of PostgreSQL that was seen there, and how counters lie there; null: nobody has said so. */
  readonly ticket: string | null;
  readonly layout: string | null;
}

/** Redis, and all that lies between, must answer within this when a connection is made. */
const CONNECT_MS = 1_000;

const OPTIONS: RedisOptions = {
  lazyConnect: true,
  // Nothing is kept for later, nothing is tried again behind our back: who asks decides what an outage means.
  enableOfflineQueue: false,
  maxRetriesPerRequest: 0,
  retryStrategy: null,
  connectTimeout: CONNECT_MS,
  autoResubscribe: false,
};

/** The request path's two connections to Redis: one to ask, one to be told. Made anew after each loss. */
export class RedisLink {
  #asking: Redis | undefined;
  #told: Redis | undefined;

  constructor(
    private readonly address: RedisAddress,
    private readonly incarnation: string,
    private readonly events: LinkEvents,
  ) {}

  get isUp(): boolean {
    return this.#asking !== undefined;
  }

  /** Rejects when the server cannot be reached, or is not fit to count on. */
  async connect(): Promise<ServerFacts> {
    this.close();
    const asking = this.#client('tollgate');
    const told = this.#client('tollgate-told');
    let reason: Error | undefined;
    const fall = (error: Error): void => {
      reason ??= error;
      if (this.#asking !== asking) return;
      this.close();
      this.events.onDown(error);
    };
    for (const client of [asking, told])
      client.on('error', fall).on('close', () => fall(new Error('closed')));
    told.on('message', (_channel, text) => this.events.onMessage(JSON.parse(text)));
    try {
      const facts = await inTime(this.#prepare(asking, told), 2 * CONNECT_MS);
      // A database number that the server refuses is no failed question: what follows would be asked of database 0, which is of others.
      if (reason !== undefined) throw reason;
      this.#asking = asking;
      this.#told = told;
      return facts;
    } catch (error) {
      asking.disconnect();
      told.disconnect();
      // The library rejects with "Connection is closed."; why it was is in the event before.
      throw error instanceof UnfitRedis ? error : (reason ?? error);
    }
  }

  /** One run of the script. In the order of the calls; a server that has forgotten the script is told it again. */
  async run(args: readonly string[]): Promise<string> {
    const client = this.client();
    try {
      return (await client.evalsha(SCRIPT_SHA, 1, EPOCH_KEY, ...args)) as string;
    } catch (error) {
      if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error;
      return (await client.eval(SCRIPT, 1, EPOCH_KEY, ...args)) as string;
    }
  }

  facts(): Promise<ServerFacts> {
    return this.#factsOf(this.client());
  }

  /** How many processes count there and were heard of within their lease. */
  async countMembers(epoch: string): Promise<number> {
    const [seconds] = await this.client().time();
    return this.client().zcount(`{c}:${epoch}:members`, Number(seconds) * 1_000, '+inf');
  }

  /** Ends this epoch, if it is still the one. */
  async forget(epoch: string): Promise<void> {
    await this.client().eval(FORGET, 1, EPOCH_KEY, epoch);
  }

  client(): Redis {
    if (!this.#asking) throw new Error('Redis is away');
    return this.#asking;
  }

  /** Ends the connection because it is of no use, and says so. */
  drop(error: Error): void {
    if (!this.#asking) return;
    this.close();
    this.events.onDown(error);
  }

  close(): void {
    const [asking, told] = [this.#asking, this.#told];
    this.#asking = undefined;
    this.#told = undefined;
    asking?.disconnect();
    told?.disconnect();
  }

  #client(name: string): Redis {
    const { url, authorities } = this.address;
    const tls = authorities === undefined ? {} : { tls: { ca: authorities } };
    return new Redis(url.reveal(), { ...OPTIONS, ...tls, connectionName: name });
  }

  async #prepare(asking: Redis, told: Redis): Promise<ServerFacts> {
    await Promise.all([asking.connect(), told.connect()]);
    await told.subscribe(ALL_CHANNEL, channelOf(this.incarnation));
    await asking.script('LOAD', SCRIPT);
    return this.#factsOf(asking);
  }

  async #factsOf(asking: Redis): Promise<ServerFacts> {
    const keys = [EPOCH_KEY, RUN_KEY, TICKET_KEY, LAYOUT_KEY];
    const [info, values] = await Promise.all([asking.info(), asking.mget(keys)]);
    const [epoch = null, run = null, ticket = null, layout = null] = values;
    const policy = /^maxmemory_policy:(\S+)/m.exec(info)?.[1];
    if (policy !== undefined && policy !== 'noeviction') throw new UnfitRedis(policy);
    const runId = /^run_id:(\S+)/m.exec(info)?.[1] ?? '';
    return { runId, epoch, isOwnEpoch: run === runId, ticket, layout };
  }
}

/** Money that is evicted to make room is money that can be spent twice. */
export class UnfitRedis extends Error {
  constructor(policy: string) {
    super(
      `Redis (REDIS_URL) runs with maxmemory-policy ${policy}, so it may drop counters of limits and budgets when memory is short. ` +
        'Set it to noeviction: "redis-cli CONFIG SET maxmemory-policy noeviction" and the same in redis.conf or your provider’s parameter group.',
    );
  }
}

/** Two ways to lay out the same counters would let each limit pass twice. */
export class OtherLayout extends Error {
  constructor() {
    super(
      'Replicas of another release count on this Redis, and lay out counters differently: stop all of them before this one starts (the first that starts then begins anew).',
    );
  }
}

export function inTime<T>(work: Promise<T>, limitMs: number): Promise<T> {
  return answerWithin(work, limitMs, () => new Error(`Redis did not answer within ${limitMs} ms`));
}
