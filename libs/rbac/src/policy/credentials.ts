import { manage } from './manage.js';
import type { RoutePolicy, RouteRows } from './route-policy.js';

const read = {
  groups: ['management_routes'],
  access: ['proxy_admin', 'proxy_admin_viewer'],
  ownership: 'none',
  reachesProvider: false,
} as const satisfies RoutePolicy;

/** Providers' secrets under names. */
export const CREDENTIAL_ROUTES = {
  'POST /credentials': manage(['proxy_admin'], 'credential.created'),
  'GET /credentials': read,
  'GET /credentials/by_name/{name}': read,
  'GET /credentials/by_model/{id}': read,
  'PATCH /credentials/{name}': manage(['proxy_admin'], 'credential.updated'),
  'DELETE /credentials/{name}': manage(['proxy_admin'], 'credential.deleted'),
} as const satisfies RouteRows;
