import type { RoutePolicy, RouteRows } from './route-policy.js';

/** Where people are before they are anybody. */
const open = {
  groups: ['public_routes'],
  access: 'public',
  ownership: 'none',
  reachesProvider: false,
} as const satisfies RoutePolicy;

/** Single sign-on with SAML 2.0. */
export const SAML_ROUTES = {
  'GET /sso/saml/login': open,
  'GET /sso/saml/metadata': open,
  'POST /sso/saml/callback': open,
} as const satisfies RouteRows;
