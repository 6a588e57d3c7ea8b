/** A call that was admitted. */
export interface Open {
  readonly id: string;
  readonly keys: readonly string[];
  readonly granted: bigint;
}
/** One that ended, as it is stored. */
export interface Ended extends Open {
  readonly cost: bigint;
  /** Nobody knows how it ended: all of what it may have cost. */
  readonly crash?: true;
}

/** What PostgreSQL has: each call's cost once. */
export class Ledger {
  readonly #calls = new Map<string, Ended>();

  /** Returns the budgets of calls that were stored as crashes and turn out to have ended. */
  store(calls: readonly Ended[]): string[] {
    const corrected: string[] = [];
    for (const call of calls) {
      const known = this.#calls.get(call.id);
      if (known && (!known.crash || call.crash)) continue;
      this.#calls.set(call.id, call);
      if (known) corrected.push(...call.keys);
    }
    return corrected;
  }

  sumOf(key: string): bigint {
    return [...this.#calls.values()].reduce(
      (sum, { keys, cost }) => sum + (keys.includes(key) ? cost : 0n),
      0n,
    );
  }
}
