export { answerWithin } from './answer-within.js';
export { Build } from './build.js';
export type { CallFacts, Endpoint, LedgerEndpoint } from './call.js';
export { Clock, ManualClock, SystemClock } from './clock.js';
export { DAY_MS, dayOf } from './days.js';
export type { Change, Denial } from './denial.js';
export { ERROR_CODES, type ErrorCode, GatewayError, type GatewayErrorOptions, isRefusal } from './errors.js';
export { newId } from './ids.js';
export { ALL_MODELS, grantsEverything, NO_MODELS, TEAM_MODELS } from './model-words.js';
export { formatUsd, type NanoUsd, parseUsd, usdNumber } from './money.js';
export {
  type CredentialKind,
  type ModelRules,
  type UsualAnswer,
  type Principal,
  type Role,
  ROLES,
  type ScopeBudget,
  type ScopeLimit,
} from './principal.js';
export { PROXY_SCOPE, type Scope, SCOPE_TYPES, type ScopeType } from './scope.js';
export { holdsKey, isSecretName, Secret, withoutKeys } from './secret.js';
export { PassingTable } from './passing-table.js';
export { isStorableText } from './storable-text.js';
export { isRecord, textsIn } from './untyped.js';
export { TextMemory } from './text-memory.js';
export { NO_USAGE, type Usage } from './usage.js';
