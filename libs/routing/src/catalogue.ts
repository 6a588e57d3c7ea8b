import type { CompiledDeployments } from './compile-deployments.js';
import type { Deployment } from './deployment.js';
import { bySpecificity, type ModelPattern, modelPattern } from './model-pattern.js';
import { parseModelReference } from './provider-table.js';
import { Resolution } from './resolution.js';

export interface ModelAlias {
  readonly model: string;
  readonly hidden: boolean;
}

export interface ModelGroup {
  readonly name: string;
  readonly wildcard: boolean;
  /** Set when the name is an alias of another group. */
  readonly aliasOf?: string;
  readonly deployments: readonly Deployment[];
}

/** Longer names cannot be meant, and would only fill memory. */
const MAX_NAME_LENGTH = 256;
/** Names that only a wildcard knows are chosen by callers, so what is remembered of them is bounded. */
const MAX_REMEMBERED_NAMES = 2_000;

/** One immutable state of the catalogue. */
class CatalogueSnapshot {
  readonly groups: ReadonlyMap<string, readonly Deployment[]>;
  readonly #known = new Map<string, Resolution>();
  readonly #patterns: ModelPattern[] = [];
  readonly #unsupported = new Map<string, string[]>();
  readonly #remembered = new Map<string, Resolution | undefined>();

  constructor(
    readonly compiled: CompiledDeployments,
    readonly aliases: Readonly<Record<string, ModelAlias>>,
  ) {
    const groups = new Map<string, Deployment[]>();
    for (const problem of compiled.problems) {
      if (problem.code !== 'routing.provider_unsupported' || problem.provider === undefined) continue;
      this.#unsupported.set(problem.group, [
        ...(this.#unsupported.get(problem.group) ?? []),
        problem.provider,
      ]);
      groups.set(problem.group, []);
    }
    for (const deployment of compiled.deployments) {
      const members = groups.get(deployment.group);
      if (members) members.push(deployment);
      else groups.set(deployment.group, [deployment]);
    }
    this.groups = groups;
    // Filled from the weakest rule to the strongest, so that the later entry wins.
    for (const deployment of compiled.deployments) {
      for (const name of [deployment.upstreamModel, `${deployment.provider}/${deployment.upstreamModel}`]) {
        if (name.includes('*')) continue;
        const twins = compiled.deployments.filter(
          (other) =>
            other.group === deployment.group &&
            other.upstreamModel === deployment.upstreamModel &&
            other.provider === deployment.provider,
        );
        if (!this.#known.has(name)) this.#known.set(name, new Resolution(name, deployment.group, twins));
      }
    }
    this.#weak = new Set(this.#known.keys());
    for (const group of groups.keys()) {
      if (group.includes('*')) this.#patterns.push(modelPattern(group));
      else this.#learn(this.#ofGroup(group, group));
    }
    this.#patterns.sort(bySpecificity);
    for (const [alias, { model }] of Object.entries(aliases)) {
      const target =
        groups.has(model) && !model.includes('*')
          ? this.#ofGroup(alias, model)
          : this.#byPattern(model, alias);
      if (target) this.#learn(target);
    }
    for (const deployment of compiled.deployments) {
      if (!deployment.upstreamModel.includes('*'))
        this.#learn(new Resolution(deployment.id, deployment.group, [deployment]));
    }
  }

  /** Names known only because a deployment's model is called so: wildcards come first. */
  readonly #weak: Set<string>;

  resolve(name: string): Resolution | undefined {
    const known = this.#known.get(name);
    if (known && !this.#weak.has(name)) return known;
    if (name.length === 0 || name.length > MAX_NAME_LENGTH) return undefined;
    if (this.#patterns.length === 0) return known;
    if (this.#remembered.has(name)) return this.#remembered.get(name);
    const found = this.#byPattern(name, name) ?? known;
    if (this.#remembered.size >= MAX_REMEMBERED_NAMES) {
      const oldest = this.#remembered.keys().next();
      if (!oldest.done) this.#remembered.delete(oldest.value);
    }
    this.#remembered.set(name, found);
    return found;
  }

  #learn(resolution: Resolution): void {
    this.#known.set(resolution.name, resolution);
    this.#weak.delete(resolution.name);
  }

  #ofGroup(name: string, group: string, captures: readonly string[] = []): Resolution {
    return new Resolution(name, group, this.groups.get(group) ?? [], captures, this.#unsupported.get(group));
  }

  #byPattern(model: string, name: string): Resolution | undefined {
    const provider = model.includes('/') ? undefined : parseModelReference(model).provider;
    for (const pattern of this.#patterns) {
      const captures =
        pattern.capture(model) ??
        (provider === undefined ? undefined : pattern.capture(`${provider}/${model}`));
      if (captures) return this.#ofGroup(name, pattern.text, captures);
    }
    return undefined;
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
   * Deployment id, alias (one hop), exact group, wildcards (most specific first, `*` last), then a deployment's own model
   * name. Undefined: the name means nothing here.
   */
  resolve(name: string): Resolution | undefined {
    return this.#snapshot.resolve(name);
  }

  /** What `/v1/models` may show, before grants: groups that can be served, and aliases that are not hidden. */
  groups(): readonly ModelGroup[] {
    const { groups, aliases } = this.#snapshot;
    const shown: ModelGroup[] = [];
    for (const [name, deployments] of groups) {
      if (deployments.length > 0) shown.push({ name, wildcard: name.includes('*'), deployments });
    }
    for (const [name, alias] of Object.entries(aliases)) {
      const target = this.resolve(name);
      if (alias.hidden || groups.has(name) || !target || target.deployments.length === 0) continue;
      shown.push({ name, wildcard: false, aliasOf: alias.model, deployments: target.deployments });
    }
    return shown;
  }

  groupSize(group: string): number {
    return this.#snapshot.groups.get(group)?.length ?? 0;
  }

  get deployments(): readonly Deployment[] {
    return this.#snapshot.compiled.deployments;
  }

  /** For the start-up log and `doctor`. */
  get problems(): CompiledDeployments['problems'] {
    return this.#snapshot.compiled.problems;
  }
}
