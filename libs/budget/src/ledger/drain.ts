import type { Logger } from '#libs/telemetry';
import type { Entry, EntryFacts } from '../spool/codec.js';
import type { Spool } from '../spool/spool.js';
import { BatchReader } from './batch-reader.js';
import type { Ended } from './in-flight.js';
import type { LedgerStore } from './ledger-store.js';

/** Entries wait at most this long for company. */
const DRAIN_WITHIN_MS = 100;
/** With so many waiting there is no company worth waiting for. */
const ENOUGH = 1_000;
/**
 * Of a backlog, so many at once: calls of the same callers share their balances and days, so that a batch ten times as large is half the work
 * a call (decision 072). Larger ones would hold those rows longer.
 */
export const LARGEST_BATCH = 10_000;
/** What PostgreSQL does not take in time is tried in smaller pieces, down to this. */
const SMALLEST_BATCH = 50;
const FIRST_RETRY_MS = 100;
const LAST_RETRY_MS = 5_000;
const TOUCH_EVERY_MS = 60_000;

interface Waiter {
  readonly until: number;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Moves ended calls into PostgreSQL, one batch after the other in the order they ended. While PostgreSQL is away it tries
 * again with growing pauses; memory stays small, because the rows are in the spool's files and are read from there.
 */
export class Drain {
  /** Ended, not stored, in order of ending. */
  #queue: Ended[] = [];
  #ended = 0;
  #stored = 0;
  #waiters: Waiter[] = [];
  #timer: NodeJS.Timeout | undefined;
  #retryMs = 0;
  /** Entries at most in the next batch: halved by a failure, doubled by a success. */
  #batchSize = LARGEST_BATCH;
  /** The tail of the line of all who want the database side for themselves: drains and readers. */
  #line: Promise<void> = Promise.resolve();
  #draining = false;
  #stopped = false;
  readonly #rows = new BatchReader();
  #usedKeys = new Map<string, number>();
  #touchedAtMs = 0;

  constructor(
    private readonly spool: Spool,
    private readonly store: LedgerStore,
    private readonly logger: Logger,
    private readonly onCorrected: (entries: readonly EntryFacts[]) => void = () => undefined,
  ) {}

