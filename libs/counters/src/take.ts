import { GatewayError } from '#libs/kernel';
import type {
  GaugeClaim,
  Measure,
  PoolClaim,
  RefusedClaim,
  Settlement,
  Standing,
  WindowClaim,
} from './counters.js';
import type { Gauge } from './gauge.js';
import { MAX_AMOUNT, type SlidingWindow } from './sliding-window.js';

/** One limit's part in an admission: it can be tried, undone, and settled once. It is the claim's standing, too. */
export interface Take extends Standing {
  /** Takes it if it fits. Two takes on one counter are both counted. */
  tryTake(nowMs: number): boolean;
  /** Exactly as if it had never been tried. */
  undo(): void;
  refusal(nowMs: number): RefusedClaim;
  settle(used: Settlement, nowMs: number): void;
}

export class WindowTake implements Take {
  remaining = 0;
  #amount: number;
  #cell = -1;
  readonly #limit: number;
  readonly #window: SlidingWindow;

  constructor(
    readonly claim: WindowClaim,
    window: SlidingWindow,
  ) {
    const { amount, atLeast = 0 } = claim;
    if (!isWhole(amount) || !isWhole(atLeast) || window.windowMs !== claim.windowMs)
      throw unmeasurable(claim.key, amount, claim.windowMs);
    this.#window = window;
    this.#amount = claim.amount;
    this.#limit = Math.min(claim.limit, MAX_AMOUNT);
  }

