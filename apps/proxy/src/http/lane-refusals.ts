import { Injectable } from '@nestjs/common';
import { RefusalWatch } from '#libs/budget';
import { DecisionLog } from '#libs/decisions';
import type { GatewayError } from '#libs/kernel';
import type { Call } from '../completion/call.js';

/** Who hears of completions that failed: the watch for bursts, and whoever asks later why. */
@Injectable()
export class LaneRefusals {
  constructor(
    private readonly bursts: RefusalWatch,
    private readonly decisions: DecisionLog,
  ) {}

  /** Takes notes only. */
  note(error: GatewayError, { principal, facts, route, id }: Call): void {
    this.bursts.note(error);
    this.decisions.note(error, {
      principal,
      route: route.policy,
      model: facts?.requestedModel ?? route.model,
      requestId: id,
      isCompletion: true,
    });
  }
}
