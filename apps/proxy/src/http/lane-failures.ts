import { Injectable } from '@nestjs/common';
import { RefusalWatch } from '#libs/budget';
import { DecisionLog, type RefusedRequest } from '#libs/decisions';
import type { GatewayError } from '#libs/kernel';
import { FailureLog } from '#libs/telemetry';

/** Whose call failed, and what it asked for. */
export type FailedLaneCall = Omit<RefusedRequest, 'isCompletion'>;

/** Who hears of a lane's calls that failed: the watch for bursts, whoever asks later why, and the operator where it was our side. */
@Injectable()
export class LaneFailures {
  constructor(
    private readonly bursts: RefusalWatch,
    private readonly decisions: DecisionLog,
    private readonly failures: FailureLog,
  ) {}

  /** Takes notes only. Once for each call, which has a line in the access log too. */
  note(error: GatewayError, call: FailedLaneCall): void {
    const { route, requestId } = call;
    if (error.status >= 500) this.failures.note(error, { route, requestId, isInAccessLog: true });
    this.bursts.note(error);
    this.decisions.note(error, { ...call, isCompletion: true });
  }
}
