import { GatewayError } from '#libs/kernel';

/** Where the proxy would send the call, and as whom: a caller who could choose either would steal the operator's credentials or reach its internal network. */
const DESTINATIONS = [
  'api_base', 'base_url', 'user_config', 'deployment_url', 's3_endpoint_url', 'sagemaker_base_url', 'aws_bedrock_runtime_endpoint',
  'aws_bedrock_project_id', 'aws_workspace_id', 'aws_access_key_id', 'aws_secret_access_key', 'aws_region_name', 'vertex_credentials',
  'vertex_ai_credentials', 'vertex_project', 'vertex_location', 'vertex_ai_project', 'vertex_ai_location', 'azure_ad_token',
  'azure_username', 'azure_password', 'tenant_id', 'client_id', 'client_secret', 'use_ssl', 'ssl_verify', 'nvcf_function_id', 'rust',
] as const; // prettier-ignore

/** The operator's own cloud identity: no setting hands it to a caller. */
const IDENTITIES = [
  'model_list', 'aws_sts_endpoint', 'aws_web_identity_token', 'aws_role_name', 'aws_profile_name', 'aws_session_name',
  'aws_session_token', 'aws_external_id', 'aws_session_tags',
] as const; // prettier-ignore

/** Where prompts would be logged to. */
const CALLBACKS = [
  'langfuse_public_key', 'langfuse_secret', 'langfuse_secret_key', 'langfuse_host', 'langsmith_api_key', 'langsmith_project',
  'langsmith_base_url', 'langsmith_tenant_id', 'gcs_bucket_name', 'gcs_path_service_account', 'posthog_api_key', 'posthog_api_url',
  'posthog_host', 'arize_api_key', 'arize_space_key', 'arize_space_id', 'phoenix_api_key', 'humanloop_api_key', 'braintrust_api_key',
  'braintrust_api_base', 'lunary_public_key', 'wandb_api_key', 'weave_project_id', 'slack_webhook_url', 'dd_api_key', 'dd_site',
  'opik_api_key', 'opik_workspace', 'turn_off_message_logging', 'callbacks', 'success_callback', 'failure_callback',
] as const; // prettier-ignore

const REFUSED: ReadonlySet<string> = new Set([...DESTINATIONS, ...IDENTITIES, ...CALLBACKS]);
const NEVER: ReadonlySet<string> = new Set(IDENTITIES);

/** OpenRouter answers with another model where these name one, past access, price and limits, which are those of `model`. */
const OTHER_MODELS = ['models', 'route', 'preset'] as const;

/** llama.cpp puts this in the place of `max_tokens`, past what is held for an answer. */
const OTHER_CAPS = ['n_predict'] as const;

/** Fields that steer a proxy, not a model. They never have an effect here, and the provider must not see them either. */
const INERT: ReadonlySet<string> = new Set([
  'no-log', 'no_log', 'mock_response', 'mock_tool_calls', 'mock_timeout', 'mock_delay', 'mock_testing_fallbacks',
  'mock_testing_context_fallbacks', 'mock_testing_content_policy_fallbacks', 'mock_testing_rate_limit_error', 'api_key', 'api_version',
  'custom_llm_provider', 'base_model', 'model_info', 'litellm_params', 'litellm_metadata', 'litellm_call_id', 'litellm_session_id',
  'litellm_trace_id', 'litellm_logging_obj', 'litellm_embedding_config', 'proxy_server_request', 'secret_fields', 'preset_cache_key',
  'user_api_key', 'user_api_key_dict', 'fallbacks', 'context_window_fallbacks', 'content_policy_fallbacks', 'disable_fallbacks',
  'num_retries', 'max_retries', 'stream_timeout', 'request_timeout', 'guardrails', 'disable_global_guardrails', 'tags', 'cache', 'caching',
  'router_settings_override', 'spend_logs_metadata', 'budget_duration', 'max_budget', ...OTHER_MODELS, ...OTHER_CAPS,
]); // prettier-ignore

/** Members that LiteLLM clients nest parameters in, so a refused name must not hide there. */
const NESTING: ReadonlySet<string> = new Set([
  'extra_body', 'metadata', 'litellm_metadata', 'litellm_params', 'litellm_embedding_config', 'fallbacks', 'context_window_fallbacks',
  'content_policy_fallbacks', 'router_settings_override',
]); // prettier-ignore

const NOTHING: readonly string[] = Object.freeze([]);
/** Deeper nesting than any client makes; what lies deeper is data to us and to everybody behind us. */
const MAX_DEPTH = 4;
/** Metadata as text is parsed to be judged; past this it is a document, not metadata, and is refused. */
const MAX_METADATA_TEXT = 65_536;

/**
 * Refuses a body that names its own destination, credentials, logging target or prices (401 `rbac.parameter_denied`),
 * whoever sends it. Returns the top-level fields that must be cut before the body goes upstream: they have no effect here
 * either. Costs one set look-up per top-level member; looks deeper only into members that can nest parameters.
 */
export function assertSafeBody(
  body: Readonly<Record<string, unknown>>,
  allowClientCredentials: boolean,
): readonly string[] {
  let strip: string[] | undefined;
  for (const name of Object.keys(body)) {
    const isRefused = REFUSED.has(name) || isPrice(name);
    if (isRefused) refuseUnlessAllowed(name, name, allowClientCredentials);
    if (isRefused || INERT.has(name)) (strip ??= []).push(name);
    if (NESTING.has(name)) inspect(body[name], name, 1, allowClientCredentials);
  }
  return strip ?? NOTHING;
}

function inspect(value: unknown, path: string, depth: number, allowClientCredentials: boolean): void {
  if (depth > MAX_DEPTH || value === null || value === undefined) return;
  if (typeof value === 'string') {
    if (value.trimStart().startsWith('{'))
      inspect(parseText(value, path), path, depth + 1, allowClientCredentials);
  } else if (Array.isArray(value)) {
    for (const item of value)
      if (typeof item === 'object') inspect(item, path, depth + 1, allowClientCredentials);
  } else if (typeof value === 'object') {
    for (const [name, nested] of Object.entries(value)) {
      if (REFUSED.has(name) || isPrice(name))
        refuseUnlessAllowed(name, `${path}.${name}`, allowClientCredentials);
      if (NESTING.has(name) || path.endsWith('fallbacks'))
        inspect(nested, `${path}.${name}`, depth + 1, allowClientCredentials);
    }
  }
}

function parseText(text: string, path: string): unknown {
  if (text.length > MAX_METADATA_TEXT)
    throw new GatewayError('request.bad_field', `${path} is too long.`, { param: path });
  try {
    return JSON.parse(text);
  } catch (thrown) {
    // Not JSON, so nobody will read parameters out of it; anything else is a defect.
    if (thrown instanceof SyntaxError) return undefined;
    throw thrown;
  }
}

/** `input_cost_per_token`, `output_cost_per_second`, ...: a caller does not set prices. */
function isPrice(name: string): boolean {
  return name.includes('cost_per_') || name === 'custom_pricing' || name === 'tiered_pricing';
}

function refuseUnlessAllowed(name: string, path: string, allowClientCredentials: boolean): void {
  if (allowClientCredentials && !NEVER.has(name)) return;
  throw new GatewayError(
    'rbac.parameter_denied',
    `Rejected Request: ${path} may not be set in a request body.`,
    { param: path },
  );
}
