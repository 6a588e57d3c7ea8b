import { manage } from './manage.js';
import type { RouteRows } from './route-policy.js';

/** People and services. */
export const USER_ROUTES = {
  'POST /user/new': manage(['proxy_admin'], 'user.created'),
  'GET /user/info': {
    groups: ['info_routes', 'management_routes'],
    access: 'any_caller',
    ownership: 'own_user',
    reachesProvider: false,
  },
} as const satisfies RouteRows;
