import { hash } from 'node:crypto';
import type { Secret } from '#libs/kernel';
import type { Logger } from '#libs/telemetry';
import type pg from 'pg';
import { directClient, resolveConnection } from './connect.js';

export interface SingletonLockOptions {
  /** A direct connection: the lock belongs to the session, and a pooler would share it out. */
  readonly directUrl: Secret;
  /** Two holders of one name in one database cannot be. */
  readonly name: string;
  readonly logger: Logger;
  /** Somebody else holds the lock now. Called once, and only after this process was cut off from the database. */
  readonly onLost: () => void;
  /** How long a predecessor is given to go; 3 s by default. */
  readonly waitMs?: number;
}

const QUERY_TIMEOUT_MS = 2_000;
const CHECK_MS = 2_000;
const RETRY_MS = 200;

/**
 * A lock that one process at a time can hold, for as long as it lives: it needs no expiry, because the server lets go of
 * it when the session ends. While the database cannot be reached it is `uncertain` (nobody can be asked); after that it
 * is taken again, or lost for good when somebody else was quicker.
 */
export class SingletonLock {
  private client: pg.Client | undefined;
  private timer: NodeJS.Timeout | undefined;
  private ended: 'lost' | 'released' | undefined;
  /** The session that held the lock last. */
  private session: { readonly pid: number; readonly started: string } | undefined;

  private constructor(private readonly options: SingletonLockOptions) {}

  /** Takes the lock; undefined when somebody else has it. Throws when the database cannot be reached. */
  static async take(options: SingletonLockOptions): Promise<SingletonLock | undefined> {
    const lock = new SingletonLock(options);
    const deadline = performance.now() + (options.waitMs ?? 3_000);
    // A predecessor that was killed is noticed by the server a moment later than by its successor.
    while (!(await lock.tryTake())) {
      if (performance.now() >= deadline) return undefined;
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
    return lock;
  }

  state(): 'held' | 'uncertain' | 'lost' | 'released' {
    return this.ended ?? (this.client ? 'held' : 'uncertain');
  }

  /** Lets go; the next one has it at once. Twice is once. */
  async release(): Promise<void> {
    this.ended ??= 'released';
    clearTimeout(this.timer);
    const client = this.client;
    this.client = undefined;
    await client?.end().catch(() => undefined);
  }

  private async tryTake(): Promise<boolean> {
    const client = directClient(
      await resolveConnection(this.options.directUrl),
      `tollgate lock ${this.options.name}`,
      QUERY_TIMEOUT_MS,
    );
    client.on('error', (error) => this.lose(client, error));
    client.on('end', () => this.lose(client, new Error('the connection ended')));
    try {
      await client.connect();
      await this.endOwnGhost(client);
      const { rows } = await client.query<{ taken: boolean; pid: number; started: string }>(
        `SELECT pg_try_advisory_lock($1) AS taken, pid, backend_start::text AS started
         FROM pg_stat_activity WHERE pid = pg_backend_pid()`,
        [lockNumber(this.options.name)],
      );
      const [row] = rows;
      if (row?.taken === true && this.ended === undefined) {
        this.session = { pid: row.pid, started: row.started };
        this.client = client;
        this.checkLater(client);
        return true;
      }
    } catch (error) {
      await client.end().catch(() => undefined);
      throw error;
    }
    await client.end();
    return false;
  }

  /** After a network cut the server may believe for minutes that our old session lives; it must not lose us our own lock. */
  private async endOwnGhost(client: pg.Client): Promise<void> {
    if (this.session === undefined) return;
    await client.query(
      `SELECT pg_terminate_backend(pid, 1000) FROM pg_stat_activity
       WHERE pid = $1 AND backend_start = $2::timestamptz AND usename = current_user`,
      [this.session.pid, this.session.started],
    );
  }

  /** A connection that died silently is found by asking; the server has let go of the lock by then, or will. */
  private checkLater(client: pg.Client): void {
    this.timer = setTimeout(() => {
      client.query('SELECT 1').then(
        () => this.client === client && this.checkLater(client),
        (error: unknown) => this.lose(client, error),
      );
    }, CHECK_MS);
    this.timer.unref();
  }

  private lose(client: pg.Client, error: unknown): void {
    if (this.client !== client || this.ended) return;
    this.client = undefined;
    clearTimeout(this.timer);
    this.options.logger.warn(
      { error, lock: this.options.name },
      'The connection that holds a lock broke; taking it again.',
    );
    void client.end().catch(() => undefined);
    this.retakeLater();
  }

  private retakeLater(): void {
    this.timer = setTimeout(() => {
      this.tryTake().then(
        (taken) => {
          if (taken || this.ended) return;
          this.ended = 'lost';
          this.options.logger.error({ lock: this.options.name }, 'A lock was lost to another process.');
          this.options.onLost();
        },
        () => this.ended ?? this.retakeLater(),
      );
    }, RETRY_MS);
    this.timer.unref();
  }
}

function lockNumber(name: string): string {
  return BigInt.asIntN(64, BigInt(`0x${hash('sha256', `tollgate.${name}`).slice(0, 16)}`)).toString();
}
