import type { RoutePolicy, RouteRows } from './route-policy.js';

/** Where people are before they are anybody. */
const open = {
  groups: ['public_routes'],
  access: 'public',
  ownership: 'none',
  reachesProvider: false,
} as const satisfies RoutePolicy;

/** What everybody does about itself. */
const own = {
  groups: ['management_routes', 'info_routes'],
  access: 'any_caller',
  ownership: 'own_user',
  reachesProvider: false,
} as const satisfies RoutePolicy;

/** Signing in and out with a browser or the command line, and the page for people who are signed in. */
export const SIGN_IN_ROUTES = {
  'GET /ui/': open,
  'GET /ui/password': open,
  'POST /ui/password': open,
  'GET /sso/key/generate': open,
  'GET /fallback/login': open,
  'POST /login': open,
  'POST /v2/login': open,
  'GET /logout': open,
  'POST /logout': open,
  'POST /session/logout': own,
  'GET /session/info': own,
  'POST /user/password/change': { ...own, audits: 'user.updated' },
  'GET /onboarding/get_token': open,
  'POST /onboarding/claim_token': open,
  'POST /onboarding/claim': open,
  'GET /.well-known/litellm-ui-config': open,
  'GET /litellm/.well-known/litellm-ui-config': open,
  'GET /sso/get/ui_settings': { ...own, ownership: 'none' },
  'POST /sso/cli/start': open,
  'GET /sso/cli/poll/{id}': open,
  'POST /sso/cli/complete/{id}': open,
} as const satisfies RouteRows;
