import type { Scope } from './scope.js';

/**
 * Why a request was refused, as data. The HTTP error, the log line, the metric and `explain` are all made from this one
 * object, so they can never tell different stories.
 */
export interface Denial {
  /** `room.reason`, an ErrorCode. */
  readonly code: string;
  readonly scope?: Scope;
  /** What was limited: `requests`, `tokens`, `parallel_requests`, `usd`. */
  readonly dimension?: string;
  /** In the dimension's unit; money as a decimal dollar string. */
  readonly limit?: number | string;
  readonly current?: number | string;
  /** Milliseconds since the epoch at which the same request would pass if nobody else came; absent when time alone does not help. */
  readonly resetsAtMs?: number;
  /** Several things stood in the way, none of which alone decides: every upstream's own. */
  readonly reasons?: readonly Denial[];
  /** One sentence: the smallest change that would allow it. */
  readonly wouldAllow?: string;
}
