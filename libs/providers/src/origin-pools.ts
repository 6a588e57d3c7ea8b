import { Pool } from 'undici';

const CONNECT_TIMEOUT_MS = 10_000;
/** How long an idle connection is kept when the upstream does not say: below the usual 60 s of load balancers, so that we close first. */
const KEEP_ALIVE_MS = 30_000;

/** One pool per origin: HTTP/1.1, one request at a time on a connection, redirects never followed, nothing sent twice. */
export class OriginPools {
  readonly #pools = new Map<string, Pool>();

  /** `connections` at once to one origin; more calls than this wait in the pool, within their own timeout. */
  constructor(private readonly connections: number) {}

  /** `origin`: scheme, host and port. */
  of(origin: string): Pool {
    let pool = this.#pools.get(origin);
    if (!pool) {
      pool = new Pool(origin, {
        connections: this.connections,
        pipelining: 1,
        allowH2: false,
        headersTimeout: 0,
        keepAliveTimeout: KEEP_ALIVE_MS,
        connect: { timeout: CONNECT_TIMEOUT_MS, keepAlive: true },
      });
      this.#pools.set(origin, pool);
    }
    return pool;
  }

  /** Lets running calls end. */
  async close(): Promise<void> {
    await Promise.all(this.#drop().map((pool) => pool.close()));
  }

  /** Ends running calls. */
  async destroy(): Promise<void> {
    await Promise.all(this.#drop().map((pool) => pool.destroy()));
  }

  #drop(): Pool[] {
    const pools = [...this.#pools.values()];
    this.#pools.clear();
    return pools;
  }
}
