import { ACCESS_GROUP_ROUTES } from './policy/access-groups.js';
import { CREDENTIAL_ROUTES } from './policy/credentials.js';
import { MODEL_MANAGEMENT_ROUTES } from './policy/model-management.js';
import { SETTING_ROUTES } from './policy/settings.js';
import { COMPLETION_ROUTES } from './policy/completions.js';
import { JWT_KEY_MAPPING_ROUTES } from './policy/jwt-key-mappings.js';
import { HEALTH_ROUTES } from './policy/health.js';
import { KEY_ROUTES } from './policy/keys.js';
import { MODEL_ROUTES } from './policy/models.js';
import { MONEY_ROUTES } from './policy/money.js';
import { ORGANIZATION_ROUTES } from './policy/organizations.js';
import { PROJECT_ROUTES } from './policy/projects.js';
import { REALTIME_ROUTES } from './policy/realtime.js';
import { ROLE_ROUTES } from './policy/roles.js';
import type { RoutePolicy, RouteRows } from './policy/route-policy.js';
import { SAML_ROUTES } from './policy/saml.js';
import { SCIM_ROUTES } from './policy/scim.js';
import { SIGN_IN_ROUTES } from './policy/sign-in.js';
import { SPEND_ROUTES } from './policy/spend.js';
import { SSO_ROUTES } from './policy/sso.js';
import { SYSTEM_ROUTES } from './policy/system.js';
import { TEAM_ROUTES } from './policy/teams.js';
import { TRUST_ROUTES } from './policy/trust.js';
import { USER_ROUTES } from './policy/users.js';

/**
 * Every route of the product and who may call it, in one table, a file for each noun: guards, documents and tests are made from it. A handler
 * names its row with `@Handles(...)`; a handler without a row is refused at run time and stops the start.
 * `{x}` stands for one path segment.
 */
export const POLICY = {
  ...COMPLETION_ROUTES,
  ...REALTIME_ROUTES,
  ...MODEL_ROUTES,
  ...MODEL_MANAGEMENT_ROUTES,
  ...CREDENTIAL_ROUTES,
  ...ACCESS_GROUP_ROUTES,
  ...SETTING_ROUTES,
  ...HEALTH_ROUTES,
  ...KEY_ROUTES,
  ...JWT_KEY_MAPPING_ROUTES,
  ...USER_ROUTES,
  ...ROLE_ROUTES,
  ...TEAM_ROUTES,
  ...ORGANIZATION_ROUTES,
  ...PROJECT_ROUTES,
  ...MONEY_ROUTES,
  ...SAML_ROUTES,
  ...SCIM_ROUTES,
  ...SPEND_ROUTES,
  ...SSO_ROUTES,
  ...SYSTEM_ROUTES,
  ...TRUST_ROUTES,
  ...SIGN_IN_ROUTES,
} as const satisfies RouteRows;

export { ROUTE_GROUPS, type RouteGroup, type RoutePolicy } from './policy/route-policy.js';

/** Names a row of the table: `POST /key/generate`. */
export type RouteId = keyof typeof POLICY;

/** The row of a route, in the table's general type. */
export function policyOf(route: RouteId): RoutePolicy {
  return POLICY[route];
}

/** Whether clients of the route read `detail` when it fails; false for what is no row of the table. */
export function tellsDetail(route: string): boolean {
  return route in POLICY && policyOf(route as RouteId).tellsDetail === true;
}

/** `POST /key/{key}/regenerate` as method and router path: `POST`, `/key/:key/regenerate`. A slash at the end may be left out: `GET /ui/`. */
export function routerPathOf(route: RouteId): { method: string; path: string } {
  const space = route.indexOf(' ');
  const path = route.slice(space + 1).replaceAll(/\{(\w+)\}/g, ':$1');
  return { method: route.slice(0, space), path: path.replace(/(?<=.)\/$/, '{/}') };
}
