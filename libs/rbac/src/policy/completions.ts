import type { RouteGroup, RoutePolicy, RouteRows } from './route-policy.js';

const llm = (...groups: RouteGroup[]) =>
  ({
    groups: ['llm_api_routes', ...groups],
    access: 'any_caller',
    ownership: 'none',
    reachesProvider: true,
  }) as const satisfies RoutePolicy;

const openAi = llm('openai_routes');
const anthropic = llm('anthropic_routes');

/** Calls to models. */
export const COMPLETION_ROUTES = {
  'POST /v1/chat/completions': openAi,
  'POST /chat/completions': openAi,
  'POST /engines/{model}/chat/completions': openAi,
  'POST /queue/chat/completions': openAi,
  'POST /openai/deployments/{model}/chat/completions': openAi,
  'POST /openai/v1/chat/completions': openAi,
  'POST /v1/completions': openAi,
  'POST /completions': openAi,
  'POST /engines/{model}/completions': openAi,
  'POST /openai/deployments/{model}/completions': openAi,
  'POST /openai/v1/completions': openAi,
  'POST /v1/embeddings': openAi,
  'POST /embeddings': openAi,
  'POST /engines/{model}/embeddings': openAi,
  'POST /openai/deployments/{model}/embeddings': openAi,
  'POST /openai/v1/embeddings': openAi,
  'POST /v1/responses': openAi,
  'POST /responses': openAi,
  'POST /openai/v1/responses': openAi,
  'POST /openai/responses': openAi,
  'POST /openai/deployments/{model}/responses': openAi,
  'POST /v1/messages': anthropic,
  'POST /anthropic/v1/messages': anthropic,
} as const satisfies RouteRows;
