import { LRUCache } from 'lru-cache';
import { type Clock, GatewayError } from '#libs/kernel';

/** What an identity provider said of a token, and until when it counts. */
export interface KnownToken<T> {
  readonly meaning: T;
  readonly untilMs: number;
}

const MOST_TOKENS = 10_000;
const MOST_REFUSED = 1_000;
/** A token that its issuer does not know is refused without another question for this long. */
const REFUSED_MS = 1_000;
/** Questions at one time, about all tokens together: strangers can invent tokens faster than any provider answers. */
const MOST_QUESTIONS = 256;

/**
 * Tokens that only their issuer can read, by their hash: each is asked about once, however many requests bring it at once, and
 * remembered for as long as the answer counts. What may not be remembered is asked about again; outages are never remembered.
 */
export class OpaqueTokens<T> {
  readonly #known = new LRUCache<string, KnownToken<T>>({ max: MOST_TOKENS });
  readonly #refused = new LRUCache<string, { readonly error: GatewayError; readonly atMs: number }>({
    max: MOST_REFUSED,
  });
  readonly #running = new Map<string, Promise<T>>();

  constructor(private readonly clock: Clock) {}

  /** Without a question; undefined when one is needed. */
  recall(hash: string): T | undefined {
    const known = this.#known.get(hash);
    return known !== undefined && known.untilMs > this.clock.nowMs() ? known.meaning : undefined;
  }

  /** Throws what `ask` throws, and 503 while too many questions are under way. */
  async learn(hash: string, ask: () => Promise<KnownToken<T>>): Promise<T> {
    const refused = this.#refused.get(hash);
    if (refused !== undefined && this.clock.monotonicMs() - refused.atMs < REFUSED_MS) throw refused.error;
    const running = this.#running.get(hash);
    if (running) return running;
    if (this.#running.size >= MOST_QUESTIONS) throw tooManyQuestions();
    const asked = this.#ask(hash, ask).finally(() => this.#running.delete(hash));
    this.#running.set(hash, asked);
    return asked;
  }

  async #ask(hash: string, ask: () => Promise<KnownToken<T>>): Promise<T> {
    try {
      const fresh = await ask();
      this.#known.set(hash, fresh);
      return fresh.meaning;
    } catch (thrown) {
      if (thrown instanceof GatewayError && thrown.status === 401)
        this.#refused.set(hash, { error: thrown, atMs: this.clock.monotonicMs() });
      throw thrown;
    }
  }
}

function tooManyQuestions(): GatewayError {
  return new GatewayError(
    'auth.provider_unavailable',
    'Authentication Error, too many tokens are being checked right now. Please try again shortly.',
    {
      internal: `${MOST_QUESTIONS} questions to the identity provider are under way`,
      headers: { 'retry-after': '1' },
    },
  );
}
