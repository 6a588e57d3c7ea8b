import { answerWithin, type Clock, GatewayError } from '#libs/kernel';
import type { KeyRecord } from '#libs/tenancy';

/** At most 40 questions a second about keys that turn out to be none: bad keys cannot buy more. */
export const SPACING_MS = 25;
/** Between questions that mostly find keys, as after a start, when every caller is met for the first time. */
const SPACING_WHEN_FOUND_MS = 1;
/** Hashes in one question: an index probe each. When all are keys nobody met yet, compiling them blocks the loop some 20 ms, so no more. */
const LARGEST_BATCH = 500;
/** Beyond this many waiting strangers a new one is told to come back: memory is bounded, nobody is called unknown unread. */
const MOST_WAITING = 20_000;
/** Halved for each question that was too much, and not below this. */
const SMALLEST_BATCH = 16;
/** Longer than any healthy answer. A question that gets none is put once more, as one slow statement or broken connection is no outage. */
const TIMEOUT_MS = 2_000;
/** A stranger's patience: who waited this long is not asked about again. */
const PATIENCE_MS = 6_000;
/** After a failure strangers are answered at once for this long, instead of each waiting for the timeout. */
const REST_MS = 1_000;

/** One read of the database, from the moment it is put until all it brought is dealt with. */
export interface Question {
  /** When it was put (monotonic). */
  readonly askedMs: number;
  /** `noun:id` of every change heard since, and `*` for a gap: what was read may be older than those. */
  readonly changedSince: Set<string>;
}

/** The callers of one hash. */
class Waiting<T> {
  /** Told as soon as the store is late: who has something to go on with. */
  readonly impatient: ((error: unknown) => void)[] = [];
  isOver = false;
  readonly #outcome = Promise.withResolvers<T>();

  /** `sinceMs`: when the first of them came. */
  constructor(readonly sinceMs: number) {}

  get promise(): Promise<T> {
    return this.#outcome.promise;
  }

  resolve(value: T | Promise<T>): void {
    this.isOver = true;
    this.#outcome.resolve(value);
  }

  reject(error: unknown): void {
    this.isOver = true;
    this.#outcome.reject(error);
  }
}

/**
 * Asks the database about credentials nobody here knows, many in one question. The answer is always the database's own,
 * read after the question was put: no filter and no guess can refuse a key made a moment ago on another replica. A question that fails
 * is put once more; its late answer still counts. Throws `auth.store_unavailable` when two in a row fail, or after each one until the store
 * answers again, and at once while the store rests after that.
 */
export class KeyLookups<T> {
  #waiting = new Map<string, Waiting<T>>();
  readonly #open = new Set<Question>();
  #isAsking = false;
  #timer: NodeJS.Timeout | undefined;
  #lastAskedMs = Number.NEGATIVE_INFINITY;
  #restsUntilMs = Number.NEGATIVE_INFINITY;
  #isFailing = false;
  #largestBatch = LARGEST_BATCH;
  /** Whether the last question was mostly about strangers. */
  #isFlooded = true;

  constructor(
    private readonly read: (hashes: readonly string[]) => Promise<ReadonlyMap<string, KeyRecord>>,
    /** What to make of one hash's rows; called once per question, however many callers wait. */
    private readonly settle: (
      hash: string,
      record: KeyRecord | undefined,
      question: Question,
    ) => T | Promise<T>,
    private readonly clock: Clock,
  ) {}

  /** True while a recent failure makes asking pointless. */
  get isResting(): boolean {
    return this.clock.monotonicMs() < this.#restsUntilMs;
  }

  /** True from a failure until the store answers again. */
  get isFailing(): boolean {
    return this.#isFailing;
  }

  /** Tells the questions under way that a row (`noun:id`, or `*`) changed under them. */
  noteChange(row: string): void {
    for (const question of this.#open) question.changedSince.add(row);
  }

  /** What the database knows of a hash. Callers of one hash share a question that has not been put yet, never one that has: it may have read before the key was made. */
  find(hash: string): Promise<T> {
    const waiting = this.#join(hash);
    return waiting instanceof GatewayError ? Promise.reject(waiting) : waiting.promise;
  }

  /** The same for who has something to go on with: rejects as soon as the store is late. */
  findSoon(hash: string): Promise<T> {
    const waiting = this.#join(hash);
    if (waiting instanceof GatewayError) return Promise.reject(waiting);
    return new Promise((resolve, reject) => {
      waiting.impatient.push(reject);
      waiting.promise.then(resolve, reject);
    });
  }

  #join(hash: string): Waiting<T> | GatewayError {
    if (this.isResting) return unavailable('the key store failed a moment ago');
    const present = this.#waiting.get(hash);
    if (present !== undefined) return present;
    if (this.#waiting.size >= MOST_WAITING) {
      return new GatewayError('server.overloaded', 'Too many unknown credentials at once; try again.', {
        headers: RETRY,
      });
    }
    const waiting = new Waiting<T>(this.clock.monotonicMs());
    this.#waiting.set(hash, waiting);
    this.#schedule();
    return waiting;
  }

