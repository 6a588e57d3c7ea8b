import type { NanoUsd, Scope } from '#libs/kernel';

/** What a claim is replaced by when the call ends. */
export type Measure = 'requests' | 'total_tokens' | 'input_tokens' | 'output_tokens';

/** Takes `amount` from a sliding window: over any `windowMs`, however aligned, no more than `limit` is admitted. One key always has one `windowMs`. */
export interface WindowClaim {
  readonly kind: 'window';
  /** Names the counter; claims with one key share it. */
  readonly key: string;
  readonly scope: Scope;
  readonly measure: Measure;
  readonly limit: number;
  readonly windowMs: number;
  /** A whole number, at least 0. */
  readonly amount: number;
  /**
   * Makes the claim elastic: as much of `amount` as is left is taken, but no less than this. All elastic claims of one
   * request take the same amount, the smallest that any of them leaves (`Admission.elasticAmount`).
   */
  readonly atLeast?: number;
}

/** Takes one of `limit` slots until settlement. */
export interface GaugeClaim {
  readonly kind: 'gauge';
  readonly key: string;
  readonly scope: Scope;
  readonly limit: number;
}

/**
 * Holds money in one budget. Only settled money refuses or clamps; a hold of others only makes this claim wait:
 * `left = cap - settled`; `left < min` refuses; `full <= left - held` admits; `full <= left` waits; else the grant is
 * clamped to what settled money pays, once that much is free (hard-parts 1).
 */
export interface MoneyClaim {
  readonly kind: 'money';
  readonly key: string;
  readonly scope: Scope;
  /** Which of the scope's budgets: `main` or a window's duration. */
  readonly budget: string;
  readonly capNanoUsd: NanoUsd;
  /** Input bound plus a minimal answer. */
  readonly minNanoUsd: NanoUsd;
  /** Input bound plus output bound. */
  readonly fullNanoUsd: NanoUsd;
  /** Milliseconds since the epoch at which the period ends; absent: never. Tells when a refusal passes, and when the counter may be dropped. */
  readonly periodEndsAtMs?: number;
}

/**
 * Takes `amount` from a sliding window that classes of callers share, and counts it for the caller's class in a window of
 * its own. With `total` and `pool` as they stand in the one atomic step, and `amount` added (hard-parts 7):
 *
 * 1. `total > limit` refuses. 2. `total <= freeUntil` admits: below saturation nobody's class matters. 3. `pool <= share`
 * admits. 4. Else refuses. What a class borrowed while it was free is not clawed back.
 *
 * Admitted, both windows take `amount`; both settle in the cell that admitted them.
 */
export interface PoolClaim {
  readonly kind: 'pool';
  /** Names the shared window, which is an ordinary one. */
  readonly key: string;
  /** Names the class's own window. */
  readonly poolKey: string;
  readonly scope: Scope;
  /** The class, for headers and messages. */
  readonly pool: string;
  readonly measure: Measure;
  readonly limit: number;
  /** Whole, at most `limit`. */
  readonly freeUntil: number;
  /** Whole: what the class is promised once the window is fuller than `freeUntil`. */
  readonly share: number;
  readonly windowMs: number;
  /** A whole number, at least 0. */
  readonly amount: number;
}

/** What a request wants of one counter. */
export type Claim = WindowClaim | GaugeClaim | MoneyClaim | PoolClaim;

/** Everything one call wants, to be taken together or not at all. */
export interface AdmissionRequest {
  /** Unique per attempt to be admitted; the same id asked twice gets the same verdict and is taken once. */
  readonly id: string;
  readonly claims: readonly Claim[];
  /** How long it may wait for money held by others; 0 never waits. */
  readonly waitMs: number;
  /** Aborted: a waiting request leaves the queue and holds nothing. */
  readonly signal?: AbortSignal;
}

