import type { NanoUsd, Scope } from '#libs/kernel';

/** One budget's period as it is opened. */
export interface PeriodOpening {
  readonly scope: Scope;
  readonly budget: string;
  readonly periodId: string;
  readonly startsAtMs: number;
  readonly endsAtMs: number;
  readonly capNanoUsd: NanoUsd;
}
