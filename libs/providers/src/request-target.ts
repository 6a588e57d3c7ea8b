import type { Endpoint } from '#libs/kernel';
import { type Deployment, endpointUnsupported, providerUnsupported, serves } from '#libs/routing';
import { isHeaderName } from './header-name.js';

/** Where a call goes and what identifies us there; the same for every call of one deployment, endpoint and model. */
export interface RequestTarget {
  readonly origin: string;
  readonly path: string;
  /** Flat name, value list with the credential in it. */
  readonly headers: readonly string[];
}

const OPENAI_PATHS: Readonly<Record<Endpoint, string>> = {
  chat: '/chat/completions',
  completions: '/completions',
  embeddings: '/embeddings',
  responses: '/responses',
  messages: '/messages',
};
const DEFAULT_AZURE_API_VERSION = '2024-10-21';
const DEFAULT_ANTHROPIC_VERSION = '2023-06-01';
/** Wildcard deployments have as many models as callers invent. */
const MAX_TARGETS = 256;

const targets = new WeakMap<Deployment, Map<string, RequestTarget>>();

/** Throws `routing.provider_unsupported` when the deployment's wire has no such endpoint. */
export function requestTarget(
  deployment: Deployment,
  endpoint: Endpoint,
  upstreamModel: string,
): RequestTarget {
  let known = targets.get(deployment);
  if (!known) targets.set(deployment, (known = new Map()));
  const key = `${endpoint} ${upstreamModel}`;
  let target = known.get(key);
  if (!target) {
    target = makeTarget(deployment, endpoint, upstreamModel);
    if (known.size >= MAX_TARGETS) known.clear();
    known.set(key, target);
  }
  return target;
}

function makeTarget(deployment: Deployment, endpoint: Endpoint, upstreamModel: string): RequestTarget {
  if (!serves(deployment.wire, endpoint))
    throw endpointUnsupported(deployment.group, deployment.provider, endpoint);
  const base = new URL(deployment.apiBase);
  const basePath = base.pathname === '/' ? '' : base.pathname;
  return {
    origin: base.origin,
    path: pathOf(deployment, endpoint, upstreamModel, basePath),
    headers: Object.freeze(headersOf(deployment)),
  };
}

/** Where a realtime session of a deployment goes. Throws `routing.provider_unsupported` for a wire that has none. */
export function realtimeTarget(
  deployment: Deployment,
  upstreamModel: string,
): { readonly url: string; readonly headers: Readonly<Record<string, string>> } {
  if (deployment.wire !== 'openai') throw providerUnsupported(deployment.group, [deployment.provider]);
  const base = new URL(deployment.apiBase);
  base.protocol = base.protocol === 'http:' ? 'ws:' : 'wss:';
  const root = base.pathname.replace(/\/+$/, '');
  if (deployment.provider === 'azure') {
    base.pathname = `${root.replace(/\/openai(?:\/v1|\/deployments\/[^/]+)?$/, '')}/openai/realtime`;
    base.searchParams.set('api-version', deployment.apiVersion ?? DEFAULT_AZURE_API_VERSION);
    base.searchParams.set('deployment', upstreamModel);
  } else {
    base.pathname = `${root}/realtime`;
    base.searchParams.set('model', upstreamModel);
  }
  const flat = headersOf(deployment);
  const headers: Record<string, string> = {};
  for (let i = 0; i + 1 < flat.length; i += 2)
    if (flat[i] !== 'content-type') headers[flat[i] ?? ''] = flat[i + 1] ?? '';
  return { url: base.href, headers };
}

function pathOf(
  { wire, provider, apiVersion, apiBase }: Deployment,
  endpoint: Endpoint,
  upstreamModel: string,
  basePath: string,
): string {
  if (wire === 'anthropic') return `${basePath.replace(/\/v1(?:\/messages)?$/, '')}/v1/messages`;
  const path = OPENAI_PATHS[endpoint];
  if (provider === 'azure') {
    if (/\/openai\/v1$/.test(basePath))
      return (
        basePath + path + (apiVersion === undefined ? '' : `?api-version=${encodeURIComponent(apiVersion)}`)
      );
    const query = `?api-version=${encodeURIComponent(apiVersion ?? DEFAULT_AZURE_API_VERSION)}`;
    if (/\/openai\/deployments\/[^/]+$/.test(basePath)) return basePath + path + query;
    const root = basePath.replace(/\/openai$/, '');
    if (endpoint === 'responses') return `${root}/openai${path}${query}`;
    return `${root}/openai/deployments/${pathSegment(upstreamModel)}${path}${query}`;
  }
  if (provider === 'azure_ai') {
    const query = apiVersion === undefined ? '' : `?api-version=${encodeURIComponent(apiVersion)}`;
    const isFoundry = new URL(apiBase).hostname.endsWith('.services.ai.azure.com') && basePath === '';
    return isFoundry
      ? `/models${path}${query || '?api-version=2024-05-01-preview'}`
      : basePath + path + query;
  }
  return basePath + path;
}

