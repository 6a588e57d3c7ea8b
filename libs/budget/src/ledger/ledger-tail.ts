import type { SpendTail } from '#libs/counters';
import type { NanoUsd } from '#libs/kernel';
import { counterKey } from '../counter-key.js';
import type { Charge } from '../prepared.js';
import { LIFETIME } from '../periods.js';
import type { EntryFacts } from '../spool/codec.js';
import type { SpendLedger } from './spend-ledger.js';

/** Somebody always has a reason: nobody joins a pause that is older than this, so that storing comes round. */
const LONGEST_MS = 1_000;
/** Storing takes a fraction of this, or PostgreSQL is away and opening fails anyway. */
const FLUSH_MS = 500;

interface Pause {
  /** Asked by each user at its own moment: what ends meanwhile has joined. */
  readonly undrained: Promise<() => Iterable<EntryFacts>>;
  readonly beganAtMs: number;
  users: number;
  readonly end: () => void;
}

/** What this process has spent and not stored: the ledger's side of opening shared counters. Those who ask at once share one pause. */
export class LedgerTail implements SpendTail {
  #pause: Pause | undefined;

  constructor(private readonly ledger: SpendLedger) {}

  async hold<T>(
    keys: ReadonlySet<string>,
    work: (tail: ReadonlyMap<string, NanoUsd>) => Promise<T>,
  ): Promise<T> {
    await this.#storeWhatIsOld(keys);
    const pause = this.#join();
    try {
      const undrained = await pause.undrained;
      return await work(sumsOf(undrained(), keys));
    } finally {
      pause.users -= 1;
      if (pause.users === 0) {
        if (this.#pause === pause) this.#pause = undefined;
        pause.end();
      }
    }
  }

  keys(): Set<string> {
    return keysIn(this.ledger.undrained());
  }

  /** Calls from before a budget was made do not name its period: they count by their time, once they are stored. */
  async #storeWhatIsOld(keys: ReadonlySet<string>): Promise<void> {
    if (this.#pause || [...keys].every((key) => key.endsWith(`:${LIFETIME}`))) return;
    const late = Promise.withResolvers<void>();
    const timer = setTimeout(late.resolve, FLUSH_MS);
    await Promise.race([this.ledger.flush().catch(late.resolve), late.promise]);
    clearTimeout(timer);
  }

  #join(): Pause {
    const running = this.#pause;
    if (running && performance.now() - running.beganAtMs < LONGEST_MS) {
      running.users += 1;
      return running;
    }
    const begun = Promise.withResolvers<() => Iterable<EntryFacts>>();
    const ended = Promise.withResolvers<void>();
    const pause = { undrained: begun.promise, beganAtMs: performance.now(), users: 1, end: ended.resolve };
    this.#pause = pause;
    this.ledger
      .pause((undrained) => {
        begun.resolve(undrained);
        return ended.promise;
      })
      .catch(begun.reject);
    return pause;
  }
}

/** The counters that entries add to. */
export function keysIn(entries: Iterable<EntryFacts>): Set<string> {
  const keys = new Set<string>();
  for (const { charges } of entries) for (const key of keysOf(charges)) keys.add(key);
  return keys;
}

/** What entries add to counters, by key. */
function sumsOf(undrained: Iterable<EntryFacts>, keys: { has(key: string): boolean }): Map<string, NanoUsd> {
  const sums = new Map<string, NanoUsd>();
  for (const { charges, costNanoUsd } of undrained) {
    for (const key of keysOf(charges)) if (keys.has(key)) sums.set(key, (sums.get(key) ?? 0n) + costNanoUsd);
  }
  return sums;
}

/** Thousands of entries may wait for the database, and all calls of a caller share one list of charges. */
const known = new WeakMap<readonly Charge[], readonly string[]>();

function keysOf(charges: readonly Charge[]): readonly string[] {
  let keys = known.get(charges);
  if (!keys) {
    keys = charges.map(({ scope, budget, periodId }) => counterKey(scope, budget, periodId));
    known.set(charges, keys);
  }
  return keys;
}
