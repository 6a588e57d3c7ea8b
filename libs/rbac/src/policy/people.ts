import type { OwnershipRule, RouteGroup, RoutePolicy } from './route-policy.js';

/** Who may have a standing in a team or an organization; which, the handler finds out. Everybody else only reads. */
const DELEGATES = ['proxy_admin', 'org_admin', 'internal_user'] as const;

/** A change that administrators of teams or organizations make too; the handler judges whose row it is. */
export const delegated = (ownership: OwnershipRule, audits: NonNullable<RoutePolicy['audits']>) =>
  ({
    groups: ['management_routes'],
    access: DELEGATES,
    ownership,
    reachesProvider: false,
    audits,
  }) as const satisfies RoutePolicy;

/** A look that everybody may take, each at its own rows. */
export const ownRead = (ownership: OwnershipRule, ...groups: RouteGroup[]) =>
  ({
    groups: ['management_routes', ...groups],
    access: 'any_caller',
    ownership,
    reachesProvider: false,
  }) as const satisfies RoutePolicy;
