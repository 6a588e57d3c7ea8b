import { manage } from './manage.js';
import type { RoutePolicy, RouteRows } from './route-policy.js';

const ADMIN = ['proxy_admin'] as const;

const read = {
  groups: ['management_routes'],
  access: ['proxy_admin', 'proxy_admin_viewer'],
  ownership: 'none',
  reachesProvider: false,
} as const satisfies RoutePolicy;

/** Claims of signed tokens that stand for virtual keys. */
export const JWT_KEY_MAPPING_ROUTES = {
  'POST /jwt/key/mapping/new': manage(ADMIN, 'jwt_key_mapping.created'),
  'POST /jwt/key/mapping/update': manage(ADMIN, 'jwt_key_mapping.updated'),
  'POST /jwt/key/mapping/delete': manage(ADMIN, 'jwt_key_mapping.deleted'),
  'GET /jwt/key/mapping/list': read,
  'GET /jwt/key/mapping/info': read,
} as const satisfies RouteRows;
