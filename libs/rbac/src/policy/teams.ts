import { manage } from './manage.js';
import type { RouteRows } from './route-policy.js';

/** Teams and their members. */
export const TEAM_ROUTES = {
  'POST /team/new': manage(['proxy_admin', 'org_admin'], 'team.created'),
  'POST /team/block': manage(['proxy_admin', 'org_admin'], 'team.blocked'),
  'POST /team/unblock': manage(['proxy_admin', 'org_admin'], 'team.unblocked'),
  'GET /team/info': {
    groups: ['info_routes', 'management_routes'],
    access: 'any_caller',
    ownership: 'own_teams',
    reachesProvider: false,
  },
} as const satisfies RouteRows;
