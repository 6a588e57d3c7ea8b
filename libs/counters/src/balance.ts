import { GatewayError, type NanoUsd } from '#libs/kernel';
import type { Admission, AdmissionRequest, MoneyClaim, Refusal, RefusedClaim } from './counters.js';
import { smoothed } from './smoothed.js';

/** Ended periods are kept this long, because late settlements and reports still ask for them. */
const KEPT_AFTER_END_MS = 3_600_000;
/** The shortest advice to a caller that other calls kept out; sooner would only be noise. */
const SHORTEST_BUSY_MS = 1_000;

/** One budget's money in one period: spent, held by calls in flight, and who waits for it (oldest first). */
export class Balance {
  heldNanoUsd: NanoUsd = 0n;
  readonly queue: Waiter[] = [];
  #typicalHoldMs = 0;

  constructor(
    public settledNanoUsd: NanoUsd,
    public periodEndsAtMs: number | undefined,
  ) {}

  settle(holdNanoUsd: NanoUsd, costNanoUsd: NanoUsd, heldForMs: number): void {
    this.heldNanoUsd -= holdNanoUsd;
    // A negative cost could only come from a fault in the price book; it must not give money away.
    if (costNanoUsd > 0n) this.settledNanoUsd += costNanoUsd;
    this.#typicalHoldMs = smoothed(this.#typicalHoldMs, heldForMs);
  }

  /** By when the calls that hold money now have usually ended. An estimate: no store can know it. */
  busyRetryAfterMs(nowEpochMs: number): number {
    const holdersMs = Math.max(SHORTEST_BUSY_MS, Math.ceil(this.#typicalHoldMs));
    const periodMs =
      this.periodEndsAtMs === undefined ? Infinity : Math.max(1, this.periodEndsAtMs - nowEpochMs);
    return Math.min(holdersMs, periodMs);
  }

  isDroppableAt(nowEpochMs: number): boolean {
    return (
      this.periodEndsAtMs !== undefined &&
      this.periodEndsAtMs + KEPT_AFTER_END_MS < nowEpochMs &&
      this.heldNanoUsd === 0n &&
      this.queue.length === 0
    );
  }
}

/** One money claim and its balance. */
export class Stake {
  readonly minNanoUsd: NanoUsd;

  constructor(
    readonly claim: MoneyClaim,
    readonly balance: Balance,
    /** Another claim of the same request is on the same balance: both caps are checked, the money is taken once. */
    readonly isRepeated: boolean,
  ) {
    const { minNanoUsd: min, fullNanoUsd: full } = claim;
    if (min < 0n || full < 0n) {
      throw new GatewayError('internal.unexpected', 'The request could not be priced.', {
        internal: `negative money claim on ${claim.key}`,
      });
    }
    // A caller who asks for less than a minimal answer only needs what it asked for.
    this.minNanoUsd = full < min ? full : min;
    if (claim.periodEndsAtMs !== undefined) balance.periodEndsAtMs = claim.periodEndsAtMs;
  }

  leftNanoUsd(): NanoUsd {
    return this.claim.capNanoUsd - this.balance.settledNanoUsd;
  }

  /** Only settled money is asked: spend at the cap refuses everybody, else whoever cannot pay the minimum. */
  isOver(minNanoUsd: NanoUsd): boolean {
    const left = this.leftNanoUsd();
    return left <= 0n || left < minNanoUsd;
  }

  isShortOf(grantNanoUsd: NanoUsd): boolean {
    return this.leftNanoUsd() - this.balance.heldNanoUsd < grantNanoUsd;
  }

  over(nowEpochMs: number): RefusedClaim {
    const { claim, balance } = this;
    const endsAtMs = claim.periodEndsAtMs;
    // A cap below the price of the smallest answer stays so in every period.
    const passesLater =
      endsAtMs !== undefined && claim.capNanoUsd > 0n && claim.capNanoUsd >= this.minNanoUsd;
    return {
      claim,
      reason: 'over',
      current: balance.settledNanoUsd,
      ...(passesLater && { retryAfterMs: Math.max(1, Math.ceil(endsAtMs - nowEpochMs)) }),
    };
  }

  busy(nowEpochMs: number): RefusedClaim {
    const { claim, balance } = this;
    return {
      claim,
      reason: 'busy',
      current: balance.settledNanoUsd,
      retryAfterMs: balance.busyRetryAfterMs(nowEpochMs),
    };
  }
}

/** What one request asks of all its budgets together: they share one grant, so the dearest minimum and the lowest price count. */
export class Bid {
  readonly minNanoUsd: NanoUsd;
  readonly fullNanoUsd: NanoUsd;

  constructor(readonly stakes: readonly Stake[]) {
    let min: NanoUsd = 0n;
    let full: NanoUsd | undefined;
    for (const { claim, minNanoUsd } of stakes) {
      if (minNanoUsd > min) min = minNanoUsd;
      if (full === undefined || claim.fullNanoUsd < full) full = claim.fullNanoUsd;
    }
    this.fullNanoUsd = full ?? 0n;
    this.minNanoUsd = min < this.fullNanoUsd ? min : this.fullNanoUsd;
  }

  /** What settled money pays in every budget, at most the full price; undefined when one of them is over. */
  payable(): NanoUsd | undefined {
    let payable = this.fullNanoUsd;
    for (const stake of this.stakes) {
      const left = stake.leftNanoUsd();
      if (left <= 0n || left < this.minNanoUsd) return undefined;
      if (left < payable) payable = left;
    }
    return payable;
  }

  over(nowEpochMs: number): RefusedClaim[] {
    return this.stakes
      .filter((stake) => stake.isOver(this.minNanoUsd))
      .map((stake) => stake.over(nowEpochMs));
  }

  hold(nanoUsd: NanoUsd): void {
    for (const { balance, isRepeated } of this.stakes) if (!isRepeated) balance.heldNanoUsd += nanoUsd;
  }

  /** Answers whether somebody waits for what was given back. */
  settle(holdNanoUsd: NanoUsd, costNanoUsd: NanoUsd, heldForMs: number): boolean {
    let isAwaited = false;
    for (const { balance, isRepeated } of this.stakes) {
      if (isRepeated) continue;
      balance.settle(holdNanoUsd, costNanoUsd, heldForMs);
      if (balance.queue.length > 0) isAwaited = true;
    }
    return isAwaited;
  }

  balances(): Balance[] {
    return this.stakes.map(({ balance }) => balance);
  }
}

/** A request that waits for money held by others. It holds nothing itself. */
export interface Waiter {
  readonly request: AdmissionRequest;
  readonly bid: Bid;
  /** Order of arrival. */
  readonly seq: number;
  readonly sinceMs: number;
  readonly deadlineMs: number;
  /** The queues it stands in: every balance it was short of at some time. It leaves none before the end. */
  readonly queues: Balance[];
  readonly verdict: Promise<Admission | Refusal>;
  readonly answer: (verdict: Admission | Refusal) => void;
  readonly onAbort: () => void;
}
