import type { Endpoint } from '#libs/kernel';
import type { RouteId } from '#libs/rbac';

export interface CompletionRoute {
  readonly policy: RouteId;
  readonly endpoint: Endpoint;
  /** From the path, when the path names the model (`/openai/deployments/{model}/…`). */
  readonly model?: string;
}

const EXACT: Readonly<Record<string, CompletionRoute>> = {
  '/v1/chat/completions': { policy: 'POST /v1/chat/completions', endpoint: 'chat' },
  '/chat/completions': { policy: 'POST /chat/completions', endpoint: 'chat' },
  '/queue/chat/completions': { policy: 'POST /queue/chat/completions', endpoint: 'chat' },
  '/openai/v1/chat/completions': { policy: 'POST /openai/v1/chat/completions', endpoint: 'chat' },
  '/v1/completions': { policy: 'POST /v1/completions', endpoint: 'completions' },
  '/completions': { policy: 'POST /completions', endpoint: 'completions' },
  '/openai/v1/completions': { policy: 'POST /openai/v1/completions', endpoint: 'completions' },
  '/v1/embeddings': { policy: 'POST /v1/embeddings', endpoint: 'embeddings' },
  '/embeddings': { policy: 'POST /embeddings', endpoint: 'embeddings' },
  '/openai/v1/embeddings': { policy: 'POST /openai/v1/embeddings', endpoint: 'embeddings' },
  '/v1/responses': { policy: 'POST /v1/responses', endpoint: 'responses' },
  '/responses': { policy: 'POST /responses', endpoint: 'responses' },
  '/openai/v1/responses': { policy: 'POST /openai/v1/responses', endpoint: 'responses' },
  '/openai/responses': { policy: 'POST /openai/responses', endpoint: 'responses' },
  '/v1/messages': { policy: 'POST /v1/messages', endpoint: 'messages' },
  '/anthropic/v1/messages': { policy: 'POST /anthropic/v1/messages', endpoint: 'messages' },
};

const WITH_MODEL: readonly {
  readonly prefix: string;
  readonly suffix: string;
  readonly policy: RouteId;
  readonly endpoint: Endpoint;
}[] = [
  ['/openai/deployments/', '/chat/completions', 'POST /openai/deployments/{model}/chat/completions', 'chat'],
  ['/openai/deployments/', '/completions', 'POST /openai/deployments/{model}/completions', 'completions'],
  ['/openai/deployments/', '/embeddings', 'POST /openai/deployments/{model}/embeddings', 'embeddings'],
  ['/openai/deployments/', '/responses', 'POST /openai/deployments/{model}/responses', 'responses'],
  ['/engines/', '/chat/completions', 'POST /engines/{model}/chat/completions', 'chat'],
  ['/engines/', '/completions', 'POST /engines/{model}/completions', 'completions'],
  ['/engines/', '/embeddings', 'POST /engines/{model}/embeddings', 'embeddings'],
].map(([prefix, suffix, policy, endpoint]) => ({
  prefix: prefix as string,
  suffix: suffix as string,
  policy: policy as RouteId,
  endpoint: endpoint as Endpoint,
}));

/**
 * The completion route a request line names, or undefined. Exact and case-sensitive, on the path as it came: a route
 * that only a decoder or a normaliser could see does not exist, so no policy can hang on it.
 */
export function matchCompletionRoute(method: string | undefined, url: string): CompletionRoute | undefined {
  if (method !== 'POST') return undefined;
  const query = url.indexOf('?');
  const path = query === -1 ? url : url.slice(0, query);
  return EXACT[path] ?? matchWithModel(path);
}

/** The completion route of a row of the policy table; `model` for those whose path names it. Undefined for every other row. */
export function completionRouteOf(policy: RouteId, model: string | undefined): CompletionRoute | undefined {
  const exact = Object.values(EXACT).find((route) => route.policy === policy);
  if (exact) return exact;
  const named = WITH_MODEL.find((route) => route.policy === policy);
  return named && { policy, endpoint: named.endpoint, ...(model === undefined ? {} : { model }) };
}

function matchWithModel(path: string): CompletionRoute | undefined {
  if (!path.startsWith('/openai/deployments/') && !path.startsWith('/engines/')) return undefined;
  for (const { prefix, suffix, policy, endpoint } of WITH_MODEL) {
    if (!path.startsWith(prefix) || !path.endsWith(suffix)) continue;
    const model = decodeModel(path.slice(prefix.length, -suffix.length));
    if (model !== undefined) return { policy, endpoint, model };
  }
  return undefined;
}

/** Model names may hold slashes (`openai/gpt-4o`); an encoded one is the same name. Undefined when it cannot be decoded. */
function decodeModel(segment: string): string | undefined {
  if (segment === '' || segment.startsWith('/') || segment.includes('//')) return undefined;
  try {
    return decodeURIComponent(segment);
  } catch (_malformed) {
    return undefined;
  }
}
