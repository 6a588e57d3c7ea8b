import type { Secret } from '#libs/kernel';
import type { Logger } from '#libs/telemetry';
import type pg from 'pg';
import type { Change, ChangeMark, ChangeNoun } from './change.js';
import { directClient, resolveConnection } from './connect.js';
import { type Replica, ReplicaLease } from './replica.js';

export interface ChangeFeedOptions {
  /** A direct connection to the primary: a pooler in transaction mode would swallow LISTEN. */
  readonly directUrl: Secret;
  /** The backstop for doorbells that nobody heard; 1 s by default. */
  readonly pollMs?: number;
}

interface FeedListener {
  onChange(change: Change): void;
  onGap(): void;
  /** After each read, when all of it was applied. */
  onRead(): void;
}

interface ReadRow {
  readonly xmin: string;
  readonly floor: string | null;
  readonly seq: string | null;
  readonly xid: string | null;
  readonly noun: ChangeNoun | null;
  readonly noun_id: string | null;
}

const QUERY_TIMEOUT_MS = 3_000;
const LAGGING_AFTER_MS = 3_000;
const RECONNECT_FIRST_MS = 100;
const RECONNECT_MOST_MS = 2_000;

/**
 * One statement, so that the rows and the snapshot's xmin belong together. Every transaction below xmin has ended: its
 * rows are visible now or never will be, so the next read may begin at xmin. Rows above it are delivered too, at once
 * (waiting for xmin would let any long transaction of the whole cluster hold a revocation back), and remembered, so
 * that they are delivered once.
 */
const READ = `
  SELECT s.xmin, f.floor, c.seq, c.xid, c.noun, c.noun_id
  FROM (SELECT pg_snapshot_xmin(pg_current_snapshot()) AS xmin) AS s
  LEFT JOIN (SELECT value ->> 'deletedBelow' AS floor FROM app_state WHERE name = 'changes.cleanup') AS f ON true
  LEFT JOIN changes AS c ON c.xid >= coalesce($1::xid8, s.xmin) AND NOT c.seq = ANY ($2::bigint[])
  ORDER BY c.xid, c.seq`;

/** Follows the `changes` table over one connection of its own. One per process. */
export class ChangeFeed {
  private client: pg.Client | undefined;
  /** Every change of a transaction below this was delivered. Undefined until the first read. */
  private watermark: bigint | undefined;
  /** Delivered changes whose transaction is not below the watermark: sequence -> transaction. */
  private readonly delivered = new Map<bigint, bigint>();
  /** Counts connections, so that an answer of an earlier one is not mistaken for news. */
  private generation = 0;
  private lastSeq = 0n;
  private lastReadAt = 0;
  private reading = false;
  private rung = false;
  private stopped = false;
  private timer: NodeJS.Timeout | undefined;
  private lease: ReplicaLease | undefined;
  private reconnectMs = RECONNECT_FIRST_MS;

  constructor(
    private readonly options: ChangeFeedOptions,
    private readonly logger: Logger,
    private readonly listener: FeedListener,
  ) {}

  async start(): Promise<void> {
    await this.connect();
  }

  async stop(): Promise<void> {
    this.stopped = true;
    clearTimeout(this.timer);
    const client = this.client;
    this.client = undefined;
    if (client) await this.lease?.giveUp(client).catch(() => undefined);
    await client?.end().catch(() => undefined);
  }

  /** From now on this process is waited for when rights are taken away. Throws when it cannot be made known: then it must not serve. */
  async register(replica: Replica): Promise<void> {
    const { client } = this;
    if (client === undefined || this.watermark === undefined) throw new Error('the changes are not followed');
    this.lease = new ReplicaLease(replica);
    await this.renew(client);
  }

  get incarnation(): string | undefined {
    return this.lease?.incarnation;
  }

  /** Until when this process may serve what it has cached, on the clock of `performance.now()`; for ever when it was never registered. */
  get servesUntilMs(): number {
    return this.lease?.untilMs ?? Number.POSITIVE_INFINITY;
  }

  state(): 'live' | 'lagging' | 'down' {
    if (this.client === undefined) return 'down';
    return performance.now() - this.lastReadAt > LAGGING_AFTER_MS ? 'lagging' : 'live';
  }

  lastAppliedSeq(): bigint {
    return this.lastSeq;
  }

