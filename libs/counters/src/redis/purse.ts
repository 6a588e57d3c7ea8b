import type { MoneyClaim } from '../counters.js';
import type { NanoUsd } from '#libs/kernel';

/** Money of one budget that is kept aside: an ordinary hold in Redis, spent only while Redis is away. */
export interface Escrow {
  readonly id: string;
  readonly amount: NanoUsd;
  spent: NanoUsd;
  held: NanoUsd;
}

interface Spending {
  readonly key: string;
  capNanoUsd: NanoUsd;
  /** The dearest call of late. */
  fullNanoUsd: NanoUsd;
  /** Calls since the last look, and the most there were between two looks of late. */
  calls: number;
  busiest: number;
  lastUsedMs: number;
  /** Others waited for this budget's money: nothing is kept aside until then. */
  avoidUntilMs: number;
  asked: boolean;
  /** What was last asked for. */
  wantedNanoUsd: NanoUsd;
  escrow: Escrow | undefined;
}

/** An escrow is for at least so many calls like the dearest, and for as many as came between so many looks. */
const FEWEST_CALLS = 8;
const LOOKS_KEPT_ASIDE = 8;
/** More is asked for when it would be so many times what was asked for last. */
const RENEWED_FROM = 2n;
const USED_WITHIN_MS = 10_000;
const AVOIDED_MS = 30_000;
const MOST_BUDGETS = 10_000;

/** What this process may spend when Redis is away: a few seconds' worth, taken only while nobody is short, given back when somebody is. */
export class Purse {
  readonly #spending = new Map<string, Spending>();
  #made = 0;

  constructor(private readonly incarnation: string) {}

  noteUse({ key, capNanoUsd, fullNanoUsd }: MoneyClaim, nowMs: number): void {
    const known = this.#spending.get(key);
    if (!known) {
      if (this.#spending.size >= MOST_BUDGETS) return;
      const usage = { fullNanoUsd, calls: 1, busiest: 0, lastUsedMs: nowMs };
      const none = { avoidUntilMs: 0, asked: false, wantedNanoUsd: 0n, escrow: undefined };
      this.#spending.set(key, { key, capNanoUsd, ...usage, ...none });
      return;
    }
    known.calls += 1;
    known.capNanoUsd = capNanoUsd;
    if (fullNanoUsd > known.fullNanoUsd) known.fullNanoUsd = fullNanoUsd;
    known.lastUsedMs = nowMs;
  }

  /** Budgets in use for which something should be kept aside: asks for it with `take`, gives back what is no longer used with `giveBack`. */
  look(
    nowMs: number,
    take: (id: string, op: string, done: (amount: unknown) => void) => void,
    giveBack: (escrow: Escrow) => void,
  ): void {
    for (const spending of this.#spending.values()) {
      const { key, escrow, capNanoUsd, fullNanoUsd } = spending;
      if (nowMs - spending.lastUsedMs > USED_WITHIN_MS) {
        if (escrow) giveBack(escrow);
        this.#spending.delete(key);
        continue;
      }
      spending.busiest = Math.max(spending.calls, (spending.busiest * 3) / 4);
      spending.calls = 0;
      const wanted = wantedOf(spending);
      if (spending.asked || fullNanoUsd <= 0n || nowMs < spending.avoidUntilMs) continue;
      if (escrow && wanted < spending.wantedNanoUsd * RENEWED_FROM) continue;
      spending.asked = true;
      spending.wantedNanoUsd = wanted;
      const id = `escrow:${this.incarnation}:${(this.#made += 1)}`;
      const op = ['e', id, key, String(capNanoUsd), String(wanted), String(fullNanoUsd)];
      take(id, JSON.stringify(op), (amount) => {
        spending.asked = false;
        if (typeof amount !== 'string' || amount === '0') return;
        const taken = { id, amount: BigInt(amount), spent: 0n, held: 0n };
        const former = spending.escrow;
        // Somebody became short, or it was forgotten, while we asked; or there was no more than before.
        const isOfNoUse = this.#spending.get(key) !== spending || spending.avoidUntilMs > nowMs;
        if (isOfNoUse || (former && former.amount >= taken.amount)) return giveBack(taken);
        spending.escrow = taken;
        if (former) giveBack(former);
      });
    }
  }

  escrowOf(key: string): Escrow | undefined {
    return this.#spending.get(key)?.escrow;
  }

  /** Somebody waits for this budget's money: what was kept aside of it. */
  release(key: string, nowMs: number): Escrow | undefined {
    const spending = this.#spending.get(key);
    if (!spending) return undefined;
    spending.avoidUntilMs = nowMs + AVOIDED_MS;
    const { escrow } = spending;
    spending.escrow = undefined;
    return escrow;
  }

  /** Everything that is kept aside, which is not any more. */
  empty(): (Escrow & { readonly key: string })[] {
    const escrows: (Escrow & { readonly key: string })[] = [];
    for (const spending of this.#spending.values()) {
      if (spending.escrow) escrows.push({ ...spending.escrow, key: spending.key });
      spending.escrow = undefined;
      spending.asked = false;
    }
    return escrows;
  }
}

/** What a few seconds like the busiest of late would hold. */
function wantedOf({ fullNanoUsd, busiest }: Spending): NanoUsd {
  return fullNanoUsd * BigInt(Math.max(FEWEST_CALLS, Math.ceil(busiest * LOOKS_KEPT_ASIDE)));
}
