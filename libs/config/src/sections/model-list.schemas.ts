import { z } from 'zod';
import { count, dollars, duration, flag, positiveCount, seconds, text, textList } from './fields.js';

/** A price in dollars per token or unit: never negative, never endless. Text keeps its digits. */
const price = z.preprocess(
  (value) => (typeof value === 'string' && value.trim() !== '' ? Number(value) : value),
  z.number().nonnegative(),
);

/** `tiered_pricing`: prices by how long the input is. A range begins where the one before it ends. */
const tieredPricing = z
  .array(
    z
      .object({ range: z.tuple([count, count.nullable()]).or(z.tuple([count])) })
      .catchall(price)
      .refine(({ range: [from, to] }) => to === undefined || to === null || to > from, {
        error: 'expected a range such as [0, 32000]',
      }),
  )
  .min(1)
  .refine((tiers) => tiers.some(({ range: [from] }) => from === 0), {
    error: 'expected a range that begins at 0',
  });

/** Members of `litellm_params` that govern a deployment. All others go to the provider as they are. */
export const modelParams = z.looseObject({
  model: text,
  api_key: z.string().optional(),
  api_base: text.optional(),
  base_url: text.optional(),
  api_version: z.coerce.string().optional(),
  organization: text.optional(),
  custom_llm_provider: text.optional(),
  litellm_credential_name: text.optional(),
  rpm: count.optional(),
  itpm: count.optional(),
  otpm: count.optional(),
  default_api_key_rpm_limit: count.optional(),
  default_api_key_tpm_limit: count.optional(),
  tpm: count.optional(),
  max_parallel_requests: count.optional(),
  weight: z
    .preprocess(
      (value) => (typeof value === 'string' && value !== '' ? Number(value) : value),
      z.number().nonnegative(),
    )
    .optional(),
  order: count.optional(),
  timeout: seconds.optional(),
  stream_timeout: seconds.optional(),
  cooldown_time: seconds.optional(),
  max_retries: count.optional(),
  num_retries: count.optional(),
  max_budget: dollars.optional(),
  budget_duration: duration.optional(),
  tags: textList.optional(),
  allowed_keys: textList.optional(),
  drop_params: flag.optional(),
  mock_response: z.string().optional(),
  input_cost_per_token: price.optional(),
  output_cost_per_token: price.optional(),
  tiered_pricing: tieredPricing.optional(),
});

/** Members of `model_info` that this version reads. The rest is shown by model lists and does nothing else. */
export const modelInfo = z.looseObject({
  id: z.coerce.string().optional(),
  team_id: text.optional(),
  team_public_model_name: text.optional(),
  blocked: flag.optional(),
  base_model: text.optional(),
  access_groups: textList.optional(),
  mode: text.optional(),
  max_input_tokens: positiveCount.optional(),
  max_output_tokens: positiveCount.optional(),
  max_tokens: positiveCount.optional(),
  input_cost_per_token: price.optional(),
  output_cost_per_token: price.optional(),
  tiered_pricing: tieredPricing.optional(),
});

/** Every other price (`cache_read_input_token_cost`, `input_cost_per_token_above_200k_tokens`) has the same rule. */
export const isPriceName = (name: string): boolean =>
  /(?:^|_)cost(?:_|$)/.test(name) && !name.startsWith('search_context');
export { price };

/** `litellm_params` that LiteLLM acts on and this version does not. */
export const UNBUILT_PARAMS: Readonly<Record<string, string>> = {
  adaptive_router_config: 'Adaptive routing',
  complexity_router_config: 'Routing by complexity',
  auto_router_config: 'Automatic routing',
  timeout_by_service_tier: 'Timeouts by service tier',
  tag_regex: 'Matching deployments to the caller by pattern',
  additional_drop_params: 'Dropping parameters of your own',
  keepalive_seconds: 'Keep-alive comments in streams',
  region_name: 'Routing by region',
  off_peak_pricing: 'Off-peak prices',
  cache_control_injection_points: 'Injecting cache marks',
  configurable_clientside_auth_params: 'Credentials sent by callers for one deployment',
};

/** Members that keep callers away from a deployment. Without them it would be open to more than its owner wants. */
export const GUARDING_PARAMS: Readonly<Record<string, string>> = {
  guardrails: 'Guardrails of a single model',
};
export const GUARDING_INFO: Readonly<Record<string, string>> = {
  access_windows: 'A model reserved for a team by time',
};
export const UNBUILT_INFO: Readonly<Record<string, string>> = {
  adaptive_router_preferences: 'Adaptive routing',
  allowed_fails: 'Allowed failures of one deployment',
  allowed_fails_policy: 'Allowed failures of one deployment',
  enable_tag_filtering: 'Tag filtering for one model group',
  allow_fail_open: 'Failing open for one model group',
};

/** Providers whose wire format is not spoken yet. Their models are listed; calls to them are refused by name. */
export const UNBUILT_PROVIDERS: ReadonlySet<string> = new Set([
  'ai21',
  'aiml',
  'aleph_alpha',
  'auto_router',
  'azure_ai',
  'bedrock',
  'bytez',
  'clarifai',
  'cloudflare',
  'cohere',
  'cohere_chat',
  'databricks',
  'gemini',
  'gigachat',
  'huggingface',
  'jina_ai',
  'langgraph',
  'nlp_cloud',
  'oci',
  'palm',
  'petals',
  'predibase',
  'replicate',
  'sagemaker',
  'sagemaker_chat',
  'snowflake',
  'triton',
  'vertex_ai',
  'vertex_ai_beta',
  'voyage',
  'watsonx',
]);
