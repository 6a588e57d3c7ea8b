import { manage } from './manage.js';
import { delegated, ownRead } from './people.js';
import { type RouteRows, tellingDetail } from './route-policy.js';

/** People and services. */
export const USER_ROUTES = {
  'POST /user/new': delegated('own_organizations', 'user.created'),
  'POST /user/update': delegated('own_people', 'user.updated'),
  'GET /user/info': ownRead('own_user', 'info_routes'),
  'GET /v2/user/info': ownRead('own_user', 'info_routes'),
  'GET /user/get_users': ownRead('own_people'),
  'GET /user/filter/ui': ownRead('own_people', 'info_routes'),
  'GET /user/available_roles': ownRead('none'),
  'GET /user/available_users': ownRead('none'),
  'POST /user/auth': { groups: [], access: 'any_caller', ownership: 'none', reachesProvider: false },
  ...tellingDetail({
    'POST /user/bulk_update': manage(['proxy_admin'], 'user.updated'),
    'POST /user/delete': delegated('own_people', 'user.deleted'),
    'GET /user/list': ownRead('own_people'),
  }),
} as const satisfies RouteRows;
