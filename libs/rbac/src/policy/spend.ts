import type { RouteRows } from './route-policy.js';

/** What was spent. */
export const SPEND_ROUTES = {
  'GET /spend/logs': {
    groups: ['spend_tracking_routes', 'key_management_routes', 'management_routes', 'internal_user_routes'],
    access: [
      'proxy_admin',
      'proxy_admin_viewer',
      'org_admin',
      'internal_user',
      'internal_user_viewer',
      'customer',
    ],
    ownership: 'own_spend',
    reachesProvider: false,
  },
} as const satisfies RouteRows;
