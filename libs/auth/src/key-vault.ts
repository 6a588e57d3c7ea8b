import { Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { Config } from '#libs/config';
import { Clock, GatewayError, type Principal } from '#libs/kernel';
import { EVERY_KEY, KeyDirectory, type KeyRecord } from '#libs/tenancy';
import { CompiledKey } from './compiled-key.js';
import { Dependents } from './dependents.js';
import { InStep } from './in-step.js';
import { KeyLookups, type Question, unavailable } from './key-lookups.js';
import { ChangeFeed, PrincipalPreparation } from './ports.js';
import { SecondLooks } from './second-looks.js';

/** How much longer than the cache's own time a known key is served while PostgreSQL does not answer. */
export const MAX_STALE_MS = 60_000;
/** A key that was refused is refused again without a question for this long, if no change of it is heard. */
const REFUSAL_MS = 1_000;
const MOST_REFUSALS = 4_096;
/** An evicted key still hears of changes for this long, because a request may hold its principal. Longer than any request takes to reach its provider. */
const LINGER_MS = 120_000;
/** Rows that change faster than they can be read: five times in a row is an outage, not a race. */
const MOST_ATTEMPTS = 5;

/** `changed`: what was read may be outdated already; ask again. */
type Outcome = CompiledKey | undefined | 'changed';

/**
 * Every key this process has met, compiled. A known key costs one map look-up and no I/O; a change notification drops it
 * at once, and `isCurrent()` of what requests still hold turns false. The time limit is only the backstop: with the feed
 * in step a key past it is served while it is read again, a few at a time; with the feed behind, it is read first. While PostgreSQL does
 * not answer, known keys are served for MAX_STALE_MS more, and strangers get 503, never 401.
 */
@Injectable()
export class KeyVault {
  readonly #cache: LRUCache<string, CompiledKey>;
  readonly #refusals = new LRUCache<string, number>({ max: MOST_REFUSALS });
  readonly #dependents = new Dependents();
  readonly #evicted: { readonly compiled: CompiledKey; readonly atMs: number }[] = [];
  readonly #lookups: KeyLookups<Outcome>;
  readonly #secondLooks: SecondLooks;
  readonly #inStep: InStep;
  /** What was verified earlier than this may have missed a change. */
  #believedSinceMs = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly config: Config,
    private readonly clock: Clock,
    private readonly feed: ChangeFeed,
    private readonly preparation: PrincipalPreparation,
    directory: KeyDirectory,
  ) {
    this.#cache = new LRUCache({
      max: Math.max(1, config.auth.keyCacheSize),
      dispose: (compiled, _, reason) => {
        if (reason === 'evict') this.#linger(compiled);
      },
    });
    this.#lookups = new KeyLookups(
      (hashes) => directory.findByHashes(hashes),
      (hash, record, question) => this.#settle(hash, record, question),
      clock,
    );
    this.#secondLooks = new SecondLooks(
      (hash) => this.#lookAgain(hash),
      () => this.#cache.size,
      config.auth.keyCacheTtlMs,
      clock,
    );
    this.#inStep = new InStep(feed);
    feed.subscribe({ onChange: ({ noun, id }) => this.#onChange(noun, id), onGap: () => this.#onGap() });
  }

  /** The key with this SHA-256, or undefined when there is none. A value at hand is returned as such, without a promise. */
  find(hash: string): CompiledKey | undefined | Promise<CompiledKey | undefined> {
    if (this.#isFenced()) return this.#inStep.wait().then(() => this.find(hash));
    const known = this.#cache.get(hash);
    const nowMs = this.clock.monotonicMs();
    if (known === undefined) return this.#wasRefused(hash, nowMs) ? undefined : this.#ask(hash);
    if (
      nowMs - known.verifiedMs <= this.config.auth.keyCacheTtlMs &&
      known.verifiedMs >= this.#believedSinceMs
    )
      return known;
    return this.#recheck(hash, known, nowMs);
  }

  /** Keys held now, for the metrics. */
  get size(): number {
    return this.#cache.size;
  }

  readonly #isFenced = (): boolean => this.feed.isFenced?.() === true;

  #recheck(hash: string, known: CompiledKey, nowMs: number): CompiledKey | Promise<CompiledKey | undefined> {
    const { keyCacheTtlMs } = this.config.auth;
    const isServable = nowMs - known.verifiedMs <= keyCacheTtlMs + MAX_STALE_MS;
    const missedNothing = known.verifiedMs >= this.#believedSinceMs && this.feed.state() === 'live';
    if (missedNothing && isServable && keyCacheTtlMs > 0) {
      this.#refresh(hash, known);
      return known;
    }
    if (this.#lookups.isFailing && isServable && known.principal.isCurrent()) {
      // One request waited to learn that the store does not answer; the others are served while it is asked again.
      this.#refresh(hash, known);
      return known;
    }
    return this.#ask(hash, isServable && known.principal.isCurrent()).catch((error: unknown) => {
      // Only an outage may be bridged by what was known; a principal dropped meanwhile may not be.
      if (isServable && isOutage(error) && known.principal.isCurrent()) return known;
      throw error;
    });
  }

  #refresh(hash: string, known: CompiledKey): void {
    if (known.isRefreshing || this.#lookups.isResting) return;
    known.isRefreshing = true;
    this.#secondLooks.add(hash, () => {
      known.isRefreshing = false;
    });
  }

  /** A failure needs no other answer: the look-ups rest, and the next request past the time limit sees it. */
  #lookAgain(hash: string): Promise<unknown> {
    return this.#lookups.isResting ? Promise.resolve() : this.#ask(hash, true).catch(() => undefined);
  }

  async #ask(hash: string, isBridged = false): Promise<CompiledKey | undefined> {
    for (let attempt = 1; attempt <= MOST_ATTEMPTS; attempt += 1) {
      const outcome = await (isBridged ? this.#lookups.findSoon(hash) : this.#lookups.find(hash));
      if (outcome !== 'changed') return outcome;
    }
    throw unavailable('the rows of a key changed faster than they could be read');
  }

  /** Keeps what was read, unless a change was heard since the question: then what was read may be older than it. */
  #settle(hash: string, record: KeyRecord | undefined, question: Question): Outcome | Promise<Outcome> {
    if (record !== undefined) return this.#fill(hash, record, question);
    if (hasChanged(question, [`key_hash:${hash}`])) return 'changed';
    this.#forget(this.#cache.peek(hash), hash);
    // Without the feed nobody would tell when such a key is made.
    if (this.feed.state() === 'live') this.#refusals.set(hash, this.clock.monotonicMs());
    return undefined;
  }

  async #fill(hash: string, record: KeyRecord, question: Question): Promise<Outcome> {
    const fresh = new CompiledKey(record, this.config, question.askedMs, this.#isFenced);
    const isKnown = this.#cache.peek(hash)?.fingerprint === fresh.fingerprint;
    if (!isKnown && fresh.standing === 'good') await this.#prepare(fresh.principal);
    return hasChanged(question, [`key_hash:${hash}`, ...fresh.dependencies])
      ? 'changed'
      : this.#keep(hash, fresh);
  }

  async #prepare(principal: Principal): Promise<void> {
    try {
      await this.preparation.prepare(principal);
    } catch (thrown) {
      throw thrown instanceof GatewayError ? thrown : unavailable('preparing a key failed', thrown);
    }
  }

  #keep(hash: string, fresh: CompiledKey): CompiledKey {
    const present = this.#cache.get(hash);
    if (present !== undefined) {
      // Two questions may overlap: the later one read the newer rows.
      if (present.fingerprint === fresh.fingerprint || present.verifiedMs > fresh.verifiedMs) {
        present.verifiedMs = Math.max(present.verifiedMs, fresh.verifiedMs);
        return present;
      }
      this.#forget(present, hash);
    }
    this.#cache.set(hash, fresh);
    this.#dependents.add(fresh);
    this.#refusals.delete(hash);
    return fresh;
  }

  #onChange(noun: string, id: string): void {
    const row = `${noun}:${id}`;
    if (noun === 'key' && id === EVERY_KEY) {
      this.#forgetAll();
      return;
    }
    this.#lookups.noteChange(row);
    if (noun === 'key_hash') {
      this.#refusals.delete(id);
      this.#forget(this.#cache.peek(id), id);
      return;
    }
    for (const compiled of this.#dependents.of(row)) this.#forget(compiled, compiled.principal.key?.hash);
  }

  #onGap(): void {
    this.#lookups.noteChange('*');
    this.#refusals.clear();
    this.#believedSinceMs = this.clock.monotonicMs();
  }

  #forget(compiled: CompiledKey | undefined, hash: string | undefined): void {
    if (compiled === undefined) return;
    compiled.drop();
    this.#dependents.remove(compiled);
    if (hash !== undefined && this.#cache.peek(hash) === compiled) this.#cache.delete(hash);
  }

  /** Every key changed at once. */
  #forgetAll(): void {
    this.#lookups.noteChange('*');
    this.#refusals.clear();
    for (const [hash, compiled] of [...this.#cache.entries()]) this.#forget(compiled, hash);
    for (const { compiled } of this.#evicted.splice(0)) this.#forget(compiled, undefined);
  }

  #linger(compiled: CompiledKey): void {
    const nowMs = this.clock.monotonicMs();
    this.#evicted.push({ compiled, atMs: nowMs });
    // Past the time or the number, the oldest is dropped: its requests, if any, authenticate again.
    while (
      this.#evicted[0] !== undefined &&
      (this.#evicted[0].atMs < nowMs - LINGER_MS || this.#evicted.length > this.#cache.max)
    ) {
      this.#forget(this.#evicted.shift()?.compiled, undefined);
    }
  }

  #wasRefused(hash: string, nowMs: number): boolean {
    const refusedMs = this.#refusals.get(hash);
    return refusedMs !== undefined && nowMs - refusedMs <= REFUSAL_MS && this.feed.state() === 'live';
  }
}

function hasChanged({ changedSince }: Question, rows: readonly string[]): boolean {
  return changedSince.size > 0 && (changedSince.has('*') || rows.some((row) => changedSince.has(row)));
}

function isOutage(error: unknown): boolean {
  return error instanceof GatewayError && error.code === 'auth.store_unavailable';
}
