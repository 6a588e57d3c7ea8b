import type { Role } from '#libs/kernel';
import type { RoutePolicy } from './route-policy.js';

/** A change of something that only these roles manage. */
export const manage = (access: readonly Role[], audits: NonNullable<RoutePolicy['audits']>) =>
  ({
    groups: ['management_routes'],
    access,
    ownership: 'none',
    reachesProvider: false,
    audits,
  }) as const satisfies RoutePolicy;

/** What every administrator may look at, and nobody else. */
export const ADMINISTRATORS_LOOK = {
  groups: ['management_routes'],
  access: ['proxy_admin', 'proxy_admin_viewer'],
  ownership: 'none',
  reachesProvider: false,
} as const satisfies RoutePolicy;
