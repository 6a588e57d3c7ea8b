import { type Counters, RedisCounters } from '#libs/counters';
import type { NanoUsd, Scope } from '#libs/kernel';
import { counterKey, oneText } from './counter-key.js';
import type { BalanceStore } from './ledger/balance-store.js';
import type { PeriodOpening } from './ledger/period-opening.js';
import type { SpendLedger } from './ledger/spend-ledger.js';
import type { Charge, PreparedBudget } from './prepared.js';
import type { EntryFacts } from './spool/codec.js';

interface Wanted {
  readonly prepared: PreparedBudget;
  readonly opening: PeriodOpening | undefined;
}

/**
 * Loads money counters from PostgreSQL: what is stored plus what this process has not stored yet, read in one still moment,
 * so that nothing is counted twice and nothing is missed. All who ask while a load runs share the next one.
 */
export class Opener {
  #wanted = new Map<string, Wanted>();
  #next: Promise<void> | undefined;
  #running: Promise<void> = Promise.resolve();

  constructor(
    private readonly counters: Counters,
    private readonly ledger: SpendLedger,
    private readonly balances: BalanceStore,
  ) {}

  /** Resolves when the counters of `prepared` are open; rejects when PostgreSQL does not answer. */
  async open(prepared: Iterable<PreparedBudget>): Promise<void> {
    let missing = false;
    for (const each of prepared) {
      if (this.counters.isOpen(each.key)) continue;
      missing = true;
      this.#wanted.set(each.key, { prepared: each, opening: openingOf(each) });
    }
    if (!missing) return;
    if (!this.#next) {
      const load = this.#running.then(() => {
        this.#next = undefined;
        const wanted = this.#wanted;
        this.#wanted = new Map();
        return this.#load(wanted);
      });
      this.#next = load;
      this.#running = load.catch(() => undefined);
    }
    await this.#next;
  }

  async #load(wanted: ReadonlyMap<string, Wanted>): Promise<void> {
    // Others spend as well: what they have not stored is asked of them.
    if (this.counters instanceof RedisCounters) {
      const endings = new Map([...wanted].map(([key, { opening }]) => [key, opening?.endsAtMs]));
      return this.counters.openTogether(endings, (keys) => this.#read(wanted, keys));
    }
    const opened: (void | Promise<void>)[] = [];
    await this.ledger.readSettled(
      () => this.#read(wanted, wanted),
      (stored, undrained) => {
        const settled = new Map<string, NanoUsd>();
        for (const { charges, costNanoUsd } of undrained) {
          for (const key of namesOf(charges).keys)
            if (wanted.has(key)) settled.set(key, (settled.get(key) ?? 0n) + costNanoUsd);
        }
        for (const [key, { opening }] of wanted) {
          const nano = (stored.get(key) ?? 0n) + (settled.get(key) ?? 0n);
          opened.push(this.counters.open(key, nano, opening?.endsAtMs));
        }
      },
      countsByTime(wanted),
    );
    await Promise.all(opened);
  }

  #read(
    wanted: ReadonlyMap<string, Wanted>,
    keys: { has(key: string): boolean },
  ): Promise<ReadonlyMap<string, NanoUsd>> {
    const openings: PeriodOpening[] = [];
    const lifetimes: Scope[] = [];
    for (const [key, { prepared, opening }] of wanted) {
      if (!keys.has(key)) continue;
      if (opening) openings.push(opening);
      else lifetimes.push(prepared.budget.scope);
    }
    return this.balances.settledOf(lifetimes, openings);
  }
}

/**
 * Which entries must be in PostgreSQL before the wanted periods are read: calls from before a budget was made do not name
 * it and count by their time, which only the database can tell.
 */
function countsByTime(wanted: ReadonlyMap<string, Wanted>): (entry: EntryFacts) => boolean {
  const periods = new Map<string, string[]>();
  for (const [key, { prepared, opening }] of wanted) {
    if (!opening) continue;
    const name = nameOf(prepared.budget.scope);
    const others = periods.get(name);
    if (others) others.push(key);
    else periods.set(name, [key]);
  }
  return ({ charges }) => {
    const { keys, scopes } = namesOf(charges);
    return scopes.some((scope) => periods.get(scope)?.some((key) => !keys.includes(key)));
  };
}

interface ChargeNames {
  readonly keys: readonly string[];
  readonly scopes: readonly string[];
}

/** Thousands of entries may wait for the database, and all calls of a caller share one list of charges. */
const names = new WeakMap<readonly Charge[], ChargeNames>();

function namesOf(charges: readonly Charge[]): ChargeNames {
  let known = names.get(charges);
  if (!known) {
    known = {
      keys: charges.map(({ scope, budget, periodId }) => counterKey(scope, budget, periodId)),
      scopes: charges.map(({ scope }) => nameOf(scope)),
    };
    names.set(charges, known);
  }
  return known;
}

function nameOf({ type, id }: Scope): string {
  return oneText(type, id);
}

export function openingOf({ budget, period }: PreparedBudget): PeriodOpening | undefined {
  if (!period) return undefined;
  return {
    scope: budget.scope,
    budget: budget.name,
    periodId: period.id,
    startsAtMs: period.startsAtMs,
    endsAtMs: period.endsAtMs,
    capNanoUsd: budget.capNanoUsd,
  };
}