  /** What ended and is not stored. */
  get undrained(): Iterable<EntryFacts> {
    return factsIn(this.#queue);
  }

  get size(): number {
    return this.#ended - this.#stored;
  }

  add(ended: Ended): void {
    this.#ended += 1;
    this.#queue.push(ended);
    if (this.#queue.length >= ENOUGH && this.#retryMs === 0) this.#kick(0);
    else this.#kick(this.#retryMs || DRAIN_WITHIN_MS);
  }

  /** Stores everything that has ended, at once. */
  flush(): Promise<void> {
    const stored = this.stored();
    if (this.size > 0) this.#kick(0);
    return stored;
  }

  /** Ends when everything that has ended so far is stored, which it is a tenth of a second later without anybody asking. */
  stored(): Promise<void> {
    if (this.size === 0) return Promise.resolve();
    const until = this.#ended;
    return new Promise((resolve, reject) => this.#waiters.push({ until, resolve, reject }));
  }

  /** See SpendLedger.readSettled. */
  async still<T>(
    read: () => Promise<T>,
    apply: (value: T, undrained: Iterable<EntryFacts>) => void,
    mustBeStored: (entry: EntryFacts) => boolean,
  ): Promise<void> {
    await this.#inLine(async () => {
      while (this.#queue.some(({ facts }) => mustBeStored(facts))) await this.#drainBatch();
      const value = await read();
      apply(value, factsIn(this.#queue));
    });
  }

  /** Runs `work` while nothing is stored, with what ended and is not. */
  pause<T>(work: (undrained: () => Iterable<EntryFacts>) => Promise<T>): Promise<T> {
    return this.#inLine(() => work(() => factsIn(this.#queue)));
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#line;
  }

  #kick(inMs: number): void {
    if (this.#draining || this.#stopped) return;
    if (this.#timer !== undefined) {
      if (inMs > 0) return;
      clearTimeout(this.#timer);
    }
    this.#timer = setTimeout(this.#run, inMs);
  }

  #run = (): void => {
    this.#timer = undefined;
    this.#draining = true;
    void this.#drainAll()
      .then(
        () => {
          this.#retryMs = 0;
        },
        (error: unknown) => this.#failed(error),
      )
      .then(() => {
        this.#draining = false;
        if (this.size > 0) this.#kick(this.#retryMs || DRAIN_WITHIN_MS);
      });
  };

  #failed(error: unknown): void {
    const tried = Math.min(this.#batchSize, this.#queue.length);
    this.#batchSize = Math.max(SMALLEST_BATCH, tried >> 1);
    this.#retryMs = Math.min(LAST_RETRY_MS, Math.max(FIRST_RETRY_MS, this.#retryMs * 2));
    this.logger.warn(
      { error, waiting: this.size, retryMs: this.#retryMs },
      'Spend records wait in the spool, because PostgreSQL did not take them.',
    );
    for (const waiter of this.#waiters.splice(0)) waiter.reject(error);
  }

  async #drainAll(): Promise<void> {
    // Each batch stands in line by itself, so that readers get their turn between two.
    for (let left = this.size; left > 0 && this.#queue.length > 0;) {
      left -= await this.#inLine(() => this.#drainBatch());
    }
  }

  /** Returns how many it stored. */
  async #drainBatch(): Promise<number> {
    const batch = this.#queue.slice(0, this.#batchSize);
    const entries = this.#rows.entriesOf(batch);
    const fresh = await this.store.insert(entries);
    if (fresh.size < entries.length) await this.#correct(entries.filter(({ id }) => !fresh.has(id)));
    this.#batchSize = Math.min(LARGEST_BATCH, this.#batchSize * 2);
    this.#queue.splice(0, batch.length);
    for (const ended of batch) this.#done(ended);
    for (const { facts } of batch)
      if (facts.keyId !== null) this.#usedKeys.set(facts.keyId, facts.startedAtMs);
    await this.#touchKeys();
    this.#wake();
    return batch.length;
  }

  /** Somebody had taken this process for dead and stored what its calls might have cost; it was only paused, and knows. */
  async #correct(known: readonly Entry[]): Promise<void> {
    const corrected = await this.store.correct(known);
    if (corrected.size === 0) return;
    this.logger.warn({ entries: corrected.size }, 'Calls that were charged as lost have ended after all.');
    this.onCorrected(known.filter(({ id }) => corrected.has(id)));
  }

  #done(ended: Ended): void {
    this.#stored += 1;
    ended.drained = true;
    ended.letGo();
    if (ended.segment) this.spool.forget(ended.segment);
    if (ended.beginSegment) this.spool.forget(ended.beginSegment);
  }

  #wake(): void {
    const waiting = this.#waiters;
    this.#waiters = [];
    for (const waiter of waiting) {
      if (waiter.until <= this.#stored) waiter.resolve();
      else this.#waiters.push(waiter);
    }
  }

  async #touchKeys(): Promise<void> {
    const nowMs = performance.now();
    if (this.#usedKeys.size === 0 || (this.#touchedAtMs > 0 && nowMs - this.#touchedAtMs < TOUCH_EVERY_MS))
      return;
    const used = this.#usedKeys;
    this.#usedKeys = new Map();
    this.#touchedAtMs = nowMs;
    await this.store.touchKeys(used);
  }

  #inLine<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#line.then(work);
    this.#line = turn.then(
      () => undefined,
      () => undefined,
    );
    return turn;
  }
}

function* factsIn(queue: readonly Ended[]): Generator<EntryFacts> {
  for (const { facts } of queue) yield facts;
}
