import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { Config, type PassThroughEndpoint } from '#libs/config';
import { Cors, Draining, toGatewayError } from '#libs/http';
import { GatewayError } from '#libs/kernel';
import { routeInTheWayOf } from '#libs/rbac';
import { LiveCatalogue } from '#libs/runtime';
import { ClientAnswer } from '../completion/client-answer.js';
import { Errand } from './errand.js';
import { Errands } from './errands.js';
import { endpointOf } from './target-path.js';
import { CallReports } from '../http/call-reports.js';
import { LaneFailures } from '../http/lane-failures.js';

/** A read of four small tables; longer is an outage. */
const LONGEST_WAIT_MS = 1_000;

/** Takes the calls to pass-through endpoints before Express sees them: their bodies are not ours to parse. The one place where an outcome is told. */
@Injectable()
export class PassThroughLane {
  /** The list that `#served` was made from. */
  #known: readonly PassThroughEndpoint[] | undefined;
  #served: readonly PassThroughEndpoint[] = [];

  constructor(
    private readonly errands: Errands,
    private readonly config: Config,
    private readonly draining: Draining,
    private readonly cors: Cors,
    private readonly reports: CallReports,
    private readonly live: LiveCatalogue,
    private readonly failures: LaneFailures,
  ) {}

  /** False: not an endpoint's path, Express may have it. A preflight is Express's too. */
  readonly dispatch = (request: IncomingMessage, response: ServerResponse): boolean => {
    const url = request.url ?? '';
    const mark = url.indexOf('?');
    const path = mark < 0 ? url : url.slice(0, mark);
    const endpoint = endpointOf(this.#endpoints(), path);
    if (!endpoint || request.method === 'OPTIONS') return false;
    void this.#serve(new Errand(endpoint, path, mark < 0 ? '' : url.slice(mark + 1), request, response));
    return true;
  };

  /** Those that are served now. A stored one never stands before a route of ours, also one that came with a later version. */
  #endpoints(): readonly PassThroughEndpoint[] {
    const { passThrough } = this.config;
    if (passThrough === this.#known) return this.#served;
    this.#known = passThrough;
    this.#served = passThrough.filter(
      (endpoint) => endpoint.storedId === undefined || routeInTheWayOf(endpoint) === undefined,
    );
    return this.#served;
  }

  /**
   * Once a change was heard of, nothing is sent by what an endpoint was before: whoever took it back was told so. While the
   * database is slow, what is known is served on.
   */
  async #whenCurrent(errand: Errand): Promise<void> {
    const { storedId } = errand.endpoint;
    if (storedId === undefined || !this.live.isBehind) return;
    await Promise.race([this.live.settled(), delay(LONGEST_WAIT_MS, undefined, { ref: false })]);
    const endpoint = endpointOf(this.#endpoints(), errand.path);
    if (endpoint === undefined)
      throw new GatewayError('request.not_found', 'Not Found', { detail: 'Not Found' });
    errand.endpoint = endpoint;
  }

  async #serve(errand: Errand): Promise<void> {
    let error: GatewayError | undefined;
    this.draining.enter();
    this.reports.started();
    try {
      await this.#whenCurrent(errand);
      await this.errands.run(errand);
    } catch (thrown) {
      error = toGatewayError(thrown);
      const { principal, id: requestId } = errand;
      this.failures.note(error, { principal, route: routeOf(errand), requestId });
      const headers = ['x-litellm-call-id', errand.id];
      this.cors.append(errand.request, headers);
      new ClientAnswer(errand.response, 'openai').fail(error, headers);
    } finally {
      // A body that nobody took to its end would block whatever the client sends next on this connection.
      errand.request.unpipe().resume();
      this.draining.leave();
      this.#report(errand, error);
    }
  }

  #report(errand: Errand, error: GatewayError | undefined): void {
    this.reports.ended({
      requestId: errand.id,
      route: routeOf(errand),
      principal: errand.principal,
      countedModel: 'pass_through',
      status: errand.signal.aborted ? 499 : (error?.status ?? errand.response.statusCode),
      durationMs: errand.elapsedMs,
      costNanoUsd: errand.costNanoUsd,
      error,
    });
  }
}

/** Never what stands below the endpoint's path: it is the caller's and may hold anything. */
function routeOf({ endpoint, request }: Errand): string {
  return `${request.method ?? 'GET'} ${endpoint.path}`;
}
