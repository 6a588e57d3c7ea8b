/** The one source of time, so that tests own it. */
export abstract class Clock {
  /** Milliseconds since the epoch. May jump when the system's time is set. */
  abstract nowMs(): number;
  /** Milliseconds that never go backwards; only differences mean anything. */
  abstract monotonicMs(): number;
}

/** The clock of the machine; the product’s one. */
export class SystemClock extends Clock {
  override nowMs(): number {
    return Date.now();
  }
  override monotonicMs(): number {
    return performance.now();
  }
}

/** A clock that stands still until told. */
export class ManualClock extends Clock {
  #elapsedMs = 0;
  constructor(private startMs = Date.UTC(2026, 0, 1)) {
    super();
  }
  override nowMs(): number {
    return this.startMs + this.#elapsedMs;
  }
  override monotonicMs(): number {
    return this.#elapsedMs;
  }
  advance(ms: number): void {
    this.#elapsedMs += ms;
  }
  setTo(epochMs: number): void {
    this.startMs = epochMs - this.#elapsedMs;
  }
}