  /** How much of an elastic claim could be taken now. */
  room(nowMs: number): number {
    return Math.min(this.claim.amount, Math.floor(this.#limit - this.#window.totalAt(nowMs)));
  }

  resize(amount: number): void {
    this.#amount = amount;
  }

  tryTake(nowMs: number): boolean {
    const total = this.#window.totalAt(nowMs) + this.#amount;
    // Written so that a limit that is not a number refuses.
    if (!(total <= this.#limit)) return false;
    this.#cell = this.#window.add(nowMs, this.#amount);
    this.remaining = this.#limit - total;
    return true;
  }

  undo(): void {
    if (this.#cell >= 0) this.#window.settle(this.#cell, -this.#amount);
    this.#cell = -1;
  }

  refusal(nowMs: number): RefusedClaim {
    const { claim } = this;
    const current = this.#window.totalAt(nowMs);
    const retryAfterMs = this.#window.retryAfterMs(nowMs, this.#amount, this.#limit);
    return { claim, reason: 'over', current, ...(retryAfterMs !== undefined && { retryAfterMs }) };
  }

  settle(used: Settlement): void {
    const actual = usedOf(this.claim.measure, used);
    // A count that is not a number tells nothing: what was held stays.
    if (actual >= 0 && actual !== this.#amount) {
      this.#window.settle(this.#cell, Math.ceil(Math.min(actual, MAX_AMOUNT)) - this.#amount);
    }
  }
}

export class GaugeTake implements Take {
  remaining = 0;
  #takenAtMs = -1;
  readonly #gauge: Gauge;

  constructor(
    readonly claim: GaugeClaim,
    gauge: Gauge,
  ) {
    this.#gauge = gauge;
  }

  tryTake(nowMs: number): boolean {
    if (!(this.#gauge.inUse + 1 <= this.claim.limit)) return false;
    this.#gauge.inUse += 1;
    this.#takenAtMs = nowMs;
    this.remaining = this.claim.limit - this.#gauge.inUse;
    return true;
  }

  undo(): void {
    if (this.#takenAtMs >= 0) this.#gauge.inUse -= 1;
    this.#takenAtMs = -1;
  }

  refusal(): RefusedClaim {
    const { claim } = this;
    const current = this.#gauge.inUse;
    return {
      claim,
      reason: 'over',
      current,
      ...(claim.limit >= 1 && { retryAfterMs: this.#gauge.retryAfterMs() }),
    };
  }

  settle(_used: Settlement, nowMs: number): void {
    this.#gauge.release(nowMs, this.#takenAtMs);
  }
}

/** A shared window and a class's own, taken together. */
export class PoolTake implements Take {
  remaining = 0;
  poolRemaining = 0;
  #totalCell = -1;
  #poolCell = -1;

  constructor(
    readonly claim: PoolClaim,
    private readonly total: SlidingWindow,
    private readonly pool: SlidingWindow,
  ) {
    const { key, amount, windowMs } = claim;
    if (!isWhole(amount) || total.windowMs !== windowMs || pool.windowMs !== windowMs)
      throw unmeasurable(key, amount, windowMs);
  }

  tryTake(nowMs: number): boolean {
    const { amount, limit, freeUntil, share } = this.claim;
    const total = this.total.totalAt(nowMs) + amount;
    const pool = this.pool.totalAt(nowMs) + amount;
    // Written so that limits that are no numbers refuse.
    if (!(total <= limit) || !(total <= freeUntil || pool <= share)) return false;
    this.#totalCell = this.total.add(nowMs, amount);
    this.#poolCell = this.pool.add(nowMs, amount);
    this.remaining = limit - total;
    this.poolRemaining = Math.max(0, share - pool);
    return true;
  }

  undo(): void {
    if (this.#totalCell >= 0) this.#change(-this.claim.amount);
    this.#totalCell = -1;
    this.#poolCell = -1;
  }

  /** It passes when the whole has room, and either the whole is below saturation or the class below its share. */
  refusal(nowMs: number): RefusedClaim {
    const { claim, total, pool } = this;
    const { amount, limit, freeUntil, share } = claim;
    const whole = total.retryAfterMs(nowMs, amount, limit);
    const either = sooner(
      total.retryAfterMs(nowMs, amount, freeUntil),
      pool.retryAfterMs(nowMs, amount, share),
    );
    return {
      claim,
      reason: 'over',
      current: total.totalAt(nowMs),
      poolCurrent: pool.totalAt(nowMs),
      ...(whole !== undefined && either !== undefined && { retryAfterMs: Math.max(whole, either) }),
    };
  }

  settle(used: Settlement): void {
    const actual = usedOf(this.claim.measure, used);
    if (actual >= 0 && actual !== this.claim.amount)
      this.#change(Math.ceil(Math.min(actual, MAX_AMOUNT)) - this.claim.amount);
  }

  #change(delta: number): void {
    this.total.settle(this.#totalCell, delta);
    this.pool.settle(this.#poolCell, delta);
  }
}

function sooner(a: number | undefined, b: number | undefined): number | undefined {
  if (a === undefined) return b;
  return b === undefined ? a : Math.min(a, b);
}

/** Every elastic take gets the same amount: what all of them leave, but never less than the largest minimum. */
export function stretch(takes: readonly WindowTake[], nowMs: number): number {
  let most = Infinity;
  let least = 0;
  for (const take of takes) {
    most = Math.min(most, take.room(nowMs));
    least = Math.max(least, Math.min(take.claim.atLeast ?? 0, take.claim.amount));
  }
  const amount = Math.max(most, least);
  for (const take of takes) take.resize(amount);
  return amount;
}

function unmeasurable(key: string, amount: number, windowMs: number): GatewayError {
  return new GatewayError('internal.unexpected', 'The request could not be measured.', {
    internal: `claim on ${key}: ${amount} per ${windowMs} ms cannot be taken from its window`,
  });
}

function isWhole(amount: number): boolean {
  return Number.isInteger(amount) && amount >= 0;
}

/** What of a settlement counts in a window. */
export function usedOf(measure: Measure, used: Settlement): number {
  switch (measure) {
    case 'requests':
      return used.requests;
    case 'total_tokens':
      return used.totalTokens;
    case 'input_tokens':
      return used.inputTokens;
    case 'output_tokens':
      return used.outputTokens;
  }
}
