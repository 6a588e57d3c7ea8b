import { z } from 'zod';
import { SCOPE_TYPES } from '#libs/kernel';
import { isAddressRange } from '../addresses.js';
import { isParamPath } from '../param-path.js';
import { customRoles, rolePermissions } from '../roles.js';
import { count, flag, listOf, positiveCount, secondsAsMs, text, textList } from './fields.js';
import { alertingSettings } from './alerting.schemas.js';
import { passThroughSettings } from './pass-through.schemas.js';
import { guards, moot, notBuilt, type UnbuiltSettings } from './section.js';
import { signInSettings } from './sign-in.schemas.js';

const ipRanges = listOf(
  text.refine(isAddressRange, { error: 'expected an IP address or a range such as 10.0.0.0/8' }),
);

const paramPaths = listOf(
  text.refine(isParamPath, {
    error: 'expected the name of a request member, dots between: metadata.generation_name',
  }),
);

const LOG_LEVELS = {
  trace: 'trace',
  debug: 'debug',
  info: 'info',
  warn: 'warn',
  warning: 'warn',
  error: 'error',
  critical: 'error',
} as const;

/** `INFO`, `Warning`: Python's names and ours, in any case. */
export const logLevel = z
  .preprocess(
    (value) => (typeof value === 'string' ? value.trim().toLowerCase() : value),
    z.enum(Object.keys(LOG_LEVELS) as [keyof typeof LOG_LEVELS, ...(keyof typeof LOG_LEVELS)[]]),
  )
  .transform((level) => LOG_LEVELS[level]);

/** `coordination_redis`, and what `cache_params` and `redis_*` say in the same words. */
export const redisSettings = z.object({
  url: text.optional(),
  host: text.optional(),
  port: positiveCount.optional(),
  username: text.optional(),
  password: text.optional(),
  db: count.optional(),
  ssl: flag.optional(),
  ssl_ca_certs: text.optional(),
});
export type RedisSettings = z.output<typeof redisSettings>;

const megabytes = z.preprocess(
  (value) => (typeof value === 'string' && value.trim() !== '' ? Number(value) : value),
  z.number().positive().max(1024),
);

const headerName = text.refine((name) => /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/.test(name), {
  error: 'expected the name of an HTTP header',
});

/** How long something is kept: at least a day, because whole days are dropped; at most a century. */
const days = z.preprocess(
  (value) => (typeof value === 'string' && value.trim() !== '' ? Number(value) : value),
  z.int().min(1).max(36_500),
);

const DAYS_IN: Readonly<Record<string, number>> = { h: 1 / 24, d: 1, w: 7, mo: 31, y: 366 };

/** `30d`, `4w`, `1mo`: days, and what is less than one counts as one. */
const period = z
  .string()
  .trim()
  .regex(/^[1-9]\d{0,4}(?:h|d|w|mo|y)$/, 'expected a period such as 30d, 4w or 1mo')
  .transform((text) =>
    Math.max(1, Math.ceil(Number.parseInt(text, 10) * (DAYS_IN[text.replace(/\d+/, '')] ?? 1))),
  );

/** On, off, or only for some kinds of scope: `true`, `false`, `[key, team]`. */
const scopesOrFlag = z.union([flag, listOf(z.enum(SCOPE_TYPES))]);

/** `general_settings`, as far as this version acts on it. */
export const generalSettings = z.object({
  ...alertingSettings,
  master_key: text,
  dangerously_permit_weak_or_unset_master_key: flag,
  database_url: text,
  database_connection_pool_limit: positiveCount,
  coordination_redis: redisSettings.loose(),
  fail_closed_rate_limit_enforcement: scopesOrFlag,
  fail_closed_budget_enforcement: scopesOrFlag,
  allowed_ips: ipRanges,
  trusted_proxy_ranges: ipRanges,
  use_x_forwarded_for: flag,
  cors_origin: textList,
  admin_only_routes: textList,
  custom_roles: customRoles,
  role_permissions: rolePermissions,
  allowed_routes: textList,
  litellm_key_header_name: headerName,
  user_header_name: headerName,
  user_api_key_cache_ttl: secondsAsMs,
  user_api_key_cache_max_size: positiveCount,
  max_request_size_mb: megabytes,
  max_response_size_mb: megabytes,
  global_max_parallel_requests: count,
  token_rate_limit_type: z.enum(['total', 'input', 'output']),
  apply_user_budget_to_team_keys: flag,
  allow_client_side_credentials: flag,
  forward_client_headers_to_llm_api: flag,
  forward_openai_org_id: flag,
  enforce_user_param: flag,
  enforced_params: paramPaths,
  service_account_settings: z.strictObject({ enforced_params: paramPaths.optional() }),
  reject_clientside_metadata_tags: flag,
  disable_responses_id_security: flag,
  store_prompts_in_spend_logs: flag,
  anonymize_logs: flag,
  data_retention_days: days,
  maximum_spend_logs_retention_period: period,
  prompt_retention_days: days,
  audit_retention_days: days,
  max_stored_prompt_kb: positiveCount,
  disable_custom_api_keys: flag,
  team_admin_editable_team_fields: textList,
  log_level: logLevel,
  json_logs: flag,
  set_verbose: flag,
  ...passThroughSettings,
  ...signInSettings,
});

