import type { Clock } from '#libs/kernel';
import type { Deployment } from './deployment.js';

/** How one attempt ended, as far as the deployment's health is concerned. */
export interface AttemptOutcome {
  /** Upstream's status; 0 when there was no answer at all. */
  readonly status: number;
  readonly retryAfterMs?: number;
  /** A timeout the caller chose says nothing about the deployment. */
  readonly callerTimeout?: boolean;
}

export interface CooldownSettings {
  readonly cooldownMs: number;
  readonly allowedFails: number;
  readonly disableCooldowns: boolean;
}

interface Health {
  windowStartMs: number;
  requests: number;
  failures: number;
  allowedFailures: number;
  allowedSinceMs: number;
}

const MINUTE_MS = 60_000;
/** An upstream's own retry-after never keeps a deployment out for longer than this. */
const MAX_UPSTREAM_COOLDOWN_MS = 60_000;
/** The default of `allowed_fails`: only another value switches to counting. */
const DEFAULT_ALLOWED_FAILS = 3;

/** Which deployments are resting, in this process. */
export class Cooldowns {
  readonly #untilMs = new Map<string, number>();
  readonly #health = new Map<string, Health>();

  constructor(
    private readonly clock: Clock,
    private readonly settings: CooldownSettings,
  ) {}

  /** True while nobody rests: the usual case, told without reading the clock. */
  get idle(): boolean {
    return this.#untilMs.size === 0;
  }

  /** Milliseconds left, 0 when it may be used. */
  remainingMs(id: string): number {
    const until = this.#untilMs.get(id);
    if (until === undefined) return 0;
    const left = until - this.clock.monotonicMs();
    if (left > 0) return left;
    this.#untilMs.delete(id);
    return 0;
  }

  succeeded(deployment: Deployment): void {
    this.#observe(deployment.id, this.clock.monotonicMs()).requests += 1;
  }

  /** For how many ms it rests from now on; 0 when it does not. */
  failed(deployment: Deployment, outcome: AttemptOutcome, groupSize: number): number {
    if (this.settings.disableCooldowns || outcome.callerTimeout) return 0;
    const { status } = outcome;
    const nowMs = this.clock.monotonicMs();
    const health = this.#observe(deployment.id, nowMs);
    health.requests += 1;
    if (!isDeploymentsFault(status)) return 0;
    health.failures += 1;
    // No answer at all may be our own network: it counts, but never rests a deployment at once.
    if (!this.#mustRest(health, status, groupSize, nowMs)) return 0;
    const restMs = this.#restMs(deployment, outcome);
    if (restMs > 0) this.#untilMs.set(deployment.id, nowMs + restMs);
    return restMs;
  }

  /** Failures of a deployment's own making in this minute, as this process saw them; all of them when nobody counts. */
  failuresOf(id: string): number {
    if (this.settings.disableCooldowns) return Number.POSITIVE_INFINITY;
    const health = this.#health.get(id);
    if (health === undefined || this.clock.monotonicMs() - health.windowStartMs >= MINUTE_MS) return 0;
    return health.failures;
  }

  /** Forgets deployments that a reload removed. */
  keepOnly(ids: ReadonlySet<string>): void {
    for (const id of this.#health.keys()) if (!ids.has(id)) this.#health.delete(id);
    for (const id of this.#untilMs.keys()) if (!ids.has(id)) this.#untilMs.delete(id);
  }

  #observe(id: string, nowMs: number): Health {
    let health = this.#health.get(id);
    if (!health) {
      health = { windowStartMs: nowMs, requests: 0, failures: 0, allowedFailures: 0, allowedSinceMs: nowMs };
      this.#health.set(id, health);
    } else if (nowMs - health.windowStartMs >= MINUTE_MS) {
      health.windowStartMs = nowMs;
      health.requests = 0;
      health.failures = 0;
    }
    return health;
  }

  #mustRest(health: Health, status: number, groupSize: number, nowMs: number): boolean {
    const { allowedFails } = this.settings;
    if (allowedFails !== DEFAULT_ALLOWED_FAILS) {
      if (nowMs - health.allowedSinceMs >= Math.max(this.settings.cooldownMs, 1)) {
        health.allowedSinceMs = nowMs;
        health.allowedFailures = 0;
      }
      health.allowedFailures += 1;
      return health.allowedFailures > allowedFails;
    }
    if (status === 401 || status === 402 || status === 404) return true;
    if (health.requests >= 1000 && health.failures === health.requests) return true;
    if (groupSize < 2) return false;
    return status === 429 || (health.requests >= 5 && health.failures * 2 > health.requests);
  }

  #restMs(deployment: Deployment, outcome: AttemptOutcome): number {
    if (deployment.cooldownMs !== undefined) return deployment.cooldownMs;
    if (outcome.retryAfterMs !== undefined && outcome.retryAfterMs > 0)
      return Math.min(outcome.retryAfterMs, MAX_UPSTREAM_COOLDOWN_MS);
    return this.settings.cooldownMs;
  }
}

/** A request's own fault (400, 413, 422 ...) says nothing about the deployment. */
export function isDeploymentsFault(status: number): boolean {
  return (
    status === 0 ||
    status >= 500 ||
    status === 429 ||
    status === 401 ||
    status === 402 ||
    status === 404 ||
    status === 408
  );
}
