import type { Clock, Endpoint } from '#libs/kernel';
import type { Catalogue } from './catalogue.js';
import { type AttemptOutcome, Cooldowns, type CooldownSettings, isDeploymentsFault } from './cooldowns.js';
import type { Deployment, WireFormat } from './deployment.js';
import type { DeploymentNews } from './deployment-news.js';
import { inOrderOfPreference, type Random } from './preference.js';
import type { Resolution } from './resolution.js';
import {
  allInCooldown,
  deploymentDenied,
  endpointUnsupported,
  providerUnsupported,
  tagsDenied,
} from './routing-errors.js';

/** What about a call decides which deployments may serve it, and in which order. */
export interface PlanRequest {
  readonly endpoint: Endpoint;
  /** The request's tags; used when tag filtering is on. */
  readonly tags?: readonly string[];
  /** What `allowed_keys` may name: the key's alias, id and hash. */
  readonly keyNames?: readonly (string | undefined)[];
  /** Deployments that were tried already: they go last. */
  readonly tried?: ReadonlySet<string>;
}

export interface RouterSettings extends CooldownSettings {
  readonly enableTagFiltering: boolean;
}

/** Chooses deployments for a resolved model and remembers how they fared. State is per process; nothing here waits. */
export class Router {
  readonly #cooldowns: Cooldowns;

  constructor(
    private readonly catalogue: Catalogue,
    clock: Clock,
    private readonly settings: RouterSettings,
    private readonly random: Random = Math.random,
    private readonly news?: DeploymentNews,
  ) {
    this.#cooldowns = new Cooldowns(clock, settings);
  }

  /**
   * Deployments that may serve the call now, best first; never empty. Throws `routing.provider_unsupported`,
   * `rbac.deployment_denied`, `routing.tags_denied` or, when all that could serve are resting, `routing.all_in_cooldown`.
   */
  plan(resolution: Resolution, request: PlanRequest): readonly Deployment[] {
    const { deployments } = resolution;
    const only = deployments[0];
    if (
      only &&
      deployments.length === 1 &&
      this.#cooldowns.idle &&
      only.allowedKeys === undefined &&
      !this.settings.enableTagFiltering &&
      serves(only.wire, request.endpoint)
    ) {
      return deployments;
    }
    return this.#choose(resolution, request);
  }

  /** Milliseconds until the deployment may be used again; 0 when it may be used now. */
  cooldownRemainingMs(deployment: Deployment): number {
    return this.#cooldowns.remainingMs(deployment.id);
  }

  /** How many of these are not resting: what `shouldRetry` and `retryDelayMs` ask. */
  healthyCount(deployments: readonly Deployment[]): number {
    if (this.#cooldowns.idle) return deployments.length;
    return deployments.reduce(
      (count, deployment) => count + (this.#cooldowns.remainingMs(deployment.id) === 0 ? 1 : 0),
      0,
    );
  }

  /** Whether none of these has failed more than once in this minute. Where failures are not counted nobody can say so. */
  isHealthy(deployments: readonly Deployment[]): boolean {
    return deployments.every(({ id }) => this.#cooldowns.failuresOf(id) <= 1);
  }

  /** Every attempt reports once. A failure may put the deployment to rest (contract: candidates, thresholds, durations). */
  report(deployment: Deployment, outcome: 'success' | AttemptOutcome): void {
    if (outcome === 'success') return this.#cooldowns.succeeded(deployment);
    const restMs = this.#cooldowns.failed(deployment, outcome, this.catalogue.groupSizeOf(deployment));
    if (isDeploymentsFault(outcome.status) && !outcome.callerTimeout)
      this.news?.failed(deployment, outcome.status, restMs);
  }

  /** After `Catalogue.replace`: what is no longer there is forgotten. */
  forgetRemoved(): void {
    const ids = new Set(this.catalogue.deployments.map((deployment) => deployment.id));
    this.#cooldowns.keepOnly(ids);
    this.news?.keepOnly(ids);
  }

  #choose(resolution: Resolution, request: PlanRequest): readonly Deployment[] {
    const { name, deployments, unsupportedProviders } = resolution;
    const [first] = deployments;
    if (!first) throw providerUnsupported(name, unsupportedProviders);
    let able = deployments.filter((deployment) => serves(deployment.wire, request.endpoint));
    if (able.length === 0) throw endpointUnsupported(name, first.provider, request.endpoint);
    able = able.filter(
      (deployment) =>
        deployment.allowedKeys === undefined ||
        request.keyNames?.some((key) => key !== undefined && deployment.allowedKeys?.includes(key)),
    );
    if (able.length === 0) throw deploymentDenied(name);
    if (this.settings.enableTagFiltering) {
      able = withTags(able, request.tags ?? []);
      if (able.length === 0) throw tagsDenied();
    }
    const live = able.filter((deployment) => this.#cooldowns.remainingMs(deployment.id) === 0);
    if (live.length === 0)
      throw allInCooldown(Math.min(...able.map((deployment) => this.#cooldowns.remainingMs(deployment.id))));
    const plan = inOrderOfPreference(live, this.random);
    const { tried } = request;
    if (!tried || tried.size === 0) return plan;
    return [...plan.filter(({ id }) => !tried.has(id)), ...plan.filter(({ id }) => tried.has(id))];
  }
}

/** Which endpoints a wire format can answer without translation. */
export function serves(wire: WireFormat, endpoint: Endpoint): boolean {
  return wire === 'mock' || (wire === 'anthropic') === (endpoint === 'messages');
}

/** Any shared tag matches; without one (or without tags) the `default` deployments; untagged requests fall back to all. */
function withTags(deployments: readonly Deployment[], tags: readonly string[]): Deployment[] {
  const matching = deployments.filter((deployment) => deployment.tags.some((tag) => tags.includes(tag)));
  if (matching.length > 0) return matching;
  const defaults = deployments.filter((deployment) => deployment.tags.includes('default'));
  if (defaults.length > 0 || tags.length > 0) return defaults;
  return [...deployments];
}
