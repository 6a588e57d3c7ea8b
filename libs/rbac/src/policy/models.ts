import { type RouteGroup, type RoutePolicy, type RouteRows, tellingDetail } from './route-policy.js';

const modelList = {
  groups: ['llm_api_routes', 'openai_routes', 'info_routes'],
  access: 'any_caller',
  ownership: 'visible_models',
  reachesProvider: false,
  mayBePublic: true,
} as const satisfies RoutePolicy;

const oneModel = {
  groups: ['llm_api_routes', 'model_info_routes', 'internal_user_routes'],
  access: 'any_caller',
  ownership: 'visible_models',
  reachesProvider: false,
  mayBePublic: true,
} as const satisfies RoutePolicy;

const counting = (...groups: RouteGroup[]) =>
  ({
    groups: ['llm_api_routes', ...groups],
    access: 'any_caller',
    ownership: 'visible_models',
    reachesProvider: false,
  }) as const satisfies RoutePolicy;

/** For everybody, and only what an operator chose to show everybody, or what is printed in price lists. */
const open = {
  groups: ['public_routes'],
  access: 'public',
  ownership: 'none',
  reachesProvider: false,
} as const satisfies RoutePolicy;

/** Models as their callers see them. */
export const MODEL_ROUTES = {
  'GET /v1/models': modelList,
  'GET /models': modelList,
  'GET /openai/v1/models': modelList,
  'GET /openai/models': modelList,
  'POST /utils/token_counter': counting('openai_routes'),
  'POST /v1/messages/count_tokens': counting('anthropic_routes'),
  'POST /anthropic/v1/messages/count_tokens': counting('anthropic_routes'),
  'POST /v1/responses/input_tokens': counting('openai_routes'),
  'POST /responses/input_tokens': counting('openai_routes'),
  'POST /openai/v1/responses/input_tokens': counting('openai_routes'),
  'GET /public/model_hub': open,
  'GET /public/model_hub/info': open,
  'GET /public/providers': open,
  'GET /public/litellm_model_cost_map': open,
  'GET /get/litellm_model_cost_map': open,
  ...tellingDetail({
    'GET /v1/models/{id}': oneModel,
    'GET /models/{id}': oneModel,
    'GET /openai/v1/models/{id}': oneModel,
  }),
} as const satisfies RouteRows;
