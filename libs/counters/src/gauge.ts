import { smoothed } from './smoothed.js';

/** How long an unused gauge is kept, for what it knows about typical calls. */
const IDLE_MS = 60_000;
/** Said when no call has ended yet. */
const UNKNOWN_CALL_MS = 1_000;

/** Slots in use, and how long a call usually keeps one. */
export class Gauge {
  inUse = 0;
  #typicalCallMs = 0;
  #lastUsedMs = 0;

  release(nowMs: number, takenAtMs: number): void {
    this.inUse -= 1;
    this.#typicalCallMs = smoothed(this.#typicalCallMs, nowMs - takenAtMs);
    this.#lastUsedMs = nowMs;
  }

  /** The expected time until the first of the calls in flight ends. No store can know it; this is what recent calls took. */
  retryAfterMs(): number {
    const callMs = this.#typicalCallMs || UNKNOWN_CALL_MS;
    return Math.max(1, Math.ceil(callMs / Math.max(1, this.inUse)));
  }

  isIdleAt(nowMs: number): boolean {
    return this.inUse === 0 && nowMs - this.#lastUsedMs > IDLE_MS;
  }
}
