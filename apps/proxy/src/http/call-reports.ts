import { Injectable } from '@nestjs/common';
import type { GatewayError, NanoUsd, Principal } from '#libs/kernel';
import { AccessLog, Metrics } from '#libs/telemetry';
import { callerLabels } from './caller-labels.js';

/** How a call ended that is no completion. */
export interface EndedCall {
  readonly requestId: string;
  /** `GET /v1/realtime`; nothing that a caller could invent. */
  readonly route: string;
  readonly principal: Principal | undefined;
  /** As the access log tells it, where the call has one. */
  readonly model?: string;
  /** As the metrics count it: never a name that means nothing here. */
  readonly countedModel: string;
  readonly status: number;
  readonly durationMs: number;
  readonly costNanoUsd: NanoUsd;
  readonly error: GatewayError | undefined;
  readonly inputTokens?: number;
  readonly outputTokens?: number;
}

/** Tells the access log and the metrics of calls that are no completions. */
@Injectable()
export class CallReports {
  constructor(
    private readonly metrics: Metrics,
    private readonly log: AccessLog,
  ) {}

  /** The call is under way until `ended`. */
  started(): void {
    this.metrics.requestStarted();
  }

  ended(call: EndedCall): void {
    const { requestId, route, principal, model, countedModel, status, durationMs, costNanoUsd, error } = call;
    this.metrics.requestEnded();
    const space = route.indexOf(' ');
    this.log.write({
      method: route.slice(0, space),
      route: route.slice(space + 1),
      status,
      durationMs,
      requestId,
      key: principal?.displayName,
      model,
      costNanoUsd,
      errorCode: error?.code,
      decisionId: error?.decisionId,
    });
    const { inputTokens = 0, outputTokens = 0 } = call;
    this.metrics
      .requests({ route, requestedModel: countedModel, model: countedModel, ...callerLabels(principal) })
      .record({
        status,
        durationMs,
        upstreamMs: undefined,
        inputTokens,
        outputTokens,
        costNanoUsd,
        errorCode: error?.code,
      });
  }
}
