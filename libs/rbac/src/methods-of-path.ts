import { POLICY, type RouteId, routerPathOf } from './policy.js';

const PATTERNS = (Object.keys(POLICY) as RouteId[]).map((route) => {
  const { method, path } = routerPathOf(route);
  const pattern = path.replace('{/}', '/?').replaceAll(/:\w+/g, '[^/]+').replaceAll('.', '\\.');
  return { method, pattern: new RegExp(`^${pattern}$`) };
});

/** The methods under which the policy table knows a path; empty for a path that nobody serves. For answers to mistakes: not quick. */
export function methodsOfPath(path: string): string[] {
  return [...new Set(PATTERNS.filter(({ pattern }) => pattern.test(path)).map(({ method }) => method))];
}
