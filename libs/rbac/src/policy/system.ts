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

const metrics = {
  groups: [],
  access: 'metrics',
  ownership: 'none',
  reachesProvider: false,
  mayBePublic: true,
} as const satisfies RoutePolicy;

const detail = {
  groups: ['info_routes'],
  access: 'any_caller',
  ownership: 'none',
  reachesProvider: false,
} as const satisfies RoutePolicy;

/** Probes, metrics and what the product says about itself. */
export const SYSTEM_ROUTES = {
  'GET /health/liveliness': probe,
  'GET /health/liveness': probe,
  'GET /health/readiness': probe,
  'GET /metrics': metrics,
  // Where scrape configurations of the contract look.
  'GET /metrics/': metrics,
  'GET /': meta,
  'GET /routes': meta,
  'GET /openapi.json': meta,
  'GET /docs': meta,
  'GET /redoc': meta,
  'GET /test': meta,
  'GET /health/readiness/details': detail,
  'GET /health/license': detail,
  'GET /cache/ping': { ...detail, access: ['proxy_admin', 'proxy_admin_viewer'] },
  'GET /guardrails/list': detail,
  'GET /v2/guardrails/list': detail,
  'GET /utils/supported_openai_params': detail,
} as const satisfies RouteRows;
