import type { Clock } from '#libs/kernel';
import { GatewayError } from '#libs/kernel';
import type { KeyRecord } from '#libs/tenancy';

/** At most 40 questions a second about keys that turn out to be none: bad keys cannot buy more. */
export const SPACING_MS = 25;
/** Between questions that mostly find keys, as after a start, when every caller is met for the first time. */
const SPACING_WHEN_FOUND_MS = 1;
/** Hashes in one question: an index probe each. When all are keys nobody met yet, compiling them blocks the loop some 20 ms, so no more. */
const LARGEST_BATCH = 500;
/** Beyond this many waiting strangers a new one is told to come back: memory is bounded, nobody is called unknown unread. */
const MOST_WAITING = 20_000;
/** Longer than any healthy answer, shorter than a caller's patience. */
const TIMEOUT_MS = 2_000;
/** After a failure strangers are answered at once for this long, instead of each waiting for the timeout. */
const REST_MS = 1_000;

/** One read of the database, from the moment it is put until all it brought is dealt with. */
export interface Question {
  /** When it was put (monotonic). */
  readonly askedMs: number;
  /** `noun:id` of every change heard since, and `*` for a gap: what was read may be older than those. */
  readonly changedSince: Set<string>;
}

interface Waiting<T> {
  readonly promise: Promise<T>;
  readonly resolve: (value: T | Promise<T>) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Asks the database about credentials nobody here knows, many in one question. The answer is always the database's own,
 * read after the question was put: no filter and no guess can refuse a key made a moment ago on another replica. Throws
 * `auth.store_unavailable` when no answer comes in time, and at once while the store rests after a failure.
 */
export class KeyLookups<T> {
  #waiting = new Map<string, Waiting<T>>();
  readonly #open = new Set<Question>();
  #isAsking = false;
  #timer: NodeJS.Timeout | undefined;
  #lastAskedMs = Number.NEGATIVE_INFINITY;
  #restsUntilMs = Number.NEGATIVE_INFINITY;
  #isFailing = false;
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
    if (this.isResting) return Promise.reject(unavailable('the key store failed a moment ago'));
    const present = this.#waiting.get(hash);
    if (present !== undefined) return present.promise;
    if (this.#waiting.size >= MOST_WAITING) {
      return Promise.reject(
        new GatewayError('server.overloaded', 'Too many unknown credentials at once; try again.', {
          headers: RETRY,
        }),
      );
    }
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    this.#waiting.set(hash, { promise, resolve, reject });
    this.#schedule();
    return promise;
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
    try {
      const records = await inTime(this.read([...batch.keys()]));
      this.#isFailing = false;
      this.#isFlooded = records.size * 2 < batch.size;
      const settled = [...batch].map(([hash, waiting]) =>
        this.#settleOne(hash, waiting, records.get(hash), question),
      );
      // What takes longer (opening budgets) does not hold up the next question, but goes on hearing of changes.
      void Promise.allSettled(settled).then(() => this.#open.delete(question));
    } catch (cause) {
      this.#open.delete(question);
      this.#isFailing = true;
      this.#restsUntilMs = this.clock.monotonicMs() + REST_MS;
      const error = unavailable('reading keys failed', cause);
      for (const { reject } of [...batch.values(), ...this.#waiting.values()]) reject(error);
      this.#waiting.clear();
    } finally {
      this.#isAsking = false;
      this.#schedule();
    }
  }

  #settleOne(
    hash: string,
    waiting: Waiting<T>,
    record: KeyRecord | undefined,
    question: Question,
  ): Promise<T> {
    try {
      waiting.resolve(this.settle(hash, record, question));
    } catch (thrown) {
      waiting.reject(thrown);
    }
    return waiting.promise;
  }

  #take(): Map<string, Waiting<T>> {
    const all = this.#waiting;
    if (all.size <= LARGEST_BATCH) {
      this.#waiting = new Map();
      return all;
    }
    const batch = new Map([...all].slice(0, LARGEST_BATCH));
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

async function inTime<T>(answer: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer in ${TIMEOUT_MS} ms`)), TIMEOUT_MS);
  });
  try {
    return await Promise.race([answer, late]);
  } finally {
    clearTimeout(timer);
  }
}