  #schedule(): void {
    if (this.#isAsking || this.#timer !== undefined || this.#waiting.size === 0) return;
    const waitMs = Math.max(
      0,
      this.#lastAskedMs + (this.#isFlooded ? SPACING_MS : SPACING_WHEN_FOUND_MS) - this.clock.monotonicMs(),
    );
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      void this.#ask();
    }, waitMs);
  }

  async #ask(): Promise<void> {
    const batch = this.#take();
    this.#isAsking = true;
    this.#lastAskedMs = this.clock.monotonicMs();
    const question: Question = { askedMs: this.#lastAskedMs, changedSince: new Set() };
    this.#open.add(question);
    const read = this.#read(batch);
    try {
      this.#answer(batch, await answerWithin(read, TIMEOUT_MS, late), question);
    } catch (cause) {
      // Late is not lost: who is still waiting then is told.
      read.then(
        (records) => this.#answer(batch, records, question),
        () => this.#open.delete(question),
      );
      this.#fail(batch, unavailable('reading keys failed', cause));
    } finally {
      this.#isAsking = false;
      this.#schedule();
    }
  }

  async #read(batch: ReadonlyMap<string, Waiting<T>>): Promise<ReadonlyMap<string, KeyRecord>> {
    return this.read([...batch.keys()]);
  }

  #answer(
    batch: ReadonlyMap<string, Waiting<T>>,
    records: ReadonlyMap<string, KeyRecord>,
    question: Question,
  ): void {
    this.#isFailing = false;
    this.#isFlooded = records.size * 2 < batch.size;
    this.#largestBatch = Math.min(LARGEST_BATCH, this.#largestBatch * 2);
    const settled = [...batch]
      .filter(([, { isOver }]) => !isOver)
      .map(([hash, waiting]) => this.#settleOne(hash, waiting, records.get(hash), question));
    // What takes longer (opening budgets) does not hold up the next question, but goes on hearing of changes.
    void Promise.allSettled(settled).then(() => this.#open.delete(question));
  }

  /** Once is no outage: those of the batch are asked about again, in smaller ones. Twice is. */
  #fail(batch: ReadonlyMap<string, Waiting<T>>, error: GatewayError): void {
    const isOutage = this.#isFailing;
    const all = [...batch.values(), ...this.#waiting.values()];
    this.#isFailing = true;
    for (const { impatient } of all) for (const reject of impatient.splice(0)) reject(error);
    if (isOutage) {
      this.#restsUntilMs = this.clock.monotonicMs() + REST_MS;
      this.#waiting.clear();
      for (const waiting of all) waiting.reject(error);
      return;
    }
    this.#largestBatch = Math.max(SMALLEST_BATCH, Math.ceil(batch.size / 2));
    const others = this.#waiting;
    this.#waiting = new Map();
    for (const [hash, waiting] of batch) {
      if (this.clock.monotonicMs() - waiting.sinceMs > PATIENCE_MS) waiting.reject(error);
      else this.#askAgain(hash, waiting, others.get(hash));
    }
    for (const [hash, waiting] of others) this.#waiting.set(hash, waiting);
  }

  /** Apart from who came after the question was put: a late answer is for who was there. */
  #askAgain(hash: string, waiting: Waiting<T>, later: Waiting<T> | undefined): void {
    const again = later ?? new Waiting<T>(waiting.sinceMs);
    this.#waiting.set(hash, again);
    again.promise.then(
      (value) => waiting.resolve(value),
      (error: unknown) => waiting.reject(error),
    );
  }

  #settleOne(
    hash: string,
    waiting: Waiting<T>,
    record: KeyRecord | undefined,
    question: Question,
  ): Promise<T> {
    waiting.isOver = true;
    try {
      waiting.resolve(this.settle(hash, record, question));
    } catch (thrown) {
      waiting.reject(thrown);
    }
    return waiting.promise;
  }

  #take(): Map<string, Waiting<T>> {
    const all = this.#waiting;
    if (all.size <= this.#largestBatch) {
      this.#waiting = new Map();
      return all;
    }
    const batch = new Map([...all].slice(0, this.#largestBatch));
    for (const hash of batch.keys()) all.delete(hash);
    return batch;
  }
}

const RETRY = { 'retry-after': '1' } as const;

/** An outage of the store is never the caller's fault, and never a wrong key. */
export function unavailable(internal: string, cause?: unknown): GatewayError {
  return new GatewayError('auth.store_unavailable', 'Keys cannot be checked right now; try again shortly.', {
    internal,
    cause,
    param: 'None',
    headers: RETRY,
  });
}

function late(): Error {
  return new Error(`no answer in ${TIMEOUT_MS} ms`);
}
