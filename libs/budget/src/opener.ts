import { type Counters, RedisCounters } from '#libs/counters';
import type { NanoUsd } from '#libs/kernel';
import type { BalanceStore, PeriodOpening } from './ledger/balance-store.js';
import { sumsOf } from './ledger/ledger-tail.js';
import type { SpendLedger } from './ledger/spend-ledger.js';
import type { PreparedBudget } from './prepared.js';

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
    if (this.counters instanceof RedisCounters) {
      const endings = new Map([...wanted].map(([key, { opening }]) => [key, opening?.endsAtMs]));
      await this.counters.openTogether(endings, (keys) => this.#read(wanted, keys));
      return;
    }
    const opened: (void | Promise<void>)[] = [];
    await this.ledger.readSettled(
      () => this.#read(wanted, wanted),
      (stored, undrained) => {
        const settled = sumsOf(undrained, wanted);
        for (const [key, { opening }] of wanted) {
          opened.push(
            this.counters.open(key, (stored.get(key) ?? 0n) + (settled.get(key) ?? 0n), opening?.endsAtMs),
          );
        }
      },
    );
    await Promise.all(opened);
  }

  #read(
    wanted: ReadonlyMap<string, Wanted>,
    keys: { has(key: string): boolean },
  ): Promise<ReadonlyMap<string, NanoUsd>> {
    const openings: PeriodOpening[] = [];
    const lifetimes: PreparedBudget['budget']['scope'][] = [];
    for (const [key, { prepared, opening }] of wanted) {
      if (!keys.has(key)) continue;
      if (opening) openings.push(opening);
      else lifetimes.push(prepared.budget.scope);
    }
    return this.balances.settledOf(lifetimes, openings);
  }
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