/** Where one claim stands right after admission, for `x-ratelimit-*` headers. Money is not in it. */
export interface Standing {
  readonly claim: WindowClaim | GaugeClaim | PoolClaim;
  /** Of a pool claim: what remains of the shared window. */
  readonly remaining: number;
  /** Of a pool claim only: what the class may still take, were the shared window full up to `freeUntil`. */
  readonly poolRemaining?: number;
}

/** Everything was taken, until `settle`. */
export interface Admission {
  readonly admitted: true;
  readonly id: string;
  /** The hold actually taken in every money claim: `full`, or less when clamped. Zero when there were no money claims. */
  readonly grantedNanoUsd: NanoUsd;
  readonly clamped: boolean;
  /** What was taken in every elastic window claim; absent when there was none. */
  readonly elasticAmount?: number;
  readonly waitedMs: number;
  readonly standings: readonly Standing[];
}

/** One claim that could not be taken, with the counter’s state at that instant. */
export interface RefusedClaim {
  readonly claim: Claim;
  /** `over`: the limit or budget is used up. `busy`: money is left but held by others for longer than the wait. */
  readonly reason: 'over' | 'busy';
  /** What stands against the limit now: window amount, slots in use, or settled nano-dollars. */
  readonly current: number | NanoUsd;
  /** Of a pool claim only: what stands in the class's own window. */
  readonly poolCurrent?: number;
  /** When the same claim would pass if nobody else came; absent when time alone does not help (a budget that never resets). */
  readonly retryAfterMs?: number;
}

/** Nothing was taken. Every claim that failed is listed, so that `retry-after` can be the maximum over all of them. */
export interface Refusal {
  readonly admitted: false;
  readonly refused: readonly RefusedClaim[];
  readonly waitedMs: number;
}

/** What the call really used. */
export interface Settlement {
  readonly requests: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly totalTokens: number;
  readonly costNanoUsd: NanoUsd;
}

/**
 * Windows, gauges and money counters, taken all or none in one atomic step. Knows no business: rooms turn calls into
 * claims, and explain refused claims. Two stores keep this promise under the same property tests: in-process and Redis.
 */
export abstract class Counters {
  /** Takes every claim or none. Synchronous when nothing has to be waited for (the in-process warm path). Throws `counters.unavailable` when the store cannot answer. */
  abstract admit(request: AdmissionRequest): Admission | Refusal | Promise<Admission | Refusal>;
  /** Replaces holds by what was used, returns slots, wakes waiters. Token windows settle in the cell that admitted them; a cell that is gone means nothing to do. Settling twice changes nothing. */
  abstract settle(id: string, used: Settlement): void | Promise<void>;
  /** Lowers a live hold (early usage reported by the provider). Never raises it. */
  abstract amend(id: string, holdNanoUsd: NanoUsd): void;
  /** Whether a money counter is loaded. A missing money counter never means 0: it must be opened from the ledger first. */
  abstract isOpen(key: string): boolean;
  /** Sets a money counter's settled amount from the ledger if it is not open yet; a no-op otherwise. */
  abstract open(key: string, settledNanoUsd: NanoUsd, periodEndsAtMs?: number): void | Promise<void>;
  /** Adds to the settled amount outside a call: an adjustment, a reset (negative), a crash charge. */
  abstract adjust(key: string, deltaNanoUsd: NanoUsd): void | Promise<void>;
  /**
   * Adds what a call cost to counters it never claimed, where they are open (a budget given to a key with calls in flight).
   * Call it in the step that settles the call.
   */
  abstract follow(keys: readonly string[], costNanoUsd: NanoUsd): void;
  /** A call of a dead process was found in its records and is stored now: open counters take it in, once. */
  abstract recover(requestId: string, keys: readonly string[], costNanoUsd: NanoUsd): void;
  /** Everything that a dead process wrote is stored now; what it still holds was never spent. Rejects when nobody could be told. */
  abstract bury(writer: string): void | Promise<void>;
  /** Settled and held money of a counter, for reports; undefined when not open. May be behind what other processes spend. */
  abstract balance(key: string): { settledNanoUsd: NanoUsd; heldNanoUsd: NanoUsd } | undefined;
}
