import type { RoutePolicy, RouteRows } from './route-policy.js';

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

/** Models as their callers see them. */
export const MODEL_ROUTES = {
  'GET /v1/models': modelList,
  'GET /models': modelList,
  'GET /v1/models/{id}': oneModel,
  'GET /models/{id}': oneModel,
} as const satisfies RouteRows;
