/** The sections whose settings can be changed at run time. */
export const OVERRIDABLE_SECTIONS = [
  'general_settings',
  'litellm_settings',
  'router_settings',
  'environment_variables',
] as const;
/** Sections of the file that administrators can add to at run time. */
export type OverridableSection = (typeof OVERRIDABLE_SECTIONS)[number];

/** One setting that an administrator changed at run time. */
export interface SettingOverride {
  readonly section: OverridableSection;
  readonly field: string;
  readonly value: unknown;
}

/** Where the process finds its stores and its own credential, which code it runs, and whose word it takes for an address: never from a database that an administrator's key can write. */
const FILE_ONLY: ReadonlySet<string> = new Set([
  'general_settings.master_key',
  'general_settings.salt_key',
  'general_settings.dangerously_permit_weak_or_unset_master_key',
  'general_settings.database_url',
  'general_settings.database_type',
  'general_settings.coordination_redis',
  'general_settings.litellm_key_header_name',
  'general_settings.trusted_proxy_ranges',
  // Who may come in without a credential, and where calls go with the operator's.
  'general_settings.pass_through_endpoints',
  'general_settings.public_routes',
  'general_settings.allow_user_auth',
  'router_settings.redis_url',
  'router_settings.redis_host',
  'router_settings.redis_port',
  'router_settings.redis_username',
  'router_settings.redis_password',
]);

/** Variables that the product itself reads: with them a setting of the database would be a setting of the process. */
const OWN_VARIABLE =
  /^(?:LITELLM_|TOLLGATE_|DATABASE_|REDIS_|DISABLE_|SERVER_|PORT$|HOST$|CONFIG_|JSON_LOGS$|LOG_|LENGTH_OF_|NODE_)/;

/** Variables that say who somebody is, and where people are sent to prove it. */
const SIGN_IN_VARIABLE =
  /^(?:JWT_|OAUTH_|GOOGLE_(?:CLIENT|ISSUER)|MICROSOFT_|GENERIC_|SAML_|PROXY_|ALLOWED_EMAIL_DOMAINS$|ENABLE_SSO_|UI_|CLI_SSO_|EXPERIMENTAL_UI_)/;

/** Who counts as whom, and which code decides: an administrator's key that leaked must not be able to make its own successor. */
const SIGN_IN =
  /^(?:custom_|enable_(?:jwt|oauth2)|litellm_jwtauth|jwt_|oauth|role_permissions|enforce_rbac|user_allowed_email_domain|iap_|password_policy_|max_failed_login|failed_login_|disable_env_credential|disable_password_login|control_plane_url$|allow_cli_sso|ui_access_mode$)/;

/** Whether a setting never comes from the database, whoever wants it; see the lists above for why. */
export function isFileOnly(section: string, field: string): boolean {
  if (section === 'environment_variables') return OWN_VARIABLE.test(field) || SIGN_IN_VARIABLE.test(field);
  return FILE_ONLY.has(`${section}.${field}`) || SIGN_IN.test(field);
}

/** Settings that every running process takes up within a second; all others wait for the next start. */
const LIVE: Readonly<Record<OverridableSection, ReadonlySet<string> | 'all'>> = {
  environment_variables: 'all',
  router_settings: new Set([
    'num_retries',
    'timeout',
    'stream_timeout',
    'cooldown_time',
    'allowed_fails',
    'disable_cooldowns',
    'model_group_alias',
    'fallbacks',
    'default_fallbacks',
    'context_window_fallbacks',
    'max_fallbacks',
    'enable_tag_filtering',
  ]),
  litellm_settings: new Set([
    'drop_params',
    'max_tokens',
    'request_timeout',
    'num_retries',
    'max_fallbacks',
    'fallbacks',
    'default_fallbacks',
    'context_window_fallbacks',
    'allowed_fails',
    'default_internal_user_params',
    'default_team_params',
    'max_internal_user_budget',
    'internal_user_budget_duration',
    'disable_auto_add_proxy_admin_to_teams',
  ]),
  general_settings: new Set([
    'allowed_ips',
    'admin_only_routes',
    'allowed_routes',
    'enforce_user_param',
    'enforced_params',
    'reject_clientside_metadata_tags',
    'allow_client_side_credentials',
    'user_header_name',
  ]),
};

/** Whether a running process takes the setting up; else it counts from the next start. */
export function isLive(section: OverridableSection, field: string): boolean {
  const live = LIVE[section];
  return live === 'all' || live.has(field);
}
