import type { PassThroughEndpoint } from '#libs/config';
import { GatewayError } from '#libs/kernel';

/** RFC 3986 `pchar` without `;`, which some servers take for the end of a segment. */
const SEGMENT = /^(?:[A-Za-z0-9\-._~!$&'()*+,=:@]|%[0-9A-Fa-f]{2})+$/;
const UNRESERVED = /[A-Za-z0-9\-._~]/;
/** Decoded, these end a segment, start an escape or mean nothing good: a target that decodes twice would go elsewhere. */
const UNSAFE_DECODED = /[/\\%;?#\s]|[^\x20-\x7e\u00a0-\uffff]/;
const QUERY = /^[\x21\x24-\x7e]*$/;

/** The endpoint a path belongs to: its own path, or below it where it takes what is below. */
export function endpointOf(
  endpoints: readonly PassThroughEndpoint[],
  path: string,
): PassThroughEndpoint | undefined {
  for (const endpoint of endpoints) {
    if (path === endpoint.path) return endpoint;
    if (endpoint.includeSubpath && path.startsWith(endpoint.path) && path[endpoint.path.length] === '/')
      return endpoint;
  }
  return undefined;
}

/**
 * Where a call goes below the endpoint's target. `path` belongs to the endpoint (`endpointOf`). Throws `request.invalid` for
 * a path that another reader could understand differently than we do: empty or dot segments, encoded slashes and dots,
 * escapes of escapes, characters escaped without need. What remains has one spelling, so a list of denied paths means what
 * it says, and nothing a caller writes leads out of the target.
 */
export function targetPathOf({ path: mount, target }: PassThroughEndpoint, path: string): string {
  const below = path.slice(mount.length);
  const segments = below.split('/').slice(1);
  for (const [index, segment] of segments.entries()) {
    const isTrailingSlash = segment === '' && index === segments.length - 1;
    if (!isTrailingSlash && !isPlain(segment)) throw unclear();
  }
  const joined = target.path + below;
  return joined === '' ? '/' : joined;
}

function isPlain(segment: string): boolean {
  if (!SEGMENT.test(segment) || /^\.+$/.test(segment)) return false;
  for (const [escape] of segment.matchAll(/%[0-9A-Fa-f]{2}/g))
    // One spelling for each path: what needs no escape has none, and escapes are in capitals.
    if (
      escape !== escape.toUpperCase() ||
      UNRESERVED.test(String.fromCharCode(parseInt(escape.slice(1), 16)))
    )
      return false;
  try {
    return !UNSAFE_DECODED.test(decodeURIComponent(segment).replaceAll(' ', ''));
  } catch (_malformed) {
    return false;
  }
}

/**
 * The query of the call: the target's own parameters, and the caller's others as they came. A parameter of the target's name
 * is the target's, however it is spelt, and one that holds the caller's credential stays here.
 */
export function targetQueryOf(
  { target }: PassThroughEndpoint,
  query: string,
  credential: string | undefined,
): string {
  if (!QUERY.test(query)) throw unclear();
  const own = target.query.map(([name, value]) => [name, typeof value === 'string' ? value : value.reveal()]);
  const names = new Set(own.map(([name]) => name));
  const kept = query.split('&').filter((pair) => {
    if (pair === '') return false;
    const at = pair.indexOf('=');
    const name = decoded(at < 0 ? pair : pair.slice(0, at));
    const value = at < 0 ? '' : decoded(pair.slice(at + 1));
    return !names.has(name) && (credential === undefined || !value.includes(credential));
  });
  const all = [...own.map((pair) => pair.map((part) => encodeURIComponent(part ?? '')).join('=')), ...kept];
  return all.length === 0 ? '' : `?${all.join('&')}`;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch (_malformed) {
    throw unclear();
  }
}

function unclear(): GatewayError {
  return new GatewayError('request.invalid', 'This path or query can be read in more than one way.', {
    param: 'path',
  });
}
