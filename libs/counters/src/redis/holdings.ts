import type { Clock, NanoUsd } from '#libs/kernel';
import type {
  Admission,
  Claim,
  Measure,
  MoneyClaim,
  PoolClaim,
  Settlement,
  WindowClaim,
} from '../counters.js';
import { cellsOf, MAX_AMOUNT } from '../sliding-window.js';
import { smoothed } from '../smoothed.js';
import { usedOf } from '../take.js';
import type { Op } from './outbox.js';
import { OutageShare } from './outage-share.js';
import { OwnWindows } from './own-windows.js';
import type { Purse } from './purse.js';
import { measureNumber } from './wire.js';

/** One window's part of a hold, in this process's own book. */
interface Taken {
  readonly key: string;
  readonly windowMs: number;
  readonly measure: Measure;
  readonly amount: number;
  readonly cell: number;
  readonly awayCell: number;
}

/** An admission whose call is still running. */
export interface Held {
  readonly admission: Admission;
  readonly claims: readonly Claim[];
  readonly taken: readonly Taken[];
  readonly atMs: number;
  nanoUsd: NanoUsd;
  /** Redis does not know of it: it was admitted without. */
  isAlone: boolean;
}

/** Said when no call has ended yet. */
const UNKNOWN_MS = 1_000;

/** What the calls of this process hold and lately took: enough to tell Redis all of it again. */
export class Holdings {
  readonly windows = new OwnWindows();
  /** Slots this process uses, by key. */
  readonly slots = new Map<string, number>();
  readonly #held = new Map<string, Held>();
  #typicalMs = 0;

  constructor(
    private readonly clock: Clock,
    private readonly purse: Purse,
  ) {}

  get size(): number {
    return this.#held.size;
  }

  /** How long calls usually hold what they hold. */
  get typicalMs(): number {
    return this.#typicalMs || UNKNOWN_MS;
  }

  find(id: string): Held | undefined {
    return this.#held.get(id);
  }