  hasApplied(mark: ChangeMark): boolean {
    return this.watermark !== undefined && (mark.xid < this.watermark || this.delivered.has(mark.seq));
  }

  /** LISTEN first, then read: a change between the two rings the bell, one before is read. */
  private async connect(): Promise<void> {
    const client = directClient(
      await resolveConnection(this.options.directUrl),
      'tollgate changes',
      QUERY_TIMEOUT_MS,
    );
    client.on('error', (error) => this.lose(client, error));
    client.on('end', () => this.lose(client, new Error('the connection ended')));
    client.on('notification', () => this.read());
    this.generation += 1;
    try {
      await client.connect();
      // A lease that is renewed every second need not survive a crash of the server.
      await client.query('SET synchronous_commit = off');
      await client.query('LISTEN tollgate_changes');
      await this.readOnce(client);
    } catch (error) {
      client.removeAllListeners('end');
      await client.end().catch(() => undefined);
      throw error;
    }
    if (this.stopped) return void (await client.end());
    this.client = client;
    this.reconnectMs = RECONNECT_FIRST_MS;
    this.read();
  }

  /** Reads now, or once more after the read that is under way: its snapshot may be older than the doorbell. */
  private read(): void {
    const client = this.client;
    if (client === undefined) return;
    if (this.reading) {
      this.rung = true;
      return;
    }
    this.reading = true;
    this.rung = false;
    clearTimeout(this.timer);
    void this.readOnce(client)
      .then(
        () => {
          if (this.client === client)
            this.timer = setTimeout(() => this.read(), this.options.pollMs ?? 1_000);
        },
        (error: unknown) => this.lose(client, error),
      )
      .finally(() => {
        this.reading = false;
        if (this.rung) this.read();
      });
  }

  private async readOnce(client: pg.Client): Promise<void> {
    const { generation } = this;
    // The first read begins at xmin: nothing was cached before it, so what is older concerns nobody.
    const known = [...this.delivered.keys()].map(String);
    const { rows } = await client.query<ReadRow>(READ, [this.watermark?.toString() ?? null, known]);
    if (generation !== this.generation) return;
    const [first] = rows;
    if (first === undefined) throw new Error('the snapshot was not read');
    this.apply(rows, BigInt(first.xmin), BigInt(first.floor ?? 0));
    this.lastReadAt = performance.now();
    this.listener.onRead();
    await this.renew(client);
  }

  private async renew(client: pg.Client): Promise<void> {
    if (this.stopped || this.watermark === undefined) return;
    await this.lease?.renew(client, this.watermark, [...this.delivered.keys()]);
  }

  private apply(rows: readonly ReadRow[], xmin: bigint, deletedBelow: bigint): void {
    const watermark = this.watermark;
    // xmin never goes back on one server: a lower one is another server, or a backup of this one.
    if (watermark !== undefined && (watermark < deletedBelow || xmin < watermark)) {
      this.logger.warn({}, 'Changes were missed while the database was away; caches are dropped.');
      this.delivered.clear();
      this.listener.onGap();
    }
    for (const { seq, xid, noun, noun_id: id } of rows) {
      if (seq === null || xid === null || noun === null || id === null) continue;
      const change: Change = { seq: BigInt(seq), noun, id };
      this.listener.onChange(change);
      if (change.seq > this.lastSeq) this.lastSeq = change.seq;
      this.delivered.set(change.seq, BigInt(xid));
    }
    this.watermark = xmin;
    for (const [seq, xid] of this.delivered) if (xid < xmin) this.delivered.delete(seq);
  }

  private lose(client: pg.Client, error: unknown): void {
    if (this.client !== client) return;
    this.client = undefined;
    clearTimeout(this.timer);
    if (this.stopped) return;
    this.logger.warn({ error }, 'The connection that carries changes broke; reconnecting.');
    void client.end().catch(() => undefined);
    this.reconnect();
  }

  private reconnect(): void {
    this.timer = setTimeout(() => {
      this.connect().catch((error: unknown) => {
        this.logger.debug({ error }, 'The connection that carries changes is still down.');
        this.reconnectMs = Math.min(this.reconnectMs * 2, RECONNECT_MOST_MS);
        if (!this.stopped) this.reconnect();
      });
    }, this.reconnectMs);
  }
}
