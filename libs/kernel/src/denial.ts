import type { Scope } from './scope.js';

/** What has to be done so that a refused request passes. */
export type ChangeAction =
  | 'send_credential'
  | 'unblock'
  | 'extend_expiry'
  | 'allow_address'
  | 'allow_route'
  | 'grant_role'
  | 'grant_model'
  | 'reserve_deployment'
  | 'raise_budget'
  | 'raise_limit'
  | 'set_price'
  | 'configure';

/** One smallest change, as data: who owns the setting, its name in the admin API or the configuration, and the least value that helps. */
export interface Change {
  readonly action: ChangeAction;
  readonly scope?: Scope;
  readonly field?: string;
  readonly value?: string | number | boolean;
}

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
  /** Which of the scope's budgets: `main`, or a window's duration. */
  readonly budget?: string;
  /** In the dimension's unit; money as a decimal dollar string. */
  readonly limit?: number | string;
  readonly current?: number | string;
  /** Milliseconds since the epoch at which the same request would pass if nobody else came; absent when time alone does not help. */
  readonly resetsAtMs?: number;
  /** Several things stood in the way, none of which alone decides: every upstream's own. */
  readonly reasons?: readonly Denial[];
  /** What else stood in the way in the same step: with this one out of the way, these would refuse. */
  readonly others?: readonly Denial[];
  /** One sentence: the smallest change that would allow it. */
  readonly wouldAllow?: string;
  /** The same as data. Its scope is the real one, where `scope` is the name the caller may see. */
  readonly change?: Change;
}
