import { manage } from './manage.js';
import type { RoutePolicy, RouteRows } from './route-policy.js';

const ADMIN = ['proxy_admin'] as const;

const read = {
  groups: ['management_routes'],
  access: ['proxy_admin', 'proxy_admin_viewer'],
  ownership: 'none',
  reachesProvider: false,
} as const satisfies RoutePolicy;

/** Roles of the operator's own. */
export const ROLE_ROUTES = {
  'POST /role/new': manage(ADMIN, 'role.created'),
  'POST /role/update': manage(ADMIN, 'role.updated'),
  'POST /role/delete': manage(ADMIN, 'role.deleted'),
  'GET /role/info': read,
  'GET /role/list': read,
} as const satisfies RouteRows;
