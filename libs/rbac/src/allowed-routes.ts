import { policyOf, ROUTE_GROUPS, type RouteGroup, type RouteId } from './policy.js';

const GROUP_NAMES: ReadonlySet<string> = new Set(ROUTE_GROUPS);

/** The path of a route as the table writes it: `/key/{key}/regenerate`. */
export function pathOf(route: RouteId): string {
  return route.slice(route.indexOf(' ') + 1);
}

/** How an entry of `allowed_routes` came to match: a group or `*` restricts, a path also grants (contract 6.4, branch 10). */
export type RouteMatch = 'path' | 'group' | 'any';

/**
 * Finds the first entry that admits the route: a group name, `*`, a path, a path above it, or a prefix ending in `*`.
 * Entries are compared with the matched row's own path, never with the URL, so no spelling of a URL can slip through;
 * an entry may write `{anything}` for a variable segment, and a literal there matches nothing.
 */
export function findMatch(entries: readonly string[], route: RouteId): RouteMatch | undefined {
  let found: RouteMatch | undefined;
  for (const entry of entries) {
    const match = matchOne(entry, route);
    // A path says most: it also grants.
    if (match === 'path') return match;
    found ??= match;
  }
  return found;
}

function matchOne(entry: string, route: RouteId): RouteMatch | undefined {
  if (entry === '*' || entry === '/*') return 'any';
  if (GROUP_NAMES.has(entry))
    return policyOf(route).groups.includes(entry as RouteGroup) ? 'group' : undefined;
  return pathCovers(entry, pathOf(route)) ? 'path' : undefined;
}

/** Whether `entry` is `path`, a whole-segment ancestor of it, or a `*` prefix of it. */
export function pathCovers(entry: string, path: string): boolean {
  if (!entry.startsWith('/') || entry === '/') return entry === path;
  const wildcard = entry.endsWith('*');
  const stem = wildcard ? entry.slice(0, -1) : entry;
  const trimmed = stem.endsWith('/') ? stem.slice(0, -1) : stem;
  const wanted = trimmed.split('/');
  const actual = path.split('/');
  if (wanted.length > actual.length) return false;
  return wanted.every((segment, index) => {
    const real = actual[index] ?? '';
    const last = index === wanted.length - 1;
    if (last && wildcard && !stem.endsWith('/')) return real.startsWith(segment);
    return segment === real || (segment.startsWith('{') && real.startsWith('{'));
  });
}
