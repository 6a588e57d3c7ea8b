import { type Period, periodAt, type PeriodRule } from './periods.js';

/** The current period of one rule; asking again inside it costs two comparisons. */
export class PeriodClock {
  #current: Period;

  constructor(
    private readonly rule: PeriodRule,
    nowMs: number,
  ) {
    this.#current = periodAt(rule, nowMs);
  }

  /** The period that holds `nowMs`. Also right when the system's clock is set back. */
  at(nowMs: number): Period {
    const current = this.#current;
    if (nowMs < current.endsAtMs && nowMs >= current.startsAtMs) return current;
    return (this.#current = periodAt(this.rule, nowMs));
  }
}
