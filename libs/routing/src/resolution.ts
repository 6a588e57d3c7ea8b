import type { Deployment } from './deployment.js';
import { substitute } from './model-pattern.js';

/** What one model name means: the group it fell into and the deployments that serve it. Immutable and shared between requests. */
export class Resolution {
  /** Names of which a model grant has to hold at least one: what was asked, and the group it stands for. A deployment id thus needs its group granted. */
  readonly grantNames: readonly string[];
  /** Every access group that at least one deployment carries. */
  readonly accessGroups: readonly string[];

  /** What each key may ask of the group by default: the first deployment's word. Undefined for nearly every group. */
  readonly keyLimits: KeyLimits | undefined;

  constructor(
    /** As the caller wrote it. */
    readonly name: string,
    /** The configured group; holds `*` when a wildcard matched. */
    readonly group: string,
    /** May be empty when every deployment of the group needs a provider that is not there yet. */
    readonly deployments: readonly Deployment[],
    readonly captures: readonly string[] = [],
    readonly unsupportedProviders: readonly string[] = [],
    /** The team whose own model this is: only its keys resolve it, and its model list need not name it. */
    readonly teamId?: string,
  ) {
    this.grantNames = name === group ? [name] : [name, group];
    this.accessGroups = accessGroupsOf(deployments);
    this.keyLimits = keyLimitsOf(deployments);
  }

  /** The same, served only by deployments that carry one of these access groups: what a caller gets whom only such a group let in. */
  within(accessGroups: readonly string[]): Resolution {
    const members = this.deployments.filter((one) =>
      one.accessGroups.some((name) => accessGroups.includes(name)),
    );
    if (members.length === this.deployments.length) return this;
    return new Resolution(
      this.name,
      this.group,
      members,
      this.captures,
      this.unsupportedProviders,
      this.teamId,
    );
  }

  /** The model name to send to this deployment, wildcards filled in. */
  upstreamModel(deployment: Deployment): string {
    if (this.captures.length === 0 || !deployment.upstreamModel.includes('*'))
      return deployment.upstreamModel;
    const model = substitute(deployment.upstreamModel, this.captures);
    // `*` -> `openai/*` asked for as `openai/gpt-4o`: the provider is not part of the name upstream.
    const prefix = `${deployment.provider}/`;
    return deployment.upstreamModel === '*' && model.startsWith(prefix) ? model.slice(prefix.length) : model;
  }
}

export interface KeyLimits {
  readonly requestsPerMinute?: number;
  readonly tokensPerMinute?: number;
}

function keyLimitsOf(deployments: readonly Deployment[]): KeyLimits | undefined {
  const requestsPerMinute = deployments.find(
    (one) => one.keyRequestsPerMinute !== undefined,
  )?.keyRequestsPerMinute;
  const tokensPerMinute = deployments.find((one) => one.keyTokensPerMinute !== undefined)?.keyTokensPerMinute;
  if (requestsPerMinute === undefined && tokensPerMinute === undefined) return undefined;
  return {
    ...(requestsPerMinute === undefined ? {} : { requestsPerMinute }),
    ...(tokensPerMinute === undefined ? {} : { tokensPerMinute }),
  };
}

const NONE: readonly string[] = Object.freeze([]);

function accessGroupsOf(deployments: readonly Deployment[]): readonly string[] {
  if (deployments.every(({ accessGroups }) => accessGroups.length === 0)) return NONE;
  return [...new Set(deployments.flatMap(({ accessGroups }) => accessGroups))];
}