  add(admission: Admission, claims: readonly Claim[], isAlone: boolean): void {
    const nowMs = this.clock.monotonicMs();
    const taken: Taken[] = [];
    let at = 0;
    for (const claim of claims) {
      if (claim.kind === 'money') {
        this.purse.noteUse(claim, nowMs);
        continue;
      }
      const { remaining = 0, poolRemaining = 0 } = admission.standings[at] ?? {};
      at += 1;
      if (claim.kind === 'gauge') this.slots.set(claim.key, (this.slots.get(claim.key) ?? 0) + 1);
      else {
        taken.push(this.#take(claim.key, claim, admission, claim.limit - remaining, isAlone, nowMs));
        if (claim.kind === 'pool')
          taken.push(
            this.#take(claim.poolKey, claim, admission, claim.share - poolRemaining, isAlone, nowMs),
          );
      }
    }
    const nanoUsd = admission.grantedNanoUsd;
    if (isAlone) for (const escrow of this.#escrows(claims)) escrow.held += nanoUsd;
    this.#held.set(admission.id, { admission, claims, taken, atMs: nowMs, nanoUsd, isAlone });
  }

  /** Takes it out and books what was used in this process's own windows. */
  end(id: string, used: Settlement): Held | undefined {
    const held = this.#held.get(id);
    if (!held) return undefined;
    this.#held.delete(id);
    const nowMs = this.clock.monotonicMs();
    this.#typicalMs = smoothed(this.#typicalMs, nowMs - held.atMs);
    for (const { key, measure, amount, cell, awayCell } of held.taken) {
      const actual = usedOf(measure, used);
      const window = this.windows.find(key);
      if (!window || !(actual >= 0) || actual === amount) continue;
      const delta = Math.ceil(Math.min(actual, MAX_AMOUNT)) - amount;
      window.own.settle(cell, delta);
      if (awayCell >= 0) window.away?.settle(awayCell, delta);
    }
    for (const claim of held.claims) {
      if (claim.kind !== 'gauge') continue;
      const left = (this.slots.get(claim.key) ?? 1) - 1;
      if (left > 0) this.slots.set(claim.key, left);
      else this.slots.delete(claim.key);
    }
    if (held.isAlone) {
      for (const escrow of this.#escrows(held.claims)) {
        escrow.held -= held.nanoUsd;
        escrow.spent += used.costNanoUsd;
      }
    }
    return held;
  }

  /**
   * Everything, for Redis. From here on nothing is held alone. `isFresh`: Redis knows of nothing yet; `spent`: budgets of which
   * this process has spent something that may not have been heard of.
   */
  tell(isFresh: boolean, spent: Set<string>): Op[] {
    const nowMs = this.clock.monotonicMs();
    const ops: Op[] = [];
    // First what was spent of the money kept aside, then what is still held of it: never more than was kept.
    for (const escrow of this.purse.empty()) {
      spent.add(escrow.key);
      if (!isFresh) ops.push({ text: `["s",${JSON.stringify(escrow.id)},0,0,0,0,"${escrow.spent}"]` });
    }
    for (const [key, window] of this.windows.entries()) {
      const told = isFresh ? window.own : window.away;
      window.away = undefined;
      const cells = told?.cellsAt(nowMs) ?? [];
      if (!told || cells.length === 0) continue;
      const { cellMs, span } = cellsOf(told.windowMs);
      ops.push({ text: JSON.stringify(['w', key, cellMs, span, cells]) });
    }
    for (const [id, held] of this.#held) {
      held.isAlone = false;
      addBudgets(spent, held.claims);
      if (held.claims.length > 0) ops.push({ text: JSON.stringify(registration(id, held, nowMs)) });
    }
    // Last, when everything else is said.
    if (spent.size > 0) ops.push({ text: JSON.stringify(['k', [...spent]]) });
    return ops;
  }

  #take(
    key: string,
    claim: WindowClaim | PoolClaim,
    admission: Admission,
    total: number,
    isAlone: boolean,
    nowMs: number,
  ): Taken {
    const { windowMs, measure } = claim;
    const isElastic = claim.kind === 'window' && claim.atLeast !== undefined;
    const amount = isElastic ? (admission.elasticAmount ?? claim.amount) : claim.amount;
    const window = this.windows.of(key, windowMs);
    if (!isAlone) {
      window.heardTotal = total;
      window.heardAtMs = nowMs;
    }
    const awayCell = isAlone ? OutageShare.awayPart(window).add(nowMs, amount) : -1;
    return { key, windowMs, measure, amount, cell: window.own.add(nowMs, amount), awayCell };
  }

  *#escrows(claims: readonly Claim[]): Generator<{ held: NanoUsd; spent: NanoUsd }> {
    const seen = new Set<string>();
    for (const claim of claims) {
      if (claim.kind !== 'money' || seen.has(claim.key)) continue;
      seen.add(claim.key);
      const escrow = this.purse.escrowOf(claim.key);
      if (escrow) yield escrow;
    }
  }
}

/** Adds the budgets among what was claimed. */
export function addBudgets(into: Set<string>, spends: readonly (string | Claim)[]): void {
  for (const each of spends) {
    if (typeof each === 'string') into.add(each);
    else if (each.kind === 'money') into.add(each.key);
  }
}

function registration(id: string, held: Held, nowMs: number): unknown[] {
  const money = held.claims.filter((claim): claim is MoneyClaim => claim.kind === 'money');
  const windows = held.taken.map(({ key, windowMs, measure, amount, cell }) => {
    const { cellMs, span } = cellsOf(windowMs);
    return [key, cellMs, span, measureNumber(measure), amount, nowMs - cell * cellMs];
  });
  const gauges = held.claims.filter(({ kind }) => kind === 'gauge').map(({ key }) => key);
  return ['r', id, String(held.nanoUsd), [...new Set(money.map(({ key }) => key))], gauges, windows];
}
