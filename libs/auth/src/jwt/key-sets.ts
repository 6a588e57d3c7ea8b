import { setTimeout as delay } from 'node:timers/promises';
import type { JSONWebKeySet } from 'jose';
import { type Clock, isRecord } from '#libs/kernel';
import { fetchJson, providerUnavailable } from './identity-provider.js';

export interface KeySetTimes {
  /** How long a fetched set counts as fresh. */
  readonly ttlMs: number;
  /** How much longer it is used while its provider does not answer. */
  readonly staleMs: number;
}

/** An unknown key id may mean a rotation: it is worth a question at once, but strangers must not be able to ask all day. */
const MISSES_AT_ONCE = 5;
const MISS_PAUSE_MS = 5_000;
/** After a failure the provider is left alone for this long, but for unknown keys. */
const FAILURE_PAUSE_MS = 30_000;
/** With a set that may still be used nobody waits longer than this for a new one. */
const PATIENCE_MS = 1_000;

/**
 * The public keys behind one URL (a JWKS, or an OpenID discovery document that names one: the body tells). Cached, fetched
 * by one request at a time; asked again at once when a token names a key that is not there; used beyond its time while the
 * provider is away.
 */
export class KeySet {
  #set: JSONWebKeySet | undefined;
  #fetchedMs = Number.NEGATIVE_INFINITY;
  #failedMs = Number.NEGATIVE_INFINITY;
  #misses = MISSES_AT_ONCE;
  #missesCountedMs = Number.NEGATIVE_INFINITY;
  #running: Promise<JSONWebKeySet> | undefined;
  #version = 0;

  constructor(
    private readonly url: string,
    private readonly times: KeySetTimes,
    private readonly clock: Clock,
  ) {}

  /** Grows when the keys are others than before: what was verified with a key that is gone must be verified again. */
  get version(): number {
    return this.#version;
  }

  /**
   * Whether what was verified under this version still counts. No I/O: when the set is past its time it is fetched behind
   * the caller's back, so that a rotation is noticed even where every token is remembered.
   */
  vouchesFor(version: number): boolean {
    if (version !== this.#version) return false;
    const age = this.#age();
    if (age <= this.times.ttlMs) return true;
    if (age > this.times.ttlMs + this.times.staleMs) return false;
    if (!this.#isResting()) this.#fetch().catch(() => undefined);
    return true;
  }

  /** Throws `auth.provider_unavailable` when there are none that may still be used. */
  async keys(): Promise<JSONWebKeySet> {
    const set = this.#set;
    const age = this.#age();
    if (set !== undefined && age <= this.times.ttlMs) return set;
    const usable = age <= this.times.ttlMs + this.times.staleMs ? set : undefined;
    if (this.#isResting()) {
      if (usable) return usable;
      throw this.#unavailable();
    }
    if (usable === undefined) return this.#fetch();
    const fetched = this.#fetch().catch(() => usable);
    return Promise.race([fetched, delay(PATIENCE_MS, usable, { ref: false })]);
  }

  /**
   * The keys after a question, when one may be asked now; undefined when the provider was asked a moment ago and knew no other.
   * Throws `auth.provider_unavailable` when it does not answer.
   */
  async afterMiss(): Promise<JSONWebKeySet | undefined> {
    if (this.#running) return this.#running;
    if (this.clock.monotonicMs() - this.#failedMs < PATIENCE_MS) throw this.#unavailable();
    if (this.#mayAsk()) return this.#fetch();
    if (this.#failedMs > this.#fetchedMs) throw this.#unavailable();
    return undefined;
  }

  #mayAsk(): boolean {
    const nowMs = this.clock.monotonicMs();
    const earned = Math.floor((nowMs - this.#missesCountedMs) / MISS_PAUSE_MS);
    if (earned > 0) {
      this.#misses = Math.min(MISSES_AT_ONCE, this.#misses + earned);
      this.#missesCountedMs = nowMs;
    }
    if (this.#misses <= 0) return false;
    this.#misses -= 1;
    return true;
  }

  #age(): number {
    return this.clock.monotonicMs() - this.#fetchedMs;
  }

  #isResting(): boolean {
    return this.clock.monotonicMs() - this.#failedMs < FAILURE_PAUSE_MS;
  }

  #unavailable(): Error {
    return providerUnavailable(this.url, 'it failed a moment ago');
  }

  #fetch(): Promise<JSONWebKeySet> {
    this.#running ??= this.#load().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  /** Whoever can change what travels in the clear could put a key of his own in. */
  #asSafe(jwksUri: string): string {
    if (!this.url.startsWith('https:') || jwksUri.startsWith('https:')) return jwksUri;
    throw providerUnavailable(this.url, 'its discovery document names a key set without TLS');
  }

  async #load(): Promise<JSONWebKeySet> {
    try {
      let body = await fetchJson(this.url);
      if (isRecord(body) && typeof body['jwks_uri'] === 'string')
        body = await fetchJson(this.#asSafe(body['jwks_uri']));
      const keys = Array.isArray(body) ? body : isRecord(body) ? body['keys'] : undefined;
      if (!Array.isArray(keys)) throw providerUnavailable(this.url, 'it did not answer with a key set');
      const set = { keys: keys.filter(isRecord).map(publicPart) } as unknown as JSONWebKeySet;
      if (this.#set === undefined || JSON.stringify(set) !== JSON.stringify(this.#set)) this.#version += 1;
      this.#set = set;
      this.#fetchedMs = this.clock.monotonicMs();
      this.#failedMs = Number.NEGATIVE_INFINITY;
      return set;
    } catch (thrown) {
      this.#failedMs = this.clock.monotonicMs();
      throw thrown instanceof Error && thrown.name === 'GatewayError'
        ? thrown
        : providerUnavailable(this.url, 'it refused to show its keys', thrown);
    }
  }
}

/** Only what a signature is checked with: a set that says `alg` or `use` must not change which algorithms are accepted. */
function publicPart({ kty, kid, n, e, x, y, crv }: Record<string, unknown>): Record<string, unknown> {
  return JSON.parse(JSON.stringify({ kty, kid, n, e, x, y, crv })) as Record<string, unknown>;
}
