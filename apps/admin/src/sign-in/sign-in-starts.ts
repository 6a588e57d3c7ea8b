import { GatewayError } from '#libs/kernel';
import { LRUCache } from 'lru-cache';

/** An office behind one address signs in within this; each start is a row that waits for its browser. */
const MOST_A_MINUTE = 60;
const MINUTE_MS = 60_000;
const MOST_ADDRESSES = 10_000;

/** Bounds what strangers can make this process write: sign-ins begun from one address, in one minute. */
export class SignInStarts {
  readonly #counts = new LRUCache<string, { count: number }>({ max: MOST_ADDRESSES, ttl: MINUTE_MS });

  /** Throws 429 for one too many. */
  take(address: string | null): void {
    const name = address ?? 'unknown';
    const known = this.#counts.get(name);
    if (known === undefined) {
      this.#counts.set(name, { count: 1 });
      return;
    }
    known.count += 1;
    if (known.count <= MOST_A_MINUTE) return;
    throw new GatewayError(
      'ratelimit.exceeded',
      'Too many sign-ins were begun from your network. Wait a minute.',
      {
        headers: { 'retry-after': String(Math.ceil(this.#counts.getRemainingTTL(name) / 1_000)) },
      },
    );
  }
}
