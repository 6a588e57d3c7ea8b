import type { CompiledDeployments } from './compile-deployments.js';
import type { Deployment } from './deployment.js';
import { bySpecificity, type ModelPattern, modelPattern } from './model-pattern.js';
import { parseModelReference } from './provider-table.js';
import { Resolution } from './resolution.js';

export interface ModelAlias {
  readonly model: string;
  readonly hidden: boolean;
}

/** Longer names cannot be meant, and would only fill memory. */
const MAX_NAME_LENGTH = 256;
/** Names that only a wildcard knows are chosen by callers, so what is remembered of them is bounded. */
const MAX_REMEMBERED_NAMES = 2_000;

/** What model names mean to one audience: to everybody, or to the keys of one team. Immutable but for what it remembers. */
export class ModelNames {
  readonly groups: ReadonlyMap<string, readonly Deployment[]>;
  readonly #known = new Map<string, Resolution>();
  readonly #patterns: ModelPattern[] = [];
  readonly #unsupported = new Map<string, string[]>();
  readonly #remembered = new Map<string, Resolution | undefined>();
  /** Names known only because a deployment's model is called so: wildcards come first. */
  readonly #weak = new Set<string>();

  constructor(
    deployments: readonly Deployment[],
    problems: CompiledDeployments['problems'] = [],
    aliases: Readonly<Record<string, ModelAlias>> = {},
    private readonly teamId?: string,
  ) {
    const groups = new Map<string, Deployment[]>();
    for (const problem of problems) {
      if (problem.code !== 'routing.provider_unsupported' || problem.provider === undefined) continue;
      append(this.#unsupported, problem.group, problem.provider);
      groups.set(problem.group, []);
    }
    for (const deployment of deployments) append(groups, deployment.group, deployment);
    this.groups = groups;
    // Filled from the weakest rule to the strongest, so that the later entry wins. What a team calls its own is only what
    // it named: the model behind it must not take the name's place in what everybody shares.
    if (teamId === undefined) this.#learnUpstreamNames(deployments);
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
    for (const deployment of deployments) {
      if (!deployment.upstreamModel.includes('*'))
        this.#learn(new Resolution(deployment.id, deployment.group, [deployment], [], [], teamId));
    }
  }

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

  /** Without wildcards. */
  resolveExactly(name: string): Resolution | undefined {
    return this.#known.get(name);
  }

  #learnUpstreamNames(deployments: readonly Deployment[]): void {
    const twins = new Map<string, Deployment[]>();
    for (const one of deployments) append(twins, `${one.group}\n${one.provider}\n${one.upstreamModel}`, one);
    for (const same of twins.values()) {
      const [first] = same;
      if (!first) continue;
      for (const name of [first.upstreamModel, `${first.provider}/${first.upstreamModel}`]) {
        if (name.includes('*') || this.#known.has(name)) continue;
        this.#known.set(name, new Resolution(name, first.group, same));
        this.#weak.add(name);
      }
    }
  }

  #learn(resolution: Resolution): void {
    this.#known.set(resolution.name, resolution);
    this.#weak.delete(resolution.name);
  }

  #ofGroup(name: string, group: string, captures: readonly string[] = []): Resolution {
    const deployments = this.groups.get(group) ?? [];
    return new Resolution(name, group, deployments, captures, this.#unsupported.get(group), this.teamId);
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

function append<T>(lists: Map<string, T[]>, name: string, item: T): void {
  const list = lists.get(name);
  if (list) list.push(item);
  else lists.set(name, [item]);
}
