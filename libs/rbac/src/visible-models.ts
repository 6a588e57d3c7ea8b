import type { Principal } from '#libs/kernel';
import {
  type AssignedModels,
  decideModelAccess,
  type GrantableDeployment,
  matchesGlob,
} from './model-access.js';

/** One name of the catalogue: a model group, or a visible router alias. */
export interface CatalogueEntry {
  readonly name: string;
  /** Differs from `name` for a router alias. */
  readonly resolvedGroup: string;
  readonly accessGroups: readonly string[];
  readonly deployments: readonly GrantableDeployment[];
  readonly ownerTeamId?: string | undefined;
}

export interface VisibleOptions {
  readonly assigned?: AssignedModels;
  /** Also the patterns of wildcard groups; without, a caller with a list sees the names of it that a wildcard serves. Default true. */
  readonly wildcards?: boolean;
}

/**
 * The model names `/v1/models` shows this caller: exactly those a call would be admitted for. A wildcard group shows its
 * pattern to callers without a list, and to the others those of their listed names that it serves.
 */
export function visibleModels(
  principal: Principal,
  catalogue: readonly CatalogueEntry[],
  { assigned, wildcards = true }: VisibleOptions = {},
): string[] {
  const names = new Set<string>();
  const may = (name: string, entry: CatalogueEntry): boolean =>
    decideModelAccess(
      principal,
      {
        ...entry,
        requestedModel: name,
        resolvedGroup: name === entry.name ? entry.resolvedGroup : name,
      },
      assigned,
    ).allowed;
  const listed = new Set(
    principal.modelGrants.flatMap(({ scope, models }) => [...models, ...(assigned?.modelsOf(scope) ?? [])]),
  );
  for (const entry of catalogue) {
    const isPattern = entry.name.includes('*');
    if ((!isPattern || wildcards) && may(entry.name, entry)) names.add(entry.name);
    if (!isPattern) continue;
    for (const name of listed) {
      if (!name.includes('*') && matchesGlob(entry.name, name) && may(name, entry)) names.add(name);
    }
  }
  for (const [alias, target] of Object.entries(principal.modelAliases)) {
    if (names.has(target)) names.add(alias);
  }
  return [...names];
}

/** Every model name in a request's own `fallbacks` and its two siblings: each must pass the same checks as `model`. */
export function fallbackNamesOf(body: Readonly<Record<string, unknown>>): string[] {
  const names: string[] = [];
  for (const field of ['fallbacks', 'context_window_fallbacks', 'content_policy_fallbacks'] as const) {
    if (Object.hasOwn(body, field)) collectNames(body[field], names, 0);
  }
  return names;
}

/** Shapes in use: `["b"]`, `[{"model": "b"}]`, `[{"a": ["b"]}]`, `{"a": ["b"]}`. */
function collectNames(value: unknown, names: string[], depth: number): void {
  if (depth > 4) return;
  if (typeof value === 'string') {
    names.push(value);
  } else if (Array.isArray(value)) {
    for (const item of value) collectNames(item, names, depth + 1);
  } else if (typeof value === 'object' && value !== null) {
    const { model } = value as { model?: unknown };
    if (typeof model === 'string') names.push(model);
    else for (const item of Object.values(value)) collectNames(item, names, depth + 1);
  }
}
