import { z } from 'zod';
import {
  count,
  dollars,
  duration,
  fallbackMap,
  flag,
  positiveCount,
  secondsAsMs,
  text,
  textList,
} from './fields.js';
import { logLevel } from './general-settings.schemas.js';
import { keySettings } from './keys.schemas.js';
import { moneySettings } from './money.schemas.js';
import { peopleSettings } from './people.schemas.js';
import { guards, moot, notBuilt, type UnbuiltSettings } from './section.js';

const CLOCK_TIME = /^(?:[01]?\d|2[0-3]):[0-5]\d(?::[0-5]\d)?$/;

const timezone = text.refine(isTimezone, {
  error: 'expected a time zone of the IANA list, such as Europe/Berlin',
});

function isTimezone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    // The only failure of this constructor is a name it does not know.
    return false;
  }
}

/** `litellm_settings`, as far as this version acts on it. */
export const litellmSettings = z.object({
  drop_params: flag,
  max_tokens: positiveCount,
  rpm: count,
  tpm: count,
  request_timeout: secondsAsMs,
  num_retries: count,
  max_fallbacks: count,
  fallbacks: fallbackMap,
  default_fallbacks: textList,
  context_window_fallbacks: fallbackMap,
  allowed_fails: count,
  max_budget: dollars,
  budget_duration: duration,
  budget_exceeded_status_code: z.preprocess(
    (value) => (typeof value === 'string' ? Number(value) : value),
    z.int().min(400, 'expected a status from 400 to 499').max(499, 'expected a status from 400 to 499'),
  ),
  timezone,
  budget_reset_time: text.refine((value) => CLOCK_TIME.test(value), {
    error: 'expected a time of day such as 06:30 or 06:30:00',
  }),
  block_requests_for_models_without_pricing: flag,
  ...moneySettings,
  ...keySettings,
  ...peopleSettings,
  public_model_groups: textList,
  public_model_groups_links: z.record(z.string(), z.url({ protocol: /^https?$/ })),
  turn_off_message_logging: flag,
  global_disable_no_log_param: flag,
  redact_messages_in_exceptions: flag,
  require_auth_for_metrics_endpoint: flag,
  callbacks: textList,
  success_callback: textList,
  failure_callback: textList,
  service_callback: textList,
  audit_log_callbacks: textList,
  log_level: logLevel,
  json_logs: flag,
  set_verbose: flag,
});

export const PROTECTIVE_LITELLM_SETTINGS = [
  'turn_off_message_logging',
  'require_auth_for_metrics_endpoint',
] as const;

export const UNBUILT_LITELLM_SETTINGS: UnbuiltSettings = new Map([
  ...guards({
    Guardrails: [
      'guardrails',
      'llm_guard_mode',
      'banned_keywords_list',
      'blocked_user_list',
      'presidio_ad_hoc_recognizers',
    ],
    'Naming the hosts that provider URLs may have': ['provider_url_destination_allowed_hosts'],
  }),
  ...notBuilt({
    'Response caching': [
      'cache',
      'cache_params',
      'enable_redis_auth_cache',
      'default_redis_ttl',
      'enable_caching_on_provider_specific_optional_params',
    ],
    'Fallbacks for refused content': ['content_policy_fallbacks'],
    'Default budgets of customers and sessions': ['max_end_user_budget', 'max_ui_session_budget'],
    'Callbacks of single teams': ['default_team_settings', 'default_callback_vars'],
    'Cost in the last chunk of a stream': ['include_cost_in_streaming_usage'],
    'The audit log': ['store_audit_logs', 's3_audit_callback_params'],
    'Hiding key details in logged calls': ['redact_user_api_key_info'],
    'Naming the key in failed sign-ins': ['log_auth_failure_key_identity'],
    'Explaining routing in errors': ['expose_router_debug_in_errors'],
    'Telling the provider about the user': [
      'add_user_information_to_llm_headers',
      'overwrite_user_with_key_hash',
    ],
    'Settings for one model group': ['model_group_settings'],
    'Tags from headers of your own': ['extra_spend_tag_headers', 'disable_add_user_agent_to_request_tags'],
    'Choosing labels of metrics': [
      'disable_end_user_cost_tracking',
      'disable_end_user_cost_tracking_prometheus_only',
      'prometheus_metrics_config',
      'prometheus_initialize_budget_metrics',
      'custom_prometheus_metadata_labels',
      'custom_prometheus_tags',
      'enable_end_user_cost_tracking_prometheus_only',
    ],
    'Rewriting requests to fit the provider': ['modify_params'],
    'The MCP gateway': ['mcp_semantic_tool_filter', 'mcp_aliases'],
    'Web search by interception': ['websearch_interception_params'],
    'The code interpreter': ['code_interpreter_interception_params'],
    'The settings of a callback': [
      'langfuse_default_tags',
      's3_callback_params',
      'datadog_params',
      'callback_settings',
      'gcs_bucket_name',
      'otel_settings',
      'aws_sqs_callback_params',
    ],
    'TLS settings of upstream connections': [
      'ssl_verify',
      'ssl_certificate',
      'ssl_security_level',
      'ssl_ecdh_curve',
      'force_ipv4',
      'aiohttp_trust_env',
    ],
    'Settings of the provider libraries': [
      'use_client',
      'model_alias_map',
      'custom_provider_map',
      'vertex_project',
      'vertex_location',
      'use_litellm_proxy',
      'telemetry',
      'suppress_debug_info',
      'return_response_headers',
      'api_base',
      'api_key',
      'organization',
      'disable_token_counter',
      'disable_hf_tokenizer_download',
    ],
    'The look of the admin console': ['ui_theme_config'],
  }),
  ...moot({
    force_redis_hash_tag_grouping: 'All counters stand under one hash tag.',
    num_retries_per_request:
      'A cap on all retries of one request is not there yet; num_retries and max_fallbacks bound them.',
  }),
]);

/** Callbacks whose work is part of the product. */
export const BUILT_CALLBACKS: ReadonlySet<string> = new Set(['prometheus', 'dynamic_rate_limiter_v3']);

/** Callbacks that refuse, redact or mask calls. Going on without one lets through what it was there to stop. */
export const GUARDING_CALLBACKS: ReadonlySet<string> = new Set([
  'aim',
  'aporia',
  'aporio',
  'azure_content_safety',
  'banned_keywords',
  'blocked_user_check',
  'detect_prompt_injection',
  'google_text_moderation',
  'guardrails_ai',
  'hide_secrets',
  'lakera',
  'lakera_prompt_injection',
  'lasso',
  'llamaguard_moderations',
  'llmguard_moderations',
  'openai_moderations',
  'pangea',
  'presidio',
]);
