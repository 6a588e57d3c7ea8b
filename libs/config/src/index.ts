export { type Address, AddressRanges, parseAddress, sourceOf } from './addresses.js';
export { Config, type ConfigTree } from './config.js';
export type { AlertChannel } from './alerting.js';
export type { KeyGenerationRule } from './keys.js';
export type { PrioritySettings } from './money.js';
export type { CredentialEntry, ModelEntry, NamedCredential } from './models.js';
export { isParamPath } from './param-path.js';
export { type EndpointPlace, type PassThroughEndpoint, pathsOverlap } from './pass-through.js';
export { readStoredEndpoint } from './stored-endpoint.js';
export type { CustomAuthSettings } from './custom-auth.js';
export type { JwtOptions, ScopeMapping, JwtSettings } from './jwt-auth.js';
export type { OAuth2Settings } from './oauth2.js';
export type { ProxyHeaderField, ProxyHeaderSettings } from './proxy-headers.js';
export type { ModuleReference } from './operator-module.js';
export {
  type CustomRole,
  isBuiltInRole,
  isRoleName,
  ROLE_BASES,
  type RoleBase,
  type RoleBounds,
} from './roles.js';
export { USER_ROLE_NAMES } from './sections/people.schemas.js';
export type { SamlAttributes, SamlSettings } from './saml.js';
export type { SsoSettings } from './single-sign-on.js';
export type { SsoProvider } from './sso-provider.js';
export { describeSettings, type SettingDescription } from './setting-descriptions.js';
export {
  isFileOnly,
  isLive,
  OVERRIDABLE_SECTIONS,
  type OverridableSection,
  type SettingOverride,
} from './setting-overrides.js';
export { readStoredModel } from './stored-model.js';
export { checkConfig, loadConfig } from './load-config.js';
export { readModelFile } from './model-file.js';
export { editDistance } from './nearest-name.js';
export { secretsOf } from './secrets-of.js';
export { ConfigError, type ConfigProblem } from './problems.js';
