import type { Role } from '#libs/kernel';
import { findMatch, pathCovers } from './allowed-routes.js';
import { POLICY, policyOf, type RouteId } from './policy.js';

export interface EmptyEntry {
  readonly entry: string;
  /** `unknown`: no route is called that. `closed`: its routes are not open to the role's base, and no list opens them. */
  readonly why: 'unknown' | 'closed';
}

/**
 * The entries of a role's routes that would give it nothing, standing on `base`: a role only narrows, so a path that its base does
 * not reach stays shut. `passThrough`: paths of the operator's own endpoints, which no table lists.
 */
export function emptyEntries(
  base: Role,
  entries: readonly string[],
  passThrough: readonly string[],
): EmptyEntry[] {
  return entries.flatMap((entry): EmptyEntry[] => {
    if (passThrough.some((path) => pathCovers(entry, path) || pathCovers(path, entry))) return [];
    const named = (Object.keys(POLICY) as RouteId[]).filter(
      (route) => findMatch([entry], route) !== undefined,
    );
    if (named.length === 0) return [{ entry, why: 'unknown' }];
    return named.some((route) => isOpenTo(base, route)) ? [] : [{ entry, why: 'closed' }];
  });
}

function isOpenTo(role: Role, route: RouteId): boolean {
  const { access } = policyOf(route);
  return typeof access === 'string' || access.includes(role);
}
