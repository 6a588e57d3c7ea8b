import { Secret } from '#libs/kernel';
import { PRICE_NAME } from './deployment-prices.js';
import type { EntryProblems } from './deployment-problems.js';
import type { ModelParams } from './model-params.js';

/** Parameters that mean something to the gateway or the drop-in, so they never travel in the body. */
const NOT_FOR_THE_BODY = [
  'litellm_credential_name',
  'timeout_by_service_tier',
  'num_retries',
  'tag_regex',
  'additional_drop_params',
  'region_name',
  'configurable_clientside_auth_params',
  'keepalive_seconds',
  'model_info',
  'merge_reasoning_content_in_choices',
  'use_in_pass_through',
  'use_litellm_proxy',
  'litellm_trace_id',
  'max_file_size_mb',
  'mock_timeout',
  'cache',
  'caching',
  'aws_region_name',
  'tenant_id',
  'client_id',
  'client_secret',
  'azure_username',
  'azure_password',
  'allowed_openai_params',
  'stream_options',
  'base_url',
  's3_bucket_name',
  'api_type',
  'max_fallbacks',
  'rpm_limit',
  'tpm_limit',
  'use_chat_completions_api',
  'vertex_project',
  'vertex_location',
  'vertex_credentials',
  'supports_system_message',
  'hf_model_name',
];
/** A configured value of these would change what is counted, or is the call itself. */
const NEVER_DEFAULTED = new Set([
  'stream',
  'messages',
  'input',
  'prompt',
  'n',
  'best_of',
  'user',
  'metadata',
]);
const CREDENTIAL_NAME = /^(?:aws_|vertex_|s3_|sagemaker_|gcs_|langfuse_|langsmith_|watsonx_|azure_ad_)/;

/** What a call's body has where the caller said nothing: the parameters that nothing else has read. */
export function defaultBodyOf(
  params: ModelParams,
  problems: EntryProblems,
): Readonly<Record<string, unknown>> {
  params.ignore(NOT_FOR_THE_BODY);
  const body: Record<string, unknown> = { ...params.record('extra_body') };
  for (const [name, value] of params.rest()) {
    if (isForTheBody(name, value)) body[name] = value;
  }
  for (const name of Object.keys(body)) {
    if (!NEVER_DEFAULTED.has(name) && name !== 'model') continue;
    delete body[name];
    problems.add(
      'routing.parameter_ignored',
      `litellm_params.${name}`,
      `"${name}" belongs to the caller's request; the configured value is not sent.`,
    );
  }
  return Object.freeze(body);
}

function isForTheBody(name: string, value: unknown): boolean {
  if (value === null || value === undefined || containsSecret(value)) return false;
  return !PRICE_NAME.test(name) && !CREDENTIAL_NAME.test(name);
}

function containsSecret(value: unknown): boolean {
  if (value instanceof Secret) return true;
  return typeof value === 'object' && value !== null && Object.values(value).some(containsSecret);
}
