import { unavailable } from './key-lookups.js';
import type { ChangeFeed } from './ports.js';

const LOOK_MS = 50;
/** Some two and a half seconds: longer than the feed needs to come back over a wire that works, shorter than a caller's patience. */
const MOST_LOOKS = 50;

/**
 * Holds callers for whom a process may not answer because it did not follow the changes. Most often it only stood still itself, for want of
 * a processor: then it is in step again within moments. Where it stays out of step they are refused, and from then on at once.
 */
export class InStep {
  #looks = 0;
  #wait:
    | { readonly over: Promise<void>; readonly end: () => void; readonly fail: (error: Error) => void }
    | undefined;

  constructor(private readonly feed: ChangeFeed) {}

  /** Resolves when the feed is in step; rejects with `auth.store_unavailable` when it was not for too long. */
  wait(): Promise<void> {
    if (this.#wait === undefined) {
      const { promise: over, resolve: end, reject: fail } = Promise.withResolvers<void>();
      this.#wait = { over, end, fail };
      this.#looks = 0;
      over.catch(() => undefined);
      this.#look();
    }
    return this.#wait.over;
  }

  /** Looks on after everybody was refused, to be fresh for the next time. Counts looks, not time: standing still uses up only one. */
  #look = (): void => {
    if (this.feed.isFenced?.() !== true) {
      this.#wait?.end();
      this.#wait = undefined;
      return;
    }
    this.#looks += 1;
    if (this.#looks > MOST_LOOKS)
      this.#wait?.fail(unavailable('this process hears of no changes, and what it knows may be revoked'));
    setTimeout(this.#look, LOOK_MS).unref();
  };
}
