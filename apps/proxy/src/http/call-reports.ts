import { Injectable } from '@nestjs/common';
import type { GatewayError, NanoUsd, Principal } from '#libs/kernel';
import { Logger, Metrics } from '#libs/telemetry';
import { callerLabels } from './caller-labels.js';
import { LaneRefusals, type RefusedCall } from './lane-refusals.js';

/** Tells the metrics, the alerts and the log how a call ended that is no completion. */
@Injectable()
export class CallReports {
  constructor(
    readonly metrics: Metrics,
    private readonly refusals: LaneRefusals,
    private readonly logger: Logger,
  ) {}

  failure(error: GatewayError, refused: RefusedCall, what: string): void {
    if (error.status >= 500)
      this.logger.error({ request_id: refused.requestId, code: error.code, err: error.cause ?? error }, what);
    this.refusals.note(error, refused);
  }

  request(
    route: string,
    model: string,
    principal: Principal | undefined,
    outcome: {
      status: number;
      durationMs: number;
      costNanoUsd: NanoUsd;
      error: GatewayError | undefined;
      inputTokens?: number;
      outputTokens?: number;
    },
  ): void {
    const { error, inputTokens = 0, outputTokens = 0, ...facts } = outcome;
    this.metrics
      .requests({
        route,
        requestedModel: model,
        model,
        ...callerLabels(principal),
      })
      .record({ ...facts, upstreamMs: undefined, inputTokens, outputTokens, errorCode: error?.code });
  }
}