/** Behind a wildcard callers choose the name: `..` must not walk to another resource of the account. */
function pathSegment(name: string): string {
  return /^\.+$/.test(name) ? '%2E'.repeat(name.length) : encodeURIComponent(name);
}

function headersOf(deployment: Deployment): string[] {
  const { apiKey, extraHeaders, organization, provider, wire } = deployment;
  const headers = ['content-type', 'application/json', 'user-agent', 'tollgate'];
  const secret = apiKey?.reveal();
  const own = (name: string): boolean => Object.hasOwn(extraHeaders, name);
  if (secret !== undefined && !own('authorization') && !own('api-key') && !own('x-api-key')) {
    // Entra tokens and Anthropic's OAuth tokens are bearers; keys have a header of their own there.
    const isBearerToken = /^(?:eyJ|sk-ant-oat)/.test(secret);
    if (provider === 'azure' || provider === 'azure_ai')
      headers.push(...(isBearerToken ? ['authorization', `Bearer ${secret}`] : ['api-key', secret]));
    else if (wire === 'anthropic' && !isBearerToken) headers.push('x-api-key', secret);
    else headers.push('authorization', `Bearer ${secret}`);
  }
  if (organization !== undefined) headers.push('openai-organization', organization);
  for (const [name, value] of Object.entries(extraHeaders)) {
    if (name !== 'content-type' && name !== 'user-agent' && name !== 'host' && name !== 'content-length')
      headers.push(name, value);
  }
  return headers;
}

/** The call's own headers behind the deployment's; the deployment's win, and an Anthropic call always names a version. */
export function withForwarded(
  target: RequestTarget,
  deployment: Deployment,
  forwarded: readonly (readonly [string, string])[],
): readonly string[] {
  if (forwarded.length === 0 && deployment.wire !== 'anthropic') return target.headers;
  const headers = [...target.headers];
  const has = (name: string): boolean => headers.some((header, index) => index % 2 === 0 && header === name);
  for (const [name, value] of forwarded) if (mayForward(name) && !has(name)) headers.push(name, value);
  if (deployment.wire === 'anthropic' && !has('anthropic-version'))
    headers.push('anthropic-version', DEFAULT_ANTHROPIC_VERSION);
  return headers;
}

/** Credentials, framing, and what says where a call came from. */
export const NEVER_FORWARDED: ReadonlySet<string> = new Set([
  'authorization',
  'x-api-key',
  'api-key',
  'x-goog-api-key',
  'x-litellm-api-key',
  'x-litellm-key',
  'cookie',
  'host',
  'connection',
  'keep-alive',
  'transfer-encoding',
  'content-length',
  'content-type',
  'content-encoding',
  'accept-encoding',
  'expect',
  'te',
  'trailer',
  'upgrade',
  'proxy-authorization',
  'proxy-connection',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-proto',
  'x-real-ip',
  'user-agent',
  'ocp-apim-subscription-key',
  'x-mcp-auth',
]);

function mayForward(name: string): boolean {
  return !NEVER_FORWARDED.has(name) && isHeaderName(name);
}

/** Which of the caller’s headers the operator lets through to providers. */
export interface ForwardingPolicy {
  readonly forwardClientHeaders: boolean;
  readonly forwardOpenAiOrganization: boolean;
  /** The configured credential header, lower-case. */
  readonly keyHeaderName?: string;
}

const NOTHING: readonly (readonly [string, string])[] = [];

/**
 * Which of the caller's headers (flat raw list) go upstream: Anthropic's version and beta flags for Anthropic deployments;
 * `x-*` without SDK noise when forwarding is on. Credentials never, whatever they are called.
 */
export function headersToForward(
  deployment: Deployment,
  rawHeaders: readonly string[],
  policy: ForwardingPolicy,
): readonly (readonly [string, string])[] {
  if (deployment.wire !== 'anthropic' && !policy.forwardClientHeaders && !policy.forwardOpenAiOrganization)
    return NOTHING;
  const out: (readonly [string, string])[] = [];
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = (rawHeaders[i] ?? '').toLowerCase();
    const isWanted =
      (deployment.wire === 'anthropic' && (name === 'anthropic-version' || name === 'anthropic-beta')) ||
      (policy.forwardOpenAiOrganization && name === 'openai-organization') ||
      (policy.forwardClientHeaders &&
        ((name.startsWith('x-') && !name.startsWith('x-stainless') && !name.startsWith('x-litellm')) ||
          name === 'anthropic-beta'));
    if (isWanted && name !== policy.keyHeaderName && mayForward(name))
      out.push([name, rawHeaders[i + 1] ?? '']);
  }
  return out;
}
