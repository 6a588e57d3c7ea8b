import type { Clock } from '#libs/kernel';

/** Between two rounds of looks; those of one round share a question. */
const ROUND_MS = 100;
/** Keys that are due together are all looked at within this long, or within half of what a look is good for if that is less. */
const LONGEST_SPREAD_MS = 30_000;
const FEWEST_A_ROUND = 8;

/**
 * Looks again at what is served anyway, a few at a time: a fleet that woke up within seconds is due within seconds, and reading all of it at
 * once would take the processor from the calls it is read for.
 */
export class SecondLooks {
  /** Those who are due, longest first. */
  readonly #due = new Map<string, () => void>();
  #timer: NodeJS.Timeout | undefined;
  #lastRoundMs = Number.NEGATIVE_INFINITY;

  constructor(
    /** Asks about one; never rejects. All that are asked for in one turn of the event loop share a question. */
    private readonly ask: (hash: string) => Promise<unknown>,
    /** How many may become due within `goodForMs`. */
    private readonly size: () => number,
    private readonly goodForMs: number,
    private readonly clock: Clock,
  ) {}

  /** Has it looked at as soon as it is its turn; `done` afterwards. */
  add(hash: string, done: () => void): void {
    this.#due.set(hash, done);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#timer !== undefined || this.#due.size === 0) return;
    const waitMs = this.#lastRoundMs + ROUND_MS - this.clock.monotonicMs();
    if (waitMs <= 0) {
      this.#look();
      return;
    }
    this.#timer = setTimeout(this.#look, waitMs);
    this.#timer.unref();
  }

  readonly #look = (): void => {
    this.#timer = undefined;
    this.#lastRoundMs = this.clock.monotonicMs();
    const rounds = Math.min(LONGEST_SPREAD_MS, this.goodForMs / 2) / ROUND_MS;
    let left = Math.max(FEWEST_A_ROUND, Math.ceil(this.size() / Math.max(1, rounds)));
    for (const [hash, release] of this.#due) {
      if ((left -= 1) < 0) break;
      this.#due.delete(hash);
      void this.ask(hash).then(release, release);
    }
    this.#schedule();
  };
}
