export { Catalogue, type ModelGroup } from './catalogue.js';
export { compileDeployments, type CompiledDeployments } from './compile-deployments.js';
export type { AttemptOutcome } from './cooldowns.js';
export type { Deployment, PriceOverrides, WireFormat } from './deployment.js';
export type { DeploymentProblem } from './deployment-problems.js';
export type { EnvironmentLookup } from './deployment-target.js';
export { PROVIDERS } from './provider-table.js';
export { fallbacksFor, type FallbackSettings } from './fallbacks.js';
export { type ModelAlias } from './model-names.js';
export { Resolution } from './resolution.js';
export {
  failureKind,
  type FailureKind,
  maxRetriesFor,
  retryDelayMs,
  type RetryFailure,
  type RetrySituation,
  shouldRetry,
} from './retry.js';
export { type PlanRequest, Router, type RouterSettings, serves } from './router.js';
export { RoutingModule } from './routing.module.js';
export { endpointUnsupported, modelUnknown, providerUnsupported } from './routing-errors.js';
