import type { JSONWebKeySet } from 'jose';
import type { Clock } from '#libs/kernel';
import { fetchJson, providerUnavailable } from './identity-provider.js';

export interface KeySetTimes {
  /** How long a fetched set counts as fresh. */
  readonly ttlMs: number;
  /** How much longer it is used while its provider does not answer. */
  readonly staleMs: number;
}

/** An unknown key id may mean a rotation: it is worth a question, but strangers must not be able to ask all day. */
const MISS_PAUSE_MS = 5_000;
/** After a failure the provider is left alone for this long. */
const FAILURE_PAUSE_MS = 30_000;

/**
 * The public keys behind one URL (a JWKS, or an OpenID discovery document that names one: the body tells). Cached, fetched
 * by one request at a time; asked again at once when a token names a key that is not there; used beyond its time while the
 * provider is away.
 */
export class KeySet {
  #set: JSONWebKeySet | undefined;
  #fetchedMs = Number.NEGATIVE_INFINITY;
  #missedMs = Number.NEGATIVE_INFINITY;
  #failedMs = Number.NEGATIVE_INFINITY;
  #running: Promise<JSONWebKeySet> | undefined;
  /** Grows when the keys are others than before: what was verified with a key that is gone must be verified again. */
  version = 0;

  constructor(
    private readonly url: string,
    private readonly times: KeySetTimes,
    private readonly clock: Clock,
  ) {}

  /** Throws `auth.provider_unavailable` when there are none that may still be used. */
  async keys(): Promise<JSONWebKeySet> {
    const age = this.clock.monotonicMs() - this.#fetchedMs;
    if (this.#set !== undefined && age <= this.times.ttlMs) return this.#set;
    const isUsable = this.#set !== undefined && age <= this.times.ttlMs + this.times.staleMs;
    if (this.#isResting()) {
      if (isUsable && this.#set) return this.#set;
      throw providerUnavailable(this.url, 'it failed a moment ago');
    }
    try {
      return await this.#fetch();
    } catch (thrown) {
      if (isUsable && this.#set) return this.#set;
      throw thrown;
    }
  }

  /** The keys after a question, when one may be asked now; undefined when it would be too soon. */
  async afterMiss(): Promise<JSONWebKeySet | undefined> {
    const nowMs = this.clock.monotonicMs();
    if (this.#running) return this.#running;
    if (nowMs - this.#missedMs < MISS_PAUSE_MS) return undefined;
    this.#missedMs = nowMs;
    return this.#fetch();
  }

  #isResting(): boolean {
    return this.clock.monotonicMs() - this.#failedMs < FAILURE_PAUSE_MS;
  }

  #fetch(): Promise<JSONWebKeySet> {
    this.#running ??= this.#load().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  async #load(): Promise<JSONWebKeySet> {
    try {
      let body = await fetchJson(this.url);
      if (isRecord(body) && typeof body['jwks_uri'] === 'string') body = await fetchJson(body['jwks_uri']);
      const keys = Array.isArray(body) ? body : isRecord(body) ? body['keys'] : undefined;
      if (!Array.isArray(keys)) throw providerUnavailable(this.url, 'it did not answer with a key set');
      const set = { keys: keys.filter(isRecord).map(publicPart) } as unknown as JSONWebKeySet;
      if (this.#set === undefined || JSON.stringify(set) !== JSON.stringify(this.#set)) this.version += 1;
      this.#set = set;
      this.#fetchedMs = this.clock.monotonicMs();
      this.#failedMs = Number.NEGATIVE_INFINITY;
      return set;
    } catch (thrown) {
      this.#failedMs = this.clock.monotonicMs();
      throw thrown;
    }
  }
}

/** Only what a signature is checked with: a set that says `alg` or `use` must not change which algorithms are accepted. */
function publicPart({ kty, kid, n, e, x, y, crv }: Record<string, unknown>): Record<string, unknown> {
  return JSON.parse(JSON.stringify({ kty, kid, n, e, x, y, crv })) as Record<string, unknown>;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
