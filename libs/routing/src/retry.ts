import type { ErrorCode } from '#libs/kernel';

/** Each has a list of fallbacks of its own in `router_settings`. */
export type FailureKind = 'generic' | 'context_window' | 'content_policy';

/** Which family of fallbacks a failure belongs to. */
export function failureKind(code: ErrorCode): FailureKind {
  if (code === 'request.context_window_exceeded') return 'context_window';
  return code === 'upstream.content_policy' ? 'content_policy' : 'generic';
}

/** An attempt that failed, as far as retrying goes. */
export interface RetryFailure {
  /** Upstream's status; 0 when there was no answer. */
  readonly status: number;
  readonly code: ErrorCode;
  /** Bytes of a good answer reached the client. */
  readonly started: boolean;
}

/** How the group of the failed attempt stands. */
export interface RetrySituation {
  /** Retries made so far for this group. */
  readonly retries: number;
  readonly maxRetries: number;
  readonly groupSize: number;
  /** Deployments of the group that are not resting, the failed one included. */
  readonly healthy: number;
}

/** Whether the same group is asked again. Pure; every attempt is admitted and recorded on its own, so a retry can never be free. */
export function shouldRetry(failure: RetryFailure, situation: RetrySituation): boolean {
  const { status } = failure;
  if (failure.started || situation.retries >= situation.maxRetries || situation.healthy === 0) return false;
  // The same question has the same long answer, and each one costs.
  if (failureKind(failure.code) !== 'generic' || failure.code === 'upstream.too_large') return false;
  if (status === 401 || status === 403) return situation.groupSize > 1;
  return status === 0 || status === 408 || status === 409 || status === 429 || status >= 500;
}

export interface RetryDelayInput {
  readonly retries: number;
  /** Another deployment than the failed one can take it. */
  readonly otherHealthy: boolean;
  readonly upstreamRetryAfterMs?: number | undefined;
  /** `router_settings.retry_after`. */
  readonly minimumMs?: number;
}

const MAX_HONOURED_RETRY_AFTER_MS = 60_000;

/** How long to wait before the next attempt. `random` is in [0, 1). */
export function retryDelayMs(input: RetryDelayInput, random: () => number = Math.random): number {
  if (input.otherHealthy) return 0;
  const { upstreamRetryAfterMs, minimumMs = 0 } = input;
  if (
    upstreamRetryAfterMs !== undefined &&
    upstreamRetryAfterMs > 0 &&
    upstreamRetryAfterMs <= MAX_HONOURED_RETRY_AFTER_MS
  ) {
    return Math.max(upstreamRetryAfterMs, minimumMs);
  }
  const backoffMs = Math.min(500 * 2 ** Math.min(input.retries, 10), 8_000);
  return Math.max(Math.round(backoffMs + random() * 750), minimumMs);
}

/** The caller's wish, else the deployment's, else the router's; bounded, because a header must not buy a thousand upstream calls. */
export function maxRetriesFor(
  requested: number | undefined,
  deployment: number | undefined,
  router: number,
): number {
  const wanted = requested ?? deployment ?? router;
  return Math.min(Math.max(Math.floor(wanted), 0), 10);
}
