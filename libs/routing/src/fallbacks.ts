import type { FailureKind } from './retry.js';

export interface FallbackSettings {
  readonly fallbacks: Readonly<Record<string, readonly string[]>>;
  readonly defaultFallbacks: readonly string[];
  readonly contextWindowFallbacks: Readonly<Record<string, readonly string[]>>;
  readonly contentPolicyFallbacks?: Readonly<Record<string, readonly string[]>>;
  readonly maxFallbacks: number;
}

const NONE: readonly string[] = [];

/**
 * The model names to try next, in order, without those tried. A special kind that is configured at all but not for this
 * group has no fallback; one that is not configured uses the generic ones. `hops` counts fallbacks already made.
 */
export function fallbacksFor(
  group: string,
  kind: FailureKind,
  settings: FallbackSettings,
  tried: ReadonlySet<string> = new Set(),
  hops = 0,
): readonly string[] {
  const left = settings.maxFallbacks - hops;
  if (left <= 0) return NONE;
  const special =
    kind === 'context_window'
      ? settings.contextWindowFallbacks
      : kind === 'content_policy'
        ? settings.contentPolicyFallbacks
        : undefined;
  const targets =
    special && Object.keys(special).length > 0
      ? own(special, group)
      : (own(settings.fallbacks, group) ?? own(settings.fallbacks, '*') ?? settings.defaultFallbacks);
  if (!targets || targets.length === 0) return NONE;
  return targets.filter((target) => target !== group && !tried.has(target)).slice(0, left);
}

/** Group names come from callers: `constructor` must not find Object's. */
function own(
  table: Readonly<Record<string, readonly string[]>>,
  name: string,
): readonly string[] | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined;
}
