import { Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { Config } from '#libs/config';
import { Clock, GatewayError, type Principal } from '#libs/kernel';
import { CallerDirectory, type CallerIds, type CallerRecord, EVERY_KEY, KeyDirectory } from '#libs/tenancy';
import { compilePrincipal, type CredentialClaims } from '../compile-principal.js';
import { dependenciesOf, standingOf } from '../compiled-key.js';
import { InStep } from '../in-step.js';
import { unavailable } from '../key-lookups.js';
import { MAX_STALE_MS } from '../key-vault.js';
import { ChangeFeed, PrincipalPreparation } from '../ports.js';
import { refusal } from '../refusal.js';
import { refusalOf } from '../standing-refusal.js';

/** Whom a credential without a key speaks for. */
export interface SignedIn {
  readonly ids: Partial<CallerIds>;
  readonly claims: CredentialClaims;
}

/** The virtual key that a credential stands for: it is judged as that key, and dies with it. */
export interface ForKey {
  readonly keyId: string;
}

export function isForKey(caller: SignedIn | ForKey): caller is ForKey {
  return 'keyId' in caller;
}

/** What a credential means now: callers in order of preference, and every row a change of which may change that. */
export interface Resolution {
  readonly callers: readonly [SignedIn | ForKey, ...(SignedIn | ForKey)[]];
  readonly rows: readonly string[];
}

interface Kept {
  readonly principal: Principal;
  readonly rows: readonly string[];
  readonly verifiedMs: number;
  isCurrent: boolean;
}

/** Compiled callers take a few kilobytes each. */
const MOST_KEPT = 10_000;
const MOST_ATTEMPTS = 5;

/**
 * Callers that sign in with something else than a key, compiled and remembered by the hash of their credential. As for keys, a
 * known one costs a map look-up; a change of any row it was made from drops it at once, also for requests that hold it.
 * What a credential proves is the method's to remember; what it means here is asked again after each such change.
 */
@Injectable()
export class TokenCallers {
  readonly #kept: LRUCache<string, Kept>;
  readonly #byRow = new Map<string, Set<string>>();
  readonly #running = new Map<string, Promise<Principal>>();
  readonly #questions = new Set<Set<string>>();
  readonly #inStep: InStep;

  constructor(
    private readonly config: Config,
    private readonly clock: Clock,
    private readonly directory: CallerDirectory,
    private readonly preparation: PrincipalPreparation,
    private readonly feed: ChangeFeed,
    private readonly keys: KeyDirectory,
  ) {
    this.#kept = new LRUCache({ max: MOST_KEPT, dispose: (kept, hash) => this.#drop(hash, kept) });
    this.#inStep = new InStep(feed);
    feed.subscribe({
      onChange: ({ noun, id }) => {
        // Also the keys that tokens stand for.
        if (noun === 'key' && id === EVERY_KEY) this.#onGap();
        this.#onChange(`${noun}:${id}`);
        if (noun === 'team_member') for (const user of usersIn(id)) this.#onChange(membershipsOf(user));
      },
      onGap: () => this.#onGap(),
    });
  }

  /** Synchronous for a caller that is known. Throws what `resolve` throws, 401 for a caller that may not come in, 503 when nobody can tell. */
  find(hash: string, resolve: () => Promise<Resolution>): Principal | Promise<Principal> {
    if (this.feed.isFenced?.() === true) return this.#inStep.wait().then(() => this.find(hash, resolve));
    const known = this.#kept.get(hash);
    if (known?.isCurrent === true && this.#ageOf(known) <= this.config.auth.keyCacheTtlMs)
      return known.principal;
    const running = this.#running.get(hash);
    if (running) return running;
    const asked = this.#ask(hash, resolve)
      .catch((thrown: unknown) => this.#bridge(known, thrown))
      .finally(() => this.#running.delete(hash));
    this.#running.set(hash, asked);
    return asked;
  }

  async #ask(hash: string, resolve: () => Promise<Resolution>): Promise<Principal> {
    for (let attempt = 1; attempt <= MOST_ATTEMPTS; attempt += 1) {
      const changed = new Set<string>();
      this.#questions.add(changed);
      try {
        const askedMs = this.clock.monotonicMs();
        const resolution = await orUnavailable(resolve);
        const records = await this.#read(resolution);
        const rows = [
          ...new Set([
            ...resolution.rows,
            ...records.flatMap((record) => dependenciesOf(record, this.config)),
            ...resolution.callers.flatMap(roleRowOf),
          ]),
        ];
        const kept: Kept = {
          principal: this.#compile(resolution, records, () => kept.isCurrent),
          rows,
          verifiedMs: askedMs,
          isCurrent: true,
        };
        await this.preparation.prepare(kept.principal);
        if (changed.has('*') || rows.some((row) => changed.has(row))) continue;
        this.#keep(hash, kept);
        return kept.principal;
      } finally {
        this.#questions.delete(changed);
      }
    }
    throw unavailable('the rows of a caller changed faster than they could be read');
  }

  #read({ callers }: Resolution): Promise<CallerRecord[]> {
    return orUnavailable(() =>
      Promise.all(
        callers.map((one) =>
          isForKey(one) ? this.#keyRecord(one) : this.directory.find(one.ids, one.claims.role),
        ),
      ),
    );
  }

  async #keyRecord({ keyId }: ForKey): Promise<CallerRecord> {
    const record = await this.keys.findById(keyId);
    if (record === undefined)
      throw refusal('auth.credential_unknown', 'The key that this token stands for was deleted.', 'key');
    return record;
  }

  /** The first caller that may come in; the others stand by for models that it may not call. */
  #compile({ callers }: Resolution, records: readonly CallerRecord[], isCurrent: () => boolean): Principal {
    const fenced = (): boolean => isCurrent() && this.feed.isFenced?.() !== true;
    const good: Principal[] = [];
    let refused: GatewayError | undefined;
    for (const [index, record] of records.entries()) {
      const caller = callers[index];
      const claims = caller === undefined || isForKey(caller) ? undefined : caller.claims;
      const principal = compilePrincipal(record, this.config, fenced, claims);
      const why = refusalOf(standingOf(record), principal);
      if (why) refused ??= why;
      else good.push(principal);
    }
    const [first, ...others] = good;
    if (first === undefined) throw refused ?? unavailable('a credential without a caller');
    return others.length === 0 ? first : Object.freeze({ ...first, alternatives: others });
  }

  #keep(hash: string, kept: Kept): void {
    this.#kept.set(hash, kept);
    for (const row of kept.rows) {
      const present = this.#byRow.get(row);
      if (present) present.add(hash);
      else this.#byRow.set(row, new Set([hash]));
    }
  }

  #drop(hash: string, kept: Kept): void {
    kept.isCurrent = false;
    for (const row of kept.rows) {
      const present = this.#byRow.get(row);
      present?.delete(hash);
      if (present?.size === 0) this.#byRow.delete(row);
    }
  }

  #onChange(row: string): void {
    for (const question of this.#questions) question.add(row);
    for (const hash of this.#byRow.get(row) ?? []) this.#kept.delete(hash);
  }

  #onGap(): void {
    for (const question of this.#questions) question.add('*');
    this.#kept.clear();
  }

  /** Only an outage may be bridged by what was known, and only while nothing dropped it. */
  #bridge(known: Kept | undefined, thrown: unknown): Principal {
    const mayServe =
      known?.isCurrent === true && this.#ageOf(known) <= this.config.auth.keyCacheTtlMs + MAX_STALE_MS;
    if (mayServe && thrown instanceof GatewayError && thrown.status === 503) return known.principal;
    throw thrown;
  }

  #ageOf({ verifiedMs }: Kept): number {
    return this.clock.monotonicMs() - verifiedMs;
  }
}

/** A role that the credential itself states: made, changed or deleted, it makes another caller. */
function roleRowOf(caller: SignedIn | ForKey): string[] {
  return isForKey(caller) || caller.claims.role === undefined ? [] : [`role:${caller.claims.role}`];
}

/** What a caller depends on whose teams are looked up: a membership that is new is a row that nobody could depend on before. */
export function membershipsOf(userId: string): string {
  return `memberships:${userId}`;
}

/** Whose membership `team:user` may be; either id may hold a colon, and to forget one caller too many is harmless. */
function usersIn(membership: string): string[] {
  const parts = membership.split(':');
  return parts.slice(1).map((_, index) => parts.slice(index + 1).join(':'));
}

/** What is no refusal is the store's failure: the caller's own word cannot make these questions fail. */
async function orUnavailable<T>(read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (thrown) {
    throw thrown instanceof GatewayError ? thrown : unavailable('reading a caller failed', thrown);
  }
}
