import type { Clock } from '#libs/kernel';
import type { Logger } from '#libs/telemetry';
import type { Deployment } from './deployment.js';

/** Failures come by the thousand; one line in this time for each deployment and status is enough. */
const TOLD_EVERY_MS = 60_000;

/** What on-call does about it. A provider's own words are not told: they may quote a prompt. */
const ADVICE: Readonly<Record<number, string>> = {
  0: 'no answer: look at the network, at DNS and at api_base',
  401: 'the provider refuses our credential: look at api_key of this deployment',
  402: 'the account with the provider has no money left',
  404: 'the provider does not know the model or the path: look at model and api_base',
  408: 'the provider takes too long',
  429: 'the provider limits our rate or our quota there',
};

interface Told {
  status: number;
  untilMs: number;
  since: number;
}

/** Says in the log which deployment fails, why, and whether it rests: the lines of calls name what callers asked for only. */
export class DeploymentNews {
  readonly #told = new Map<string, Told>();

  constructor(
    private readonly clock: Clock,
    private readonly logger: Logger,
  ) {}

  /** `restMs`: for how long it is left alone from now on; 0 when it goes on being used. */
  failed({ id, group, provider, upstreamModel, apiBase }: Deployment, status: number, restMs: number): void {
    const nowMs = this.clock.monotonicMs();
    const told = this.#told.get(id) ?? { status, untilMs: Number.NEGATIVE_INFINITY, since: 0 };
    this.#told.set(id, told);
    told.since += 1;
    if (told.status === status && nowMs < told.untilMs) return;
    const fields = {
      deployment: id,
      model: group,
      upstream: `${provider}/${upstreamModel}`,
      at: hostOf(apiBase),
    };
    const advice = ADVICE[status] ?? 'the provider fails';
    this.logger.warn(
      { ...fields, status, failures: told.since, ...(restMs > 0 ? { restMs } : {}) },
      restMs > 0 ? `A deployment rests: ${advice}.` : `A deployment fails: ${advice}.`,
    );
    Object.assign(told, { status, untilMs: nowMs + TOLD_EVERY_MS, since: 0 });
  }

  /** Forgets deployments that a reload removed. */
  keepOnly(ids: ReadonlySet<string>): void {
    for (const id of this.#told.keys()) if (!ids.has(id)) this.#told.delete(id);
  }
}

/** Where it is, and nothing that may stand in a path or beside the host. */
function hostOf(apiBase: string): string {
  return URL.canParse(apiBase) ? new URL(apiBase).host : '';
}
