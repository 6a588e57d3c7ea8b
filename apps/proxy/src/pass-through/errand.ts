import type { IncomingMessage, ServerResponse } from 'node:http';
import type { PassThroughEndpoint } from '#libs/config';
import { type NanoUsd, newId, type Principal } from '#libs/kernel';

/** One call to a pass-through endpoint on its way. */
export class Errand {
  readonly id = newId('req');
  readonly startedAt = performance.now();
  principal: Principal | undefined;
  costNanoUsd: NanoUsd = 0n;
  readonly #gone = new AbortController();

  constructor(
    public endpoint: PassThroughEndpoint,
    /** As it came, without the query. */
    readonly path: string,
    /** Without the question mark. */
    readonly query: string,
    readonly request: IncomingMessage,
    readonly response: ServerResponse,
  ) {
    response.on('close', () => {
      if (!response.writableFinished) this.#gone.abort();
    });
  }

  /** Aborted when the client hangs up before its answer is whole. */
  get signal(): AbortSignal {
    return this.#gone.signal;
  }

  get elapsedMs(): number {
    return performance.now() - this.startedAt;
  }

  header(name: string): string | undefined {
    const value = this.request.headers[name];
    return Array.isArray(value) ? value[0] : value;
  }
}
