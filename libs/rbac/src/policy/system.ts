import type { RoutePolicy, RouteRows } from './route-policy.js';

const probe = {
  groups: ['public_routes'],
  access: 'public',
  ownership: 'none',
  reachesProvider: false,
  anyNetwork: true,
} as const satisfies RoutePolicy;

const meta = {
  groups: ['public_routes'],
  access: 'public',
  ownership: 'none',
  reachesProvider: false,
} as const satisfies RoutePolicy;

/** Probes, metrics and what the product says about itself. */
export const SYSTEM_ROUTES = {
  'GET /health/liveliness': probe,
  'GET /health/liveness': probe,
  'GET /health/readiness': probe,
  'GET /metrics': {
    groups: [],
    access: 'metrics',
    ownership: 'none',
    reachesProvider: false,
    mayBePublic: true,
  },
  'GET /': meta,
  'GET /routes': meta,
  'GET /openapi.json': meta,
  'GET /docs': meta,
  'GET /redoc': meta,
  'GET /test': meta,
} as const satisfies RouteRows;
