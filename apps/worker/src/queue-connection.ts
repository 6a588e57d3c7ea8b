import type { Config } from '#libs/config';
import type { EventEmitter } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { createPostgresBackend, type QueueOptions, setDefaultBackendFactory } from 'bullmq';
import pg from 'pg';
import type { DataSource } from 'typeorm';

/** One queue and one worker: two pools of this size and their listeners. */
const POOL_SIZE = 2;

/** How many finished jobs are kept for people to look at. */
const KEPT_DONE = 50;
const KEPT_FAILED = 500;

/**
 * Where jobs live: Redis when one is configured, else the same PostgreSQL as everything, in a schema of its own that is
 * made on first use. Also tells BullMQ, for this process, which of the two it talks to.
 */
export function queueOptions(config: Config, dataSource: DataSource): QueueOptions {
  const defaultJobOptions = { removeOnComplete: { count: KEPT_DONE }, removeOnFail: { count: KEPT_FAILED } };
  const { redisUrl, redisAuthorities } = config.stores;
  if (redisUrl) {
    setDefaultBackendFactory();
    // A worker waits for Redis as long as it takes; the request path does not, and has its own client.
    const tls = redisAuthorities === undefined ? {} : { tls: { ca: redisAuthorities } };
    return {
      connection: { url: redisUrl.reveal(), maxRetriesPerRequest: null, ...tls },
      prefix: '{tollgate}',
      defaultJobOptions,
    };
  }
  setDefaultBackendFactory(patientBackend);
  return { connection: postgresConnection(dataSource), defaultJobOptions };
}

/** After a failure to connect, or a question that failed, the next attempt comes this much later. */
const RETRY_MS = 1_000;

/** What BullMQ keeps of its store: a pool, what it makes its listening connection of, and its first attempt to connect. */
interface Connecting {
  readonly pool: pg.Pool;
  pgModule: { readonly Client: typeof pg.Client };
  waitUntilReady(): Promise<void>;
  readyPromise?: Promise<void> | undefined;
}

/**
 * BullMQ's PostgreSQL backend keeps the first attempt to connect for ever, also one that failed: its worker then asks again without
 * a pause, in microtasks, and nothing else in the process ever gets its turn. Here a failed attempt is forgotten, after a pause.
 *
 * A question that fails on a live connection (a server that takes no changes, a full disk) it asks again without a pause, too, some
 * hundred times a second; so each failure is passed on after one.
 *
 * Nor does it listen to a connection that it is using or still making: one that breaks then would end the process, because an
 * `error` that nobody listens to is an exception. Whoever waits for that connection's answer is told of the failure anyway.
 */
const patientBackend: typeof createPostgresBackend = (...args) => {
  const backend = createPostgresBackend(...args);
  const { connection } = backend as unknown as { connection: Connecting };
  connection.pool.on('connect', (client) => client.on('error', () => undefined));
  connection.pgModule = { Client: AttendedClient };
  const ask = connection.pool.query.bind(connection.pool) as (
    text: string,
    params?: unknown[],
  ) => Promise<unknown>;
  connection.pool.query = (async (text: string, params?: unknown[]) => {
    try {
      return await ask(text, params);
    } catch (error) {
      await delay(RETRY_MS, undefined, { ref: false });
      throw error;
    }
  }) as typeof connection.pool.query;
  const attempt = connection.waitUntilReady.bind(connection);
  connection.waitUntilReady = async () => {
    try {
      await attempt();
    } catch (error) {
      await delay(RETRY_MS, undefined, { ref: false });
      connection.readyPromise = undefined;
      throw error;
    }
  };
  return backend;
};

/** A connection whose failure waits for the first who listens: BullMQ does so only once it is connected. */
class AttendedClient extends pg.Client {
  constructor(config: pg.ClientConfig) {
    super(config);
    let missed: Error | undefined;
    this.on('error', (error: Error) => {
      if (this.listenerCount('error') === 1) missed = error;
    });
    (this as EventEmitter).on('newListener', (event: string, listener: (error: Error) => void) => {
      if (event === 'error' && missed) setImmediate(listener, missed);
    });
  }
}

function postgresConnection({ options }: DataSource): QueueOptions['connection'] {
  if (options.type !== 'postgres') throw new Error('jobs need PostgreSQL or Redis');
  const extra: { ssl?: unknown } = options.extra ?? {};
  const connection = {
    host: options.host,
    port: options.port,
    user: options.username,
    password: options.password,
    database: options.database,
    ssl: extra.ssl ?? false,
    application_name: 'tollgate-jobs',
    max: POOL_SIZE,
    // A server that goes silent must not keep a worker waiting for ever, nor the process from ending.
    query_timeout: 30_000,
    connectionTimeoutMillis: 5_000,
    keepAlive: true,
    schema: 'bullmq',
    // Makes and upgrades its tables under a lock of its own; safe to race.
    migrate: true,
  };
  // BullMQ types the option for Redis; the backend chosen above reads these members.
  return connection as unknown as QueueOptions['connection'];
}
