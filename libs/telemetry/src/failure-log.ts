import { ERROR_CODES, type GatewayError } from '#libs/kernel';
import type { Logger } from './logger.js';

/** A call that could not be answered as it should. */
export interface FailedCall {
  /** As declared, `GET /key/info`, and never the URL: that may hold keys and names. */
  readonly route: string;
  readonly requestId: string | undefined;
  /** Whether the access log has a line about the call, which tells the code. */
  readonly isInAccessLog: boolean;
}

/** Tells operators why calls failed on our side (5xx), at the most one line a call, whoever answers it. What callers did wrong is not told here. */
export class FailureLog {
  constructor(private readonly logger: Logger) {}

  /**
   * A defect of ours, or whatever somebody else threw: with its stack. Our own word about an outage (draining, overloaded, no store)
   * is no defect, and comes by the thousand: without one, and only where no other line tells it.
   */
  note(error: GatewayError, { route, requestId, isInAccessLog }: FailedCall): void {
    if (error.status < 500) return;
    const isDefect = ERROR_CODES[error.code].status === 500;
    const why = error.cause ?? (isDefect ? error : undefined);
    if (why === undefined && isInAccessLog) return;
    const call = { request_id: requestId, route, code: error.code };
    this.logger.error(why === undefined ? call : { ...call, err: why }, error.message);
  }
}
