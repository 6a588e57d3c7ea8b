import { ADMINISTRATORS_LOOK } from './manage.js';
import type { RoutePolicy, RouteRows } from './route-policy.js';

const open = {
  groups: ['public_routes'],
  access: 'public',
  ownership: 'none',
  reachesProvider: false,
} as const satisfies RoutePolicy;

/** Single sign-on at an OpenID provider: where browsers come back to, and what administrators see of it. */
export const SSO_ROUTES = {
  'GET /sso/callback': open,
  'GET /sso/debug/login': open,
  'GET /sso/debug/callback': open,
  'GET /sso/readiness': { ...ADMINISTRATORS_LOOK, access: 'any_caller' },
  'GET /get/sso_settings': ADMINISTRATORS_LOOK,
  'PATCH /update/sso_settings': { ...ADMINISTRATORS_LOOK, access: ['proxy_admin'] },
} as const satisfies RouteRows;
