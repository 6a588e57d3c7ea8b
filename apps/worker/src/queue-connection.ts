import type { Config } from '#libs/config';
import { createPostgresBackend, type QueueOptions, setDefaultBackendFactory } from 'bullmq';
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
  const { redisUrl } = config.stores;
  if (redisUrl) {
    setDefaultBackendFactory();
    // A worker waits for Redis as long as it takes; the request path does not, and has its own client.
    return {
      connection: { url: redisUrl.reveal(), maxRetriesPerRequest: null },
      prefix: '{tollgate}',
      defaultJobOptions,
    };
  }
  setDefaultBackendFactory(createPostgresBackend);
  return { connection: postgresConnection(dataSource), defaultJobOptions };
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
