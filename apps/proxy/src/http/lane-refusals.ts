import { Injectable } from '@nestjs/common';
import { RefusalWatch } from '#libs/budget';
import { DecisionLog, type RefusedRequest } from '#libs/decisions';
import type { GatewayError } from '#libs/kernel';

/** Whose call was refused, and what it asked for. */
export type RefusedCall = Omit<RefusedRequest, 'isCompletion'>;

/** Who hears of calls that failed: the watch for bursts, and whoever asks later why. */
@Injectable()
export class LaneRefusals {
  constructor(
    private readonly bursts: RefusalWatch,
    private readonly decisions: DecisionLog,
  ) {}

  /** Takes notes only. */
  note(error: GatewayError, call: RefusedCall): void {
    this.bursts.note(error);
    this.decisions.note(error, { ...call, isCompletion: true });
  }
}
