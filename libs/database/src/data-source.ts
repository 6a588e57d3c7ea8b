import type { Secret } from '#libs/kernel';
import type { Logger } from '#libs/telemetry';
import { DataSource } from 'typeorm';
import { SnakeCaseColumns } from './columns.js';
import { type ConnectionParameters, resolveConnection } from './connect.js';
import { ENTITIES } from './entities/index.js';
import { MIGRATIONS } from './migrations/index.js';

export interface DataSourceOptions {
  readonly url: Secret;
  /** Connections at most; 10 by default. */
  readonly poolSize?: number;
  /** What `pg_stat_activity` shows; the URL's own `application_name` wins. */
  readonly applicationName?: string;
  /** A statement that takes longer is cancelled by the server; 30 s by default, 0 is never. */
  readonly statementTimeoutMs?: number;
  /** Transactions begin read-only. */
  readonly readOnly?: boolean;
  /** With `readOnly`: no statement takes more than one of the server's processors. */
  readonly oneWorker?: boolean;
  /** Told of each new connection, by the process that serves it, before it is used. Through a pooler the number means nothing. */
  readonly onConnect?: (serverPid: number) => void;
}

/**
 * An open data source over the whole schema. Throws when the server cannot be reached within the connection timeout
 * (5 s, or the URL's `connect_timeout`); later outages surface as failing queries and heal by themselves. No query is
 * logged, because parameters carry hashes and e-mail addresses.
 */
export async function createDataSource(options: DataSourceOptions, logger: Logger): Promise<DataSource> {
  const connection = await resolveConnection(options.url);
  const statementTimeoutMs = options.statementTimeoutMs ?? 30_000;
  const limits = {
    statement_timeout: statementTimeoutMs,
    // A transaction forgotten open would keep locks and hold back vacuum for ever; one of a process that stands still keeps others from storing.
    idle_in_transaction_session_timeout: 10_000,
    ...(options.readOnly && { options: options.oneWorker ? `${READ_ONLY} ${ONE_WORKER}` : READ_ONLY }),
  };
  try {
    return await open(connection, options, limits, logger);
  } catch (error) {
    // PgBouncer refuses parameters it does not know; then only our own side of the timeout is left.
    if (!/unsupported startup parameter/.test(String(error))) throw error;
    logger.warn(
      {},
      'A connection pooler refuses statement timeouts; the database itself will not cancel slow statements.',
    );
    return open(connection, options, {}, logger);
  }
}

const READ_ONLY = '-c default_transaction_read_only=on';
const ONE_WORKER = '-c max_parallel_workers_per_gather=0';

function open(
  connection: ConnectionParameters,
  options: DataSourceOptions,
  limits: Readonly<Record<string, number | string>>,
  logger: Logger,
): Promise<DataSource> {
  const statementTimeoutMs = options.statementTimeoutMs ?? 30_000;
  return new DataSource({
    type: 'postgres',
    host: connection.host,
    port: connection.port,
    ...(connection.user !== undefined && { username: connection.user }),
    // A function, because whoever prints a data source prints its options.
    ...(connection.password !== undefined && { password: () => connection.password ?? '' }),
    ...(connection.database !== undefined && { database: connection.database }),
    applicationName: connection.applicationName ?? options.applicationName ?? 'tollgate',
    connectTimeoutMS: connection.connectTimeoutMs,
    poolSize: options.poolSize ?? 10,
    extra: {
      ...limits,
      // Ours is the later one: it is for a server that has gone silent and cancels nothing any more.
      ...(statementTimeoutMs > 0 && { query_timeout: statementTimeoutMs + 5_000 }),
      // A new connection costs both sides milliseconds of password hashing.
      idleTimeoutMillis: 60_000,
      keepAlive: true,
      keepAliveInitialDelayMillis: 10_000,
      ...(options.onConnect && {
        onConnect: (client: { processID?: number | null }) => {
          if (client.processID) options.onConnect?.(client.processID);
        },
      }),
      ssl: connection.ssl,
      ...(connection.options !== undefined && {
        options: [connection.options, limits['options']].filter(Boolean).join(' '),
      }),
    },
    // The message alone: the driver hangs the whole client, with its parameters, on the error.
    poolErrorHandler: (error: Error) =>
      logger.warn({ reason: error.message }, 'An idle database connection broke; it will be replaced.'),
    entities: ENTITIES,
    migrations: MIGRATIONS,
    migrationsTableName: 'schema_migrations',
    namingStrategy: new SnakeCaseColumns(),
    synchronize: false,
    migrationsRun: false,
    installExtensions: false,
    logging: false,
  }).initialize();
}
