import type { RoutePolicy, RouteRows } from './route-policy.js';

/** Proxy administrators, and keys that an administrator gave these paths (`allowed_routes: ["/scim/*"]`). */
const read = {
  groups: ['scim_routes'],
  access: ['proxy_admin'],
  ownership: 'none',
  reachesProvider: false,
} as const satisfies RoutePolicy;
const provision = (audits: NonNullable<RoutePolicy['audits']>) => ({ ...read, audits }) as const;

/** Provisioning by an identity provider (RFC 7644). */
export const SCIM_ROUTES = {
  'GET /scim/v2': read,
  'GET /scim/v2/ServiceProviderConfig': read,
  'GET /scim/v2/ResourceTypes': read,
  'GET /scim/v2/ResourceTypes/{id}': read,
  'GET /scim/v2/Schemas': read,
  'GET /scim/v2/Schemas/{id}': read,
  'GET /scim/v2/Users': read,
  'GET /scim/v2/Users/{id}': read,
  'POST /scim/v2/Users': provision('user.created'),
  'PUT /scim/v2/Users/{id}': provision('user.updated'),
  'PATCH /scim/v2/Users/{id}': provision('user.updated'),
  'DELETE /scim/v2/Users/{id}': provision('user.blocked'),
  'GET /scim/v2/Groups': read,
  'GET /scim/v2/Groups/{id}': read,
  'POST /scim/v2/Groups': provision('team.created'),
  'PUT /scim/v2/Groups/{id}': provision('team.updated'),
  'PATCH /scim/v2/Groups/{id}': provision('team.updated'),
  'DELETE /scim/v2/Groups/{id}': provision('team.blocked'),
} as const satisfies RouteRows;
