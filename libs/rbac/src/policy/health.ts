import type { RoutePolicy, RouteRows } from './route-policy.js';

/** Asks providers, so it costs money: for those who answer for it. */
const live = {
  groups: ['info_routes'],
  access: ['proxy_admin'],
  ownership: 'none',
  reachesProvider: true,
} as const satisfies RoutePolicy;

/** Whether models answer. */
export const HEALTH_ROUTES = {
  'GET /health': live,
  'POST /health/test_connection': live,
  'GET /health/services': { ...live, reachesProvider: false },
  'GET /health/backlog': { ...live, access: 'any_caller', reachesProvider: false },
} as const satisfies RouteRows;
