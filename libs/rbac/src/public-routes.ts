import {
  type Config,
  ConfigError,
  type ConfigProblem,
  type EndpointPlace,
  type PassThroughEndpoint,
} from '#libs/config';
import { pathOf } from './allowed-routes.js';
import { POLICY, policyOf, ROUTE_GROUPS, type RouteGroup, type RouteId } from './policy.js';

/** What `general_settings.public_routes` opens beyond what is public anyway. */
export interface Openings {
  readonly routes: ReadonlySet<RouteId>;
  readonly passThrough: ReadonlySet<PassThroughEndpoint>;
}

/** The settings that open something. */
type Opened = Pick<Config, 'auth' | 'passThrough'>;

/** How LiteLLM's documentation writes the names of groups. */
const GROUP_PREFIX = 'LiteLLMRoutes.';
/** More names than this make a sentence unreadable. */
const MOST_NAMED = 6;

/**
 * The routes an operator opens: names of groups, exact paths, and prefixes that end in `*`. Pure; what may not be opened
 * (`mayBePublic` of its row says) is among them, so that `assertOpeningsSafe` can name it.
 */
export function openingsOf({ auth, passThrough }: Opened): Openings {
  const routes = new Set<RouteId>();
  const endpoints = new Set<PassThroughEndpoint>();
  for (const entry of auth.publicRoutes ?? []) {
    for (const route of Object.keys(POLICY) as RouteId[])
      if (policyOf(route).access !== 'public' && opens(entry, pathOf(route), policyOf(route).groups))
        routes.add(route);
    for (const endpoint of passThrough) if (opens(entry, endpoint.path, [])) endpoints.add(endpoint);
  }
  return { routes, passThrough: endpoints };
}

function opens(entry: string, path: string, groups: readonly RouteGroup[]): boolean {
  const name = entry.startsWith(GROUP_PREFIX) ? entry.slice(GROUP_PREFIX.length) : entry;
  const group = ROUTE_GROUPS.find((one) => one === name);
  if (group !== undefined) return groups.includes(group);
  return entry.endsWith('*') ? path.startsWith(entry.slice(0, -1)) : path === entry;
}

/**
 * Throws, naming the setting and the routes, when the configuration would open what needs a caller (whatever changes, shows
 * somebody's rows or reaches a provider), or puts a pass-through endpoint on a path that is taken.
 */
export function assertOpeningsSafe(config: Config): void {
  const problems = findUnsafeOpenings(config);
  if (problems.length > 0) throw new ConfigError(problems);
}

/** The same, told and not thrown: for `tollgate config check`. */
export function findUnsafeOpenings(config: Opened): ConfigProblem[] {
  return [...unsafeOpenings(config), ...takenPaths(config)];
}

function unsafeOpenings(config: Opened): ConfigProblem[] {
  const { routes, passThrough } = openingsOf(config);
  const problems: ConfigProblem[] = [];
  const closed = [...routes].filter((route) => policyOf(route).mayBePublic !== true);
  if (closed.length > 0) {
    const named = closed.slice(0, MOST_NAMED).join(', ');
    const more = closed.length > MOST_NAMED ? ` and ${closed.length - MOST_NAMED} more` : '';
    problems.push({
      path: 'general_settings.public_routes',
      message: `would open to everybody what only a known caller may do: ${named}${more}. Name the paths that are meant, without these.`,
    });
  }
  for (const { path, requestsPerMinute } of passThrough)
    if (requestsPerMinute === undefined)
      problems.push({
        path: 'general_settings.public_routes',
        message: `opens the pass-through endpoint ${path} to everybody, with the credentials written on it: set its rpm_limit, so that there is an end to it.`,
      });
  return problems;
}

function takenPaths({ passThrough }: Opened): ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  for (const endpoint of passThrough) {
    const rival = routeInTheWayOf(endpoint);
    if (rival !== undefined)
      problems.push({
        path: 'general_settings.pass_through_endpoints',
        message: `${endpoint.path} stands in the way of ${rival}: choose another path.`,
      });
  }
  return problems;
}

/** A route of ours whose path lies on the endpoint's; undefined: the path is free. */
export function routeInTheWayOf(endpoint: EndpointPlace): RouteId | undefined {
  return (Object.keys(POLICY) as RouteId[]).find((route) => collides(endpoint, pathOf(route)));
}

function collides({ path, includeSubpath }: EndpointPlace, taken: string): boolean {
  if (includeSubpath && (taken === path || taken.startsWith(`${path}/`))) return true;
  // `/v1/models/{id}` is taken whatever stands for the id, and what lies below a taken segment is its own.
  const [mine, theirs] = [path.split('/'), taken.split('/')];
  if (includeSubpath ? mine.length > theirs.length : mine.length !== theirs.length) return false;
  return mine.every((segment, index) => segment === theirs[index] || theirs[index]?.startsWith('{') === true);
}
