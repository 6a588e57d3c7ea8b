import type { RouteRows } from './route-policy.js';

const readTrail = {
  groups: ['management_routes'],
  access: ['proxy_admin', 'proxy_admin_viewer'],
  ownership: 'none',
  reachesProvider: false,
} as const;

const why = {
  groups: ['info_routes'],
  access: 'any_caller',
  ownership: 'own_decisions',
  reachesProvider: false,
} as const;

/** What was done, whether the record of it is whole, what is known of a person, and why somebody was refused. */
export const TRUST_ROUTES = {
  'GET /audit': readTrail,
  'GET /audit/export': readTrail,
  'GET /audit/verify': readTrail,
  'GET /audit/{id}': readTrail,
  'POST /privacy/export': { ...readTrail, access: ['proxy_admin'] },
  'POST /privacy/erase': { ...readTrail, access: ['proxy_admin'] },
  'GET /decisions/{id}': why,
  'POST /explain': why,
} as const satisfies RouteRows;
