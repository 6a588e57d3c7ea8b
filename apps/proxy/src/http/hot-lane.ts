import type { IncomingMessage, ServerResponse } from 'node:http';
import { Injectable } from '@nestjs/common';
import { Draining, type ErrorShape, toGatewayError } from '#libs/http';
import type { GatewayError, Principal } from '#libs/kernel';
import { AccessLog, Metrics, type RequestSeries } from '#libs/telemetry';
import { AnswerHeaders } from '../completion/answer-headers.js';
import { Call } from '../completion/call.js';
import { ClientAnswer } from '../completion/client-answer.js';
import { Completions } from '../completion/completions.js';
import { matchCompletionRoute } from './completion-routes.js';
import { callerLabels } from './caller-labels.js';
import { LaneFailures } from './lane-failures.js';

/**
 * Takes completion routes before Express sees them (docs/decisions/002), and is the one place where a completion's
 * outcome is told: to the client, the access log and the metrics.
 */
@Injectable()
export class HotLane {
  readonly #lastSeries = new WeakMap<Principal, LastSeries>();

  constructor(
    private readonly completions: Completions,
    private readonly headers: AnswerHeaders,
    private readonly draining: Draining,
    private readonly accessLog: AccessLog,
    private readonly metrics: Metrics,
    private readonly failures: LaneFailures,
  ) {}

  /** False: not a completion route, Express may have it. */
  readonly dispatch = (request: IncomingMessage, response: ServerResponse): boolean => {
    const route = matchCompletionRoute(request.method, request.url ?? '');
    if (!route) return false;
    void this.#serve(new Call(route, request, response));
    return true;
  };

  async #serve(call: Call): Promise<void> {
    const shape: ErrorShape = call.route.endpoint === 'messages' ? 'anthropic' : 'openai';
    const answer = new ClientAnswer(call.response, shape);
    this.draining.enter();
    this.metrics.requestStarted();
    let error: GatewayError | undefined;
    try {
      await this.completions.run(call, answer);
    } catch (thrown) {
      error = toGatewayError(thrown);
      this.failures.note(error, {
        principal: call.principal,
        route: call.route.policy,
        model: call.facts?.requestedModel ?? call.route.model,
        requestId: call.id,
      });
      answer.fail(error, this.headers.ofFailure(call));
    } finally {
      this.draining.leave();
      this.metrics.requestEnded();
      this.#report(call, error);
    }
  }

  #report(call: Call, error: GatewayError | undefined): void {
    const status = call.isGone ? 499 : (error?.status ?? call.response.statusCode);
    const { principal, facts } = call;
    this.accessLog.write({
      method: 'POST',
      route: call.route.policy.slice('POST '.length),
      status,
      durationMs: call.elapsedMs,
      requestId: call.id,
      key: principal?.displayName,
      model: facts?.requestedModel,
      costNanoUsd: call.costNanoUsd,
      errorCode: error?.code,
      decisionId: error?.decisionId,
    });
    this.#seriesOf(call).record({
      status,
      durationMs: call.elapsedMs,
      upstreamMs: call.attempts > 0 ? call.upstreamMs : undefined,
      inputTokens: call.inputTokens,
      outputTokens: call.outputTokens,
      costNanoUsd: call.costNanoUsd,
      errorCode: error?.code,
    });
  }

  /** A caller's calls mostly go to one model by one route: their series is found without building its name. */
  #seriesOf(call: Call): RequestSeries {
    const { principal, facts } = call;
    const route = call.route.policy;
    // Names that mean nothing here are counted as one: callers could invent any number of them.
    const requestedModel = call.attempts > 0 && facts ? facts.requestedModel : 'unknown';
    const model = call.upstreamModel ?? 'unknown';
    const last = principal && this.#lastSeries.get(principal);
    if (last && last.route === route && last.requestedModel === requestedModel && last.model === model)
      return last.series;
    const series = this.metrics.requests({
      route,
      requestedModel,
      model,
      ...callerLabels(principal),
    });
    if (principal) this.#lastSeries.set(principal, { route, requestedModel, model, series });
    return series;
  }
}

interface LastSeries {
  readonly route: string;
  readonly requestedModel: string;
  readonly model: string;
  readonly series: RequestSeries;
}
