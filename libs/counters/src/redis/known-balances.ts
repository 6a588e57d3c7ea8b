import type { NanoUsd } from '#libs/kernel';
import type { Claim } from '../counters.js';
import { list } from './wire.js';

interface Known {
  settledNanoUsd: NanoUsd;
  heldNanoUsd: NanoUsd;
}

/** What this process was last told of open money counters, with its own part added since. Behind what others spend. */
export class KnownBalances {
  readonly #known = new Map<string, Known>();

  get size(): number {
    return this.#known.size;
  }

  keys(): string[] {
    return [...this.#known.keys()];
  }

  find(key: string): Readonly<Known> | undefined {
    return this.#known.get(key);
  }

  has(key: string): boolean {
    return this.#known.has(key);
  }

  forget(keys: Iterable<string>): void {
    for (const key of keys) this.#known.delete(key);
  }

  clear(): void {
    this.#known.clear();
  }

  /** What an admission said of its budgets: settled and held of each, in the order of the claims. */
  note(claims: readonly Claim[], spent: readonly string[]): void {
    const texts = list<string>(spent);
    let at = 0;
    for (const claim of claims) {
      if (claim.kind !== 'money') continue;
      this.#set(claim.key, texts[at], texts[at + 1]);
      at += 2;
    }
  }

  /** What was read of these counters; false: it is not open. */
  read(keys: readonly string[], found: readonly (readonly [string | false, string])[]): void {
    for (const [i, key] of keys.entries()) {
      const [settled, held] = found[i] ?? [false, '0'];
      if (settled === false) this.#known.delete(key);
      else this.#set(key, settled, held);
    }
  }

  settle(claims: readonly Claim[], heldNanoUsd: NanoUsd, costNanoUsd: NanoUsd): void {
    for (const claim of claims) {
      const known = claim.kind === 'money' ? this.#known.get(claim.key) : undefined;
      if (!known) continue;
      known.settledNanoUsd += costNanoUsd;
      known.heldNanoUsd -= heldNanoUsd;
    }
  }

  charge(keys: readonly string[], costNanoUsd: NanoUsd): void {
    for (const key of keys) {
      const known = this.#known.get(key);
      if (known) known.settledNanoUsd += costNanoUsd;
    }
  }

  #set(key: string, settled = '0', held = '0'): void {
    this.#known.set(key, { settledNanoUsd: BigInt(settled), heldNanoUsd: BigInt(held) });
  }
}
