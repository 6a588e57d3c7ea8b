import type { IncomingMessage, ServerResponse } from 'node:http';
import { Injectable } from '@nestjs/common';
import { Config } from '#libs/config';
import { Cors, Draining, toGatewayError } from '#libs/http';
import type { GatewayError } from '#libs/kernel';
import { AccessLog } from '#libs/telemetry';
import { ClientAnswer } from '../completion/client-answer.js';
import { Errand } from './errand.js';
import { Errands } from './errands.js';
import { endpointOf } from './target-path.js';
import { CallReports } from '../http/call-reports.js';

/** Takes the calls to pass-through endpoints before Express sees them: their bodies are not ours to parse. The one place where an outcome is told. */
@Injectable()
export class PassThroughLane {
  constructor(
    private readonly errands: Errands,
    private readonly config: Config,
    private readonly draining: Draining,
    private readonly cors: Cors,
    private readonly log: AccessLog,
    private readonly reports: CallReports,
  ) {}

  /** False: not an endpoint's path, Express may have it. A preflight is Express's too. */
  readonly dispatch = (request: IncomingMessage, response: ServerResponse): boolean => {
    const url = request.url ?? '';
    const mark = url.indexOf('?');
    const path = mark < 0 ? url : url.slice(0, mark);
    const endpoint = endpointOf(this.config.passThrough, path);
    if (!endpoint || request.method === 'OPTIONS') return false;
    void this.#serve(new Errand(endpoint, path, mark < 0 ? '' : url.slice(mark + 1), request, response));
    return true;
  };

  async #serve(errand: Errand): Promise<void> {
    let error: GatewayError | undefined;
    this.draining.enter();
    this.reports.metrics.requestStarted();
    try {
      await this.errands.run(errand);
    } catch (thrown) {
      error = toGatewayError(thrown);
      this.reports.failure(
        error,
        { principal: errand.principal, route: routeOf(errand), requestId: errand.id },
        'a call to a pass-through endpoint failed',
      );
      const headers = ['x-litellm-call-id', errand.id];
      this.cors.append(errand.request, headers);
      new ClientAnswer(errand.response, 'openai').fail(error, headers);
    } finally {
      // A body that nobody took to its end would block whatever the client sends next on this connection.
      errand.request.unpipe().resume();
      this.draining.leave();
      this.reports.metrics.requestEnded();
      this.#report(errand, error);
    }
  }

  #report(errand: Errand, error: GatewayError | undefined): void {
    const { endpoint, request, principal, id, costNanoUsd } = errand;
    const status = errand.signal.aborted ? 499 : (error?.status ?? errand.response.statusCode);
    const durationMs = errand.elapsedMs;
    const method = request.method ?? 'GET';
    this.log.write({
      method,
      // Never what stands below the endpoint's path: it is the caller's and may hold anything.
      route: endpoint.path,
      status,
      durationMs,
      requestId: id,
      key: principal?.displayName,
      costNanoUsd,
      errorCode: error?.code,
      decisionId: error?.decisionId,
    });
    this.reports.request(routeOf(errand), 'pass_through', principal, {
      status,
      durationMs,
      costNanoUsd,
      error,
    });
  }
}

function routeOf({ endpoint, request }: Errand): string {
  return `${request.method ?? 'GET'} ${endpoint.path}`;
}
