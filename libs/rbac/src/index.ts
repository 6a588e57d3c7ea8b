export { Caller, Handles, principalOf, routesOf } from './handles.js';
export {
  type OwnershipRule,
  POLICY,
  policyOf,
  ROUTE_GROUPS,
  type RouteAudience,
  type RouteGroup,
  type RouteId,
  type RoutePolicy,
  routerPathOf,
} from './policy.js';
