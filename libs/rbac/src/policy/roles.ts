import { ADMINISTRATORS_LOOK, manage } from './manage.js';
import type { RouteRows } from './route-policy.js';

const ADMIN = ['proxy_admin'] as const;

/** Roles of the operator's own. */
export const ROLE_ROUTES = {
  'POST /role/new': manage(ADMIN, 'role.created'),
  'POST /role/update': manage(ADMIN, 'role.updated'),
  'POST /role/delete': manage(ADMIN, 'role.deleted'),
  'GET /role/info': ADMINISTRATORS_LOOK,
  'GET /role/list': ADMINISTRATORS_LOOK,
} as const satisfies RouteRows;
