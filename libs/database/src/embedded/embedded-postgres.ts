import { mkdir } from 'node:fs/promises';
import { resolve } from 'node:path';
import { Secret } from '#libs/kernel';
import type { Logger } from '#libs/telemetry';
import { directClient, resolveConnection } from '../connect.js';
import { type Cluster, openCluster, SUPERUSER } from './cluster.js';
import { DirectoryLock } from './directory-lock.js';
import { endOrphan } from './orphan.js';
import { findFreePort, type Server, startServer, stopServer } from './server.js';

export interface EmbeddedPostgresOptions {
  readonly dataDir: string;
  readonly logger: Logger;
  /** For tests: fast, and gone after a power cut. */
  readonly throwAway?: boolean;
}

/** A server that this process started and ends. */
export interface EmbeddedPostgres {
  readonly url: Secret;
  /** The same server: there is no pooler in between. */
  readonly directUrl: Secret;
  /** Of the server as it runs now. */
  readonly pid: number;
  readonly port: number;
  /** Cuts clients off, writes everything, ends the server and lets go of the directory. Twice is once. */
  stop(): Promise<void>;
}

export const DATABASE = 'tollgate';
const PORT_ATTEMPTS = 3;
const REVIVE_FIRST_MS = 250;
const REVIVE_MOST_MS = 10_000;

/**
 * Starts a real PostgreSQL on `dataDir/postgres`, made on first use, on a free port of 127.0.0.1 with a random password.
 * One process at a time may use a data directory; another is refused with `DirectoryInUse`. A server left behind by a
 * process that was killed is ended first. If the server dies it is started again on the same port.
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const { logger, throwAway = false } = options;
  const dataDir = resolve(options.dataDir);
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  const lock = await DirectoryLock.take(dataDir);
  try {
    await endOrphan(`${dataDir}/postgres`, logger);
    const cluster = await openCluster(dataDir, logger, throwAway);
    const server = await startOnFreePort(cluster, logger, throwAway);
    try {
      const url = await ensureDatabase(cluster, server.port);
      return new RunningPostgres(url, cluster, server, lock, logger, throwAway);
    } catch (error) {
      await stopServer(server);
      throw error;
    }
  } catch (error) {
    lock.release();
    throw error;
  }
}

class RunningPostgres implements EmbeddedPostgres {
  private stopping: Promise<void> | undefined;
  private reviveTimer: NodeJS.Timeout | undefined;
  private reviveMs = REVIVE_FIRST_MS;
  /** `process.exit` without `stop`: at least ask the server to end; it writes everything on its own. */
  private readonly atExit = (): void => {
    try {
      process.kill(this.server.pid, 'SIGINT');
    } catch {
      // It has ended already.
    }
  };

  constructor(
    readonly url: Secret,
    private readonly cluster: Cluster,
    private server: Server,
    private readonly lock: DirectoryLock,
    private readonly logger: Logger,
    private readonly throwAway: boolean,
  ) {
    process.once('exit', this.atExit);
    this.watch();
  }

  get directUrl(): Secret {
    return this.url;
  }

  get pid(): number {
    return this.server.pid;
  }

  get port(): number {
    return this.server.port;
  }

  stop(): Promise<void> {
    this.stopping ??= this.end();
    return this.stopping;
  }

  private async end(): Promise<void> {
    clearTimeout(this.reviveTimer);
    process.removeListener('exit', this.atExit);
    await stopServer(this.server);
    this.lock.release();
  }

  private watch(): void {
    void this.server.ended.then(() => {
      if (this.stopping) return;
      this.logger.error({ pid: this.server.pid }, 'The embedded PostgreSQL died; starting it again.');
      this.revive();
    });
  }

  private revive(): void {
    this.reviveTimer = setTimeout(() => {
      startServer(this.cluster, this.server.port, this.logger, this.throwAway).then(
        async (server) => {
          this.server = server;
          this.reviveMs = REVIVE_FIRST_MS;
          // Stopped while it was starting: nobody else knows of this one.
          if (this.stopping) await stopServer(server);
          else this.watch();
        },
        (error: unknown) => {
          this.logger.error({ error }, 'The embedded PostgreSQL could not be started again; trying on.');
          this.reviveMs = Math.min(this.reviveMs * 2, REVIVE_MOST_MS);
          if (!this.stopping) this.revive();
        },
      );
    }, this.reviveMs);
    this.reviveTimer.unref();
  }
}

/** Between finding a free port and using it somebody else may take it. */
async function startOnFreePort(cluster: Cluster, logger: Logger, throwAway: boolean): Promise<Server> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await startServer(cluster, await findFreePort(), logger, throwAway);
    } catch (error) {
      if (attempt === PORT_ATTEMPTS) throw error;
      logger.debug({ error }, 'The embedded PostgreSQL did not start; trying another port.');
    }
  }
}

/** Makes our database when it is not there, and returns its URL. Proves on the way that the password file is the right one. */
async function ensureDatabase(cluster: Cluster, port: number): Promise<Secret> {
  const urlOf = (database: string): Secret =>
    new Secret(
      `postgres://${SUPERUSER}:${cluster.password.reveal()}@127.0.0.1:${port}/${database}?sslmode=disable`,
    );
  const client = directClient(await resolveConnection(urlOf('postgres')), 'tollgate start', 60_000);
  await client.connect();
  try {
    const { rowCount } = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [DATABASE]);
    if (rowCount === 0) await client.query(`CREATE DATABASE ${DATABASE}`);
  } finally {
    await client.end();
  }
  return urlOf(DATABASE);
}
