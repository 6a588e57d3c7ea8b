import type { Readable } from 'node:stream';
import { Injectable } from '@nestjs/common';
import { errors } from 'undici';
import { GatewayError } from '#libs/kernel';
import { OriginPools } from './origin-pools.js';

/** Connections at once to one target; more calls than this wait, within their own timeout. */
const MAX_CONNECTIONS = 256;

export interface RelayRequest {
  /** Scheme, host and port; from a configuration, never from a request. */
  readonly origin: string;
  /** Path and query. */
  readonly path: string;
  readonly method: string;
  /** Flat name, value list. */
  readonly headers: string[];
  /** Read as fast as the target takes it. */
  readonly body: Readable | null;
  /** Until the head of the answer is there. */
  readonly timeoutMs: number;
  /** Longest silence between two reads of the answer. */
  readonly idleTimeoutMs: number;
  /** Aborted: the caller is gone, and so is its call. */
  readonly signal: AbortSignal;
}

export interface RelayAnswer {
  readonly status: number;
  /** Flat name, value list. */
  readonly headers: readonly string[];
  readonly body: Readable;
}

/** Passes requests and answers on as they are, over HTTP/1.1; redirects are never followed, nothing is sent twice. */
@Injectable()
export class Relay {
  readonly #pools = new OriginPools(MAX_CONNECTIONS);

  /** Resolves with the head of the answer, whatever its status. Throws `upstream.unreachable` or `upstream.timeout`. */
  async send(request: RelayRequest): Promise<RelayAnswer> {
    const { origin, path, method, headers, body, timeoutMs, idleTimeoutMs, signal } = request;
    try {
      const answer = await this.#pools.of(origin).request({
        path,
        method: method as 'GET',
        headers,
        body,
        headersTimeout: timeoutMs,
        bodyTimeout: idleTimeoutMs,
        signal,
      });
      return { status: answer.statusCode, headers: flat(answer.headers), body: answer.body };
    } catch (error) {
      throw relayFailure(error);
    }
  }

  close(): Promise<void> {
    return this.#pools.destroy();
  }
}

function flat(headers: Readonly<Record<string, string | string[] | undefined>>): string[] {
  return Object.entries(headers).flatMap(([name, value]) =>
    value === undefined ? [] : [value].flat().flatMap((one) => [name, one]),
  );
}

/** What the caller is told; where the target is stays our business. */
function relayFailure(error: unknown): GatewayError {
  if (error instanceof GatewayError) return error;
  if (error instanceof errors.HeadersTimeoutError || error instanceof errors.BodyTimeoutError)
    return new GatewayError('upstream.timeout', 'The target of this endpoint did not answer in time.', {
      cause: error,
    });
  if (error instanceof errors.InvalidArgumentError)
    return new GatewayError('request.invalid', 'The request cannot be passed on as it is.', { cause: error });
  return new GatewayError('upstream.unreachable', 'The target of this endpoint cannot be reached.', {
    cause: error,
  });
}
