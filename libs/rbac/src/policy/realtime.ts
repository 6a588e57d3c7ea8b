import type { RoutePolicy, RouteRows } from './route-policy.js';

const realtime = {
  groups: ['llm_api_routes', 'openai_routes'],
  access: 'any_caller',
  ownership: 'none',
  reachesProvider: true,
} as const satisfies RoutePolicy;

/** Sessions over a WebSocket. */
export const REALTIME_ROUTES = {
  'GET /v1/realtime': realtime,
  'GET /realtime': realtime,
  'GET /openai/v1/realtime': realtime,
} as const satisfies RouteRows;
