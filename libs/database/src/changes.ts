import type { Logger } from '#libs/telemetry';
import type { EntityManager } from 'typeorm';
import type { ChangeMark, ChangeNoun, ChangeSubscriber } from './change.js';
import { ChangeFeed, type ChangeFeedOptions } from './change-feed.js';
import { type Replica, type RevocationReceipt, waitForOthers } from './replica.js';

/** How long a writer waits for its own process to notice, before it answers anyway. */
const OWN_ECHO_MS = 2_000;

/** Changes of one statement. */
const MANY = 1_000;

/** After an outage of the store a process gets this long to come into step before it is fenced. */
const CATCH_UP_MS = 3_000;

/**
 * What makes revocation quick: every admin write says what it touched, in its own transaction, and every process drops
 * it from its caches. Nothing committed is lost, however late it commits; after an outage longer than changes are kept,
 * subscribers are told to drop everything.
 */
export class Changes {
  private readonly subscribers = new Set<ChangeSubscriber>();
  private readonly waiting = new Set<() => void>();
  private feed: ChangeFeed | undefined;
  private isStoreAway: () => boolean = () => false;
  private storeAwayMs = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly options: ChangeFeedOptions,
    private readonly logger: Logger,
  ) {}

  /**
   * Says that something changed. Call it in the transaction that changes it, so that both happen or neither. One round
   * trip. Not for the drain: a NOTIFY makes commits wait for each other.
   */
  async publish(manager: EntityManager, noun: ChangeNoun, id: string): Promise<ChangeMark> {
    const rows: { seq: string; xid: string }[] = await manager.query(
      `WITH change AS (INSERT INTO changes (noun, noun_id) VALUES ($1, $2) RETURNING seq, xid)
       SELECT seq, xid, pg_notify('tollgate_changes', '') FROM change`,
      [noun, id],
    );
    const [row] = rows;
    if (row === undefined) throw new Error('a change was inserted and not returned');
    return { seq: BigInt(row.seq), xid: BigInt(row.xid) };
  }

  /** As `publish`, of many things at once and in few round trips: for what changes whole tables. */
  async publishAll(
    manager: EntityManager,
    list: readonly { readonly noun: ChangeNoun; readonly id: string }[],
  ): Promise<void> {
    for (let at = 0; at < list.length; at += MANY) {
      const some = list.slice(at, at + MANY);
      await manager.query(
        `INSERT INTO changes (noun, noun_id) SELECT * FROM unnest($1::text[], $2::text[])`,
        [some.map(({ noun }) => noun), some.map(({ id }) => id)],
      );
    }
    if (list.length > 0) await manager.query(`SELECT pg_notify('tollgate_changes', '')`);
  }

  /**
   * Tells this process's caches of its own committed change, without waiting for the feed: the feed may be down while the
   * write went through. The feed tells of it again; subscribers are used to that.
   */
  applyOwn(noun: ChangeNoun, id: string, mark: ChangeMark): void {
    this.tell((subscriber) => subscriber.onChange({ seq: mark.seq, noun, id }));
  }

  /** Subscribe before serving. Returns the way to stop. */
  subscribe(subscriber: ChangeSubscriber): () => void {
    this.subscribers.add(subscriber);
    return () => this.subscribers.delete(subscriber);
  }

  /** Opens the one direct connection and follows. Throws when it cannot be opened; later outages heal by themselves. */
  async start(): Promise<void> {
    if (this.feed) throw new Error('changes were started twice');
    this.feed = new ChangeFeed(this.options, this.logger, {
      onChange: (change) => this.tell((subscriber) => subscriber.onChange(change)),
      onGap: () => this.tell((subscriber) => subscriber.onGap()),
      onRead: () => this.waiting.forEach((check) => check()),
    });
    await this.feed.start();
  }

  async stop(): Promise<void> {
    await this.feed?.stop();
    this.feed = undefined;
  }

  /** `live`: nothing older than 3 s can be missing. `lagging`: connected, not heard for longer. `down`: not connected. */
  state(): 'live' | 'lagging' | 'down' {
    return this.feed?.state() ?? 'down';
  }

  /** The highest sequence applied here. A lower one may still be on its way: ask `hasApplied` about a particular change. */
  lastAppliedSeq(): bigint {
    return this.feed?.lastAppliedSeq() ?? 0n;
  }

  /** Whether this process has already dropped what the change named. Exact, also for a change that committed out of order. */
  hasApplied(mark: ChangeMark): boolean {
    return this.feed?.hasApplied(mark) ?? false;
  }

  /** After the commit: waits until this process applied its own change, so that its next answer already knows. False when it took too long. */
  waitUntilApplied(mark: ChangeMark, timeoutMs: number = OWN_ECHO_MS): Promise<boolean> {
    if (this.hasApplied(mark)) return Promise.resolve(true);
    return new Promise((resolve) => {
      const finish = (applied: boolean): void => {
        clearTimeout(timer);
        this.waiting.delete(check);
        resolve(applied);
      };
      const check = (): void => {
        if (this.hasApplied(mark)) finish(true);
      };
      const timer = setTimeout(() => finish(false), timeoutMs);
      this.waiting.add(check);
    });
  }

  /** Makes this process known as one that serves: call it before the first request. Throws when the store does not take it. */
  async register(replica: Replica): Promise<void> {
    if (!this.feed) throw new Error('changes were not started');
    await this.feed.register(replica);
  }

  /** How to learn that the store as such is away: then nobody can take rights away, and what is cached may be served on. */
  knowOutagesFrom(isStoreAway: () => boolean): void {
    this.isStoreAway = isStoreAway;
  }

  /**
   * Whether this process has not followed for a whole lease although the store is there: whoever took a right away since was told
   * that it refuses everybody, so it must. Costs a comparison.
   */
  isFenced(): boolean {
    const nowMs = performance.now();
    if (this.feed === undefined || nowMs <= this.feed.servesUntilMs) return false;
    if (this.isStoreAway()) this.storeAwayMs = nowMs;
    return nowMs - this.storeAwayMs > CATCH_UP_MS;
  }

  /** After the commit of a change that takes rights away: waits until no replica serves by what it was before. Never throws. */
  waitForReplicas(
    database: Parameters<typeof waitForOthers>[0],
    mark: ChangeMark,
  ): Promise<RevocationReceipt> {
    return waitForOthers(database, this.feed?.incarnation, mark);
  }

  private tell(say: (subscriber: ChangeSubscriber) => void): void {
    for (const subscriber of this.subscribers) {
      try {
        say(subscriber);
      } catch (error) {
        // One broken cache must not keep the others from hearing of a revocation.
        this.logger.error({ error }, 'A subscriber of changes failed.');
      }
    }
  }
}
