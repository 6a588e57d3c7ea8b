import type { CompiledDeployments } from './compile-deployments.js';
import type { Deployment } from './deployment.js';
import { type ModelAlias, ModelNames } from './model-names.js';
import type { Resolution } from './resolution.js';

/** Deployments that serve one name. */
export interface ModelGroup {
  readonly name: string;
  readonly wildcard: boolean;
  /** Set when the name is an alias of another group. */
  readonly aliasOf?: string;
  /** Set for a group that belongs to one team. */
  readonly teamId?: string;
  readonly deployments: readonly Deployment[];
}

/** One immutable state of the catalogue. */
class CatalogueSnapshot {
  readonly shared: ModelNames;
  /** Undefined while no team has models of its own: the usual case, told without a look-up. */
  readonly teams: ReadonlyMap<string, ModelNames> | undefined;

  constructor(
    readonly compiled: CompiledDeployments,
    readonly aliases: Readonly<Record<string, ModelAlias>>,
  ) {
    const { deployments, problems } = compiled;
    const owned = Map.groupBy(deployments, ({ teamId }) => teamId);
    this.shared = new ModelNames(
      owned.get(undefined) ?? [],
      problems.filter(({ teamId }) => teamId === undefined),
      aliases,
    );
    const teams = new Map<string, ModelNames>();
    for (const [teamId, own] of owned)
      if (teamId !== undefined) teams.set(teamId, new ModelNames(own, [], {}, teamId));
    this.teams = teams.size === 0 ? undefined : teams;
  }

  resolve(name: string, teamId: string | undefined): Resolution | undefined {
    const own = teamId === undefined ? undefined : this.teams?.get(teamId);
    if (own === undefined) return this.shared.resolve(name);
    return own.resolveExactly(name) ?? this.shared.resolve(name) ?? own.resolve(name);
  }
}

/** The models callers can name. Reads never block; `replace` swaps everything in one assignment, and requests that hold a Resolution finish on the old state. */
export class Catalogue {
  #snapshot: CatalogueSnapshot;

  constructor(compiled: CompiledDeployments, aliases: Readonly<Record<string, ModelAlias>> = {}) {
    this.#snapshot = new CatalogueSnapshot(compiled, aliases);
  }

  replace(
    compiled: CompiledDeployments,
    aliases: Readonly<Record<string, ModelAlias>> = this.#snapshot.aliases,
  ): void {
    this.#snapshot = new CatalogueSnapshot(compiled, aliases);
  }

  /**
   * What the caller's team calls so itself, then deployment id, alias (one hop), exact group, wildcards (most specific
   * first, `*` last), then a deployment's own model name, then the team's wildcards. Undefined: the name means nothing to this caller.
   */
  resolve(name: string, teamId?: string): Resolution | undefined {
    return this.#snapshot.resolve(name, teamId);
  }

  /**
   * What `/v1/models` may show, before grants: groups that can be served, and aliases that are not hidden. With a team also
   * the team's own, which stand in for shared ones of the same name.
   */
  groups(teamId?: string): readonly ModelGroup[] {
    const { shared, teams, aliases } = this.#snapshot;
    const own = teamId === undefined ? undefined : teams?.get(teamId)?.groups;
    const shown: ModelGroup[] = [];
    for (const [name, deployments] of own ?? [])
      shown.push({ name, wildcard: name.includes('*'), deployments, ...(teamId && { teamId }) });
    for (const [name, deployments] of shared.groups) {
      if (deployments.length > 0 && !own?.has(name))
        shown.push({ name, wildcard: name.includes('*'), deployments });
    }
    for (const [name, alias] of Object.entries(aliases)) {
      const target = shared.resolve(name);
      const isTaken = shared.groups.has(name) || own?.has(name);
      if (alias.hidden || isTaken || !target || target.deployments.length === 0) continue;
      shown.push({ name, wildcard: false, aliasOf: alias.model, deployments: target.deployments });
    }
    return shown;
  }

  /** How many deployments share this one's group. */
  groupSizeOf({ group, teamId }: Deployment): number {
    const { shared, teams } = this.#snapshot;
    const names = teamId === undefined ? shared : teams?.get(teamId);
    return names?.groups.get(group)?.length ?? 0;
  }

  get deployments(): readonly Deployment[] {
    return this.#snapshot.compiled.deployments;
  }

  /** For the start-up log and `doctor`. */
  get problems(): CompiledDeployments['problems'] {
    return this.#snapshot.compiled.problems;
  }
}
