export { assertEveryRouteDeclared } from './every-route-declared.js';
export { DeclaredRoutes } from './declared-routes.js';
export { Caller, Handles, routesOf } from './handles.js';
export { Answers, noteBody, noteQuery, type RouteAnswer, type RouteBody } from './openapi/answers.js';
export { controllersOf, describedRoutes } from './openapi/described-routes.js';
export { openApiDocument, type OpenApiDocument } from './openapi/document.js';
export { permissionsPage } from './openapi/permissions-page.js';
export {
  assertModelAllowed,
  type AssignedModels,
  decideModelAccess,
  type GrantableDeployment,
  matchesGlob,
  type ModelDecision,
  type RequestedModel,
  roleField,
} from './model-access.js';
export { methodsOfPath } from './methods-of-path.js';
export { assertNetworkAllowed, Network, type NetworkDecision } from './network.js';
export { assertPassThroughAllowed, PassThroughAccess } from './pass-through-access.js';
export { GateGuard, PolicyGuard } from './policy.guard.js';
export {
  type OwnershipRule,
  POLICY,
  policyOf,
  ROUTE_GROUPS,
  type RouteAudience,
  type RouteGroup,
  type RouteId,
  type RoutePolicy,
  tellsDetail,
} from './policy.js';
export { pathCovers } from './allowed-routes.js';
export { assertOpeningsSafe, findUnsafeOpenings, openingsOf, routeInTheWayOf } from './public-routes.js';
export { type EmptyEntry, emptyEntries } from './role-routes.js';
export { RbacModule } from './rbac.module.js';
export { assertRouteAllowed, RouteAccess, type RouteDecision, type RouteRefusal } from './route-access.js';
export { assertSafeBody } from './safe-body.js';
export {
  type CatalogueEntry,
  fallbackNamesOf,
  type VisibleOptions,
  visibleModels,
} from './visible-models.js';
