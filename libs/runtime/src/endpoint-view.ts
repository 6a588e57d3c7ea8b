import { hash } from 'node:crypto';
import type { PassThroughEndpoint } from '#libs/config';
import { type GatewayError, isSecretName, Secret, usdNumber } from '#libs/kernel';
import { badField } from './refusals.js';
import type { OpenEndpoint } from './runtime-store.js';

/** Stands for what is not shown. Sent back, it means: as it is. */
export const MASK = '*****';

/** A pass-through endpoint as administrators see it: nothing in it that a target would take for a credential. */
export interface EndpointView {
  readonly id: string;
  readonly path: string;
  readonly target: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, string>>;
  /** The other settings, in the words of the file. */
  readonly settings: Readonly<Record<string, unknown>>;
  readonly source: 'config' | 'db';
}

export function viewOfFile(endpoint: PassThroughEndpoint): EndpointView {
  const { origin, path, query } = endpoint.target;
  return {
    id: idOfFile(endpoint),
    path: endpoint.path,
    target: shownTarget(origin + path),
    headers: shownPairs(endpoint.headers),
    query: shownPairs(query),
    settings: {
      include_subpath: endpoint.includeSubpath,
      methods: endpoint.methods,
      cost_per_request: endpoint.costNanoUsd === undefined ? null : usdNumber(endpoint.costNanoUsd),
      auth: endpoint.requiresCaller,
      rpm_limit: endpoint.requestsPerMinute ?? null,
    },
    source: 'config',
  };
}

export function viewOfStored({ row, written }: OpenEndpoint): EndpointView {
  const { headers, default_query_params: query, target } = written;
  return {
    id: row.id,
    path: row.path,
    target: shownTarget(String(target)),
    headers: maskedHeaders(textsOf(headers)),
    query: maskedQuery(textsOf(query)),
    settings: row.settings,
    source: 'db',
  };
}

/** Made from the path, so that it is the same on every replica and after every start. */
export function idOfFile({ path }: PassThroughEndpoint): string {
  return hash('sha256', path).slice(0, 16);
}

/** What was sent, with what the masks in it stand for. Throws 400 for a mask that stands for nothing. */
export function unmasked(
  sent: Readonly<Record<string, unknown>>,
  current: OpenEndpoint | undefined,
): Record<string, unknown> {
  const known = current?.written ?? {};
  const result: Record<string, unknown> = { ...sent };
  for (const field of ['headers', 'default_query_params'] as const) {
    if (sent[field] === undefined) continue;
    const before = textsOf(known[field]);
    result[field] = Object.fromEntries(
      Object.entries(textsOf(sent[field])).map(([name, value]) => {
        if (value !== MASK) return [name, value];
        if (before[name] === undefined) throw meaningless(`${field}.${name}`);
        return [name, before[name]];
      }),
    );
  }
  const { target } = sent;
  if (typeof target === 'string' && target.includes(MASK)) {
    if (current === undefined || target !== viewOfStored(current).target) throw meaningless('target');
    result['target'] = known['target'];
  }
  return result;
}

function meaningless(field: string): GatewayError {
  return badField(field, ` holds ${MASK}, which stands for no value here.`);
}

/** Some addresses are secrets themselves: https://hooks.example/services/T0/B0/XXXXXXXX. */
function shownTarget(text: string): string {
  if (/^os\.environ\/\w+$/.test(text)) return text;
  if (!URL.canParse(text)) return MASK;
  const { origin, pathname, search } = new URL(text);
  const path = pathname.replace(/\/+$/, '').replace(/(?<=\/)[^/]{17,}/g, MASK);
  return origin + path + (search === '' ? '' : `?${MASK}`);
}

/** Headers that say nothing secret, and the member that names the header of the callers' keys. */
const OPEN_HEADERS = new Set([
  'accept',
  'accept-language',
  'content-type',
  'user-agent',
  'litellm_user_api_key',
]);

function maskedHeaders(headers: Readonly<Record<string, string>>): Record<string, string> {
  return mapped(headers, (name, value) => (OPEN_HEADERS.has(name.trim().toLowerCase()) ? value : MASK));
}

function maskedQuery(query: Readonly<Record<string, string>>): Record<string, string> {
  return mapped(query, (name, value) => (isSecretName(name) ? MASK : value));
}

function mapped(
  texts: Readonly<Record<string, string>>,
  shown: (name: string, value: string) => string,
): Record<string, string> {
  return Object.fromEntries(Object.entries(texts).map(([name, value]) => [name, shown(name, value)]));
}

function shownPairs(pairs: readonly (readonly [string, string | Secret])[]): Record<string, string> {
  return Object.fromEntries(pairs.map(([name, value]) => [name, value instanceof Secret ? MASK : value]));
}

function textsOf(value: unknown): Record<string, string> {
  return Object.fromEntries(
    Object.entries((value ?? {}) as Record<string, unknown>).map(([name, one]) => [name, String(one)]),
  );
}