/** What only restricts. A misspelt one of these is refused rather than ignored. */
export const PROTECTIVE_GENERAL_SETTINGS = [
  'allowed_ips',
  'admin_only_routes',
  'allowed_routes',
  'cors_origin',
  'enforce_user_param',
  'enforced_params',
  'service_account_settings',
  'litellm_key_header_name',
  'reject_clientside_metadata_tags',
  'disable_custom_api_keys',
  'max_request_size_mb',
  'anonymize_logs',
  'data_retention_days',
  'maximum_spend_logs_retention_period',
  'prompt_retention_days',
] as const;

const SPOOL =
  'Spend goes through a local spool that survives a crash; this setting has nothing to tune here.';

export const UNBUILT_GENERAL_SETTINGS: UnbuiltSettings = new Map([
  ...guards({
    Guardrails: ['guardrails', 'guardrail_settings'],
    'A custom check of new keys, users or teams': [
      'custom_key_generate',
      'custom_key_update',
      'custom_key_policy',
      'custom_team_metadata_validate',
    ],
    'A limit on the size of files': ['max_file_size_mb', 'max_batch_file_size_mb', 'allowed_file_extensions'],
    'A list of hosts that provider URLs may name': ['provider_url_destination_allowed_hosts'],
  }),
  ...notBuilt({
    'Asking whether a password was leaked': ['password_policy_check_breached_passwords'],
    'Alerts of slow calls and reports': [
      'alerting_threshold',
      'alert_type_config',
      'spend_report_frequency',
      'default_team_disabled',
    ],
    'Health checks in the background': [
      'background_health_checks',
      'health_check_interval',
      'health_check_details',
      'enable_health_check_routing',
      'health_check_staleness_threshold',
      'health_check_ignore_transient_errors',
      'use_shared_health_check',
    ],
    'A secret manager': ['key_management_system', 'key_management_settings'],
    'Mapping headers to users': ['user_header_mappings'],
    'Tracing (OpenTelemetry)': ['otel'],
    'The MCP gateway': [
      'mcp_internal_ip_ranges',
      'mcp_trusted_proxy_ranges',
      'mcp_client_side_auth_header_name',
    ],
    'Forwarding provider credentials of the caller': ['forward_llm_provider_auth_headers'],
    'Serving without the database': ['allow_requests_on_db_unavailable'],
    'Admission queues per worker': [
      'max_in_flight_requests_per_worker',
      'max_queued_requests_per_worker',
      'admission_queue_timeout_seconds',
    ],
    'A default limit of parallel requests': ['max_parallel_requests'],
    'Stopping budget resets': ['disable_reset_budget'],
    'Spend columns of your own': ['spend_logs_metadata_fields'],
    'Choosing what happens without a session id': ['missing_session_id'],
    'Showing fallback errors to callers': ['expose_fallback_errors_to_caller'],
    'The call id in error bodies': ['include_call_id_in_error_body'],
    'Choosing the encryption of stored secrets': ['encryption_algorithm'],
    'A name for the admin in records': ['default_user_id', 'proxy_admin_email'],
    'Passing the model through from the command line': ['completion_model', 'infer_model_from_keys'],
    'Cancelling on disconnect as a switch': ['cancel_on_disconnect'],
    'A custom message of the metadata check': [
      'team_metadata_validation_timeout',
      'team_metadata_validation_error_message',
    ],
    'Leaving failed calls out of the logs': ['disable_error_logs'],
  }),
  ...moot({
    maximum_spend_logs_retention_interval:
      'Whole days are dropped soon after they are over; nothing is deleted in runs.',
    enforce_fallback_model_access: 'A fallback is always checked as if the caller had named it.',
    store_model_in_db: 'Models, credentials and settings can always be changed at run time.',
    supported_db_objects: 'Models, credentials and settings can always be changed at run time.',
    proxy_config_reload_interval_seconds: 'Every process hears of a change at once; nothing is polled for.',
    use_redis_transaction_buffer: SPOOL,
    proxy_batch_write_at: SPOOL,
    disable_spend_logs: 'The ledger is what budgets count on; it cannot be switched off.',
    disable_spend_updates: 'The ledger is what budgets count on; it cannot be switched off.',
    disable_budget_reservation:
      'Every call is admitted against its budgets in one step; that cannot be switched off.',
    disable_prisma_schema_update: 'The schema has migrations of its own; this switch has no counterpart.',
    proxy_budget_rescheduler_min_time: 'A budget period ends by the clock; no job has to come round for it.',
    proxy_budget_rescheduler_max_time: 'A budget period ends by the clock; no job has to come round for it.',
    database_connection_timeout: 'The pool has fixed time limits.',
    database_connection_pool_timeout: 'The pool has fixed time limits.',
    database_max_idle_connection_lifetime: 'The pool has fixed time limits.',
    database_disable_prepared_statements: 'Prepared statements are not used by name.',
    disable_prepared_statements: 'Prepared statements are not used by name.',
    user_url_validation: 'The gateway fetches no URL that a caller names.',
    user_url_allowed_hosts: 'The gateway fetches no URL that a caller names.',
    database_type: 'The store is PostgreSQL.',
    salt_key: 'Set LITELLM_SALT_KEY in the environment: beside what it seals it would protect nothing.',
  }),
]);
