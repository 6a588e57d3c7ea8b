import { Injectable } from '@nestjs/common';
import { Clock } from '#libs/kernel';
import { Exchange } from './exchange.js';
import { openMock } from './mock-upstream.js';
import { OriginPools } from './origin-pools.js';
import { outgoingBody } from './outgoing-body.js';
import { requestTarget, withForwarded } from './request-target.js';
import { Upstream, type UpstreamHandle, type UpstreamRequest, type UpstreamSink } from './upstream.js';

/** Connections at once to one origin; more calls than this wait in the pool, within their own timeout. */
const MAX_CONNECTIONS = 1_024;

/**
 * Calls deployments over HTTP/1.1: one pool per origin, one request at a time on a connection, redirects never followed.
 * A request that was written and not answered is never sent again from here: nobody can know whether it was processed.
 */
@Injectable()
export class UndiciUpstream extends Upstream {
  readonly #pools = new OriginPools(MAX_CONNECTIONS);
  readonly #nowMs: () => number;

  constructor(clock: Clock) {
    super();
    this.#nowMs = () => clock.nowMs();
  }

  /** Throws a GatewayError when the call cannot be made at all; then nothing was sent and the sink hears nothing. */
  override open(request: UpstreamRequest, sink: UpstreamSink): UpstreamHandle {
    const { deployment } = request;
    if (deployment.wire === 'mock') return openMock(request, sink);
    const target = requestTarget(deployment, request.endpoint, request.upstreamModel);
    const { bytes, hideUsage } = outgoingBody(request);
    const exchange = new Exchange(request, sink, hideUsage, this.#nowMs);
    this.#pools.of(target.origin).dispatch(
      {
        path: target.path,
        method: 'POST',
        headers: withForwarded(target, deployment, request.forwardedHeaders) as string[],
        body: bytes,
        // The exchange's own timer covers the wait for the head, connecting and queueing included.
        headersTimeout: 0,
        bodyTimeout: request.idleTimeoutMs,
      },
      exchange,
    );
    return exchange;
  }

  override close(): Promise<void> {
    return this.#pools.close();
  }
}
