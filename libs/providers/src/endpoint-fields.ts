import type { Endpoint } from '#libs/kernel';

const list = (text: string): ReadonlySet<string> => new Set(text.trim().split(/\s+/));

/** The members each endpoint's published request schema knows; what `drop_params` keeps. */
const FIELDS: Readonly<Record<Endpoint, ReadonlySet<string>>> = {
  chat: list(`model messages audio frequency_penalty function_call functions logit_bias logprobs max_completion_tokens max_tokens metadata modalities n
    parallel_tool_calls prediction presence_penalty prompt_cache_key prompt_cache_retention reasoning_effort response_format safety_identifier seed service_tier stop
    store stream stream_options temperature thinking tool_choice tools top_logprobs top_p user verbosity web_search_options`),
  completions:
    list(`model prompt best_of echo frequency_penalty logit_bias logprobs max_tokens n presence_penalty seed stop stream stream_options suffix temperature
    top_p user`),
  embeddings: list('model input dimensions encoding_format user'),
  responses:
    list(`model input background conversation include instructions max_output_tokens max_tool_calls metadata parallel_tool_calls previous_response_id prompt
    prompt_cache_key prompt_cache_retention reasoning safety_identifier service_tier store stream stream_options temperature text tool_choice tools top_logprobs top_p
    truncation user context_management`),
  messages:
    list(`model messages max_tokens cache_control container context_management inference_geo mcp_servers metadata output_config output_format service_tier speed
    stop_sequences stream system temperature thinking tool_choice tools top_k top_p`),
};

/** Meant for this proxy (or its drop-in), never for a provider. Anything starting `litellm_` is one of these too. */
const FOR_THE_PROXY =
  list(`weights fallback_depth max_fallbacks proxy_server_request standard_logging_object secret_fields mock_response mock_tool_calls mock_timeout
  mock_testing_fallbacks mock_testing_context_fallbacks mock_testing_content_policy_fallbacks guardrails disable_global_guardrails disable_global_guardrail guardrail_config
  callbacks success_callback failure_callback service_callback logger_fn no-log no_log client_side_timeout fallbacks context_window_fallbacks content_policy_fallbacks
  disable_fallbacks num_retries num_retries_per_request tags api_key api_base base_url api_version custom_llm_provider organization extra_body extra_headers headers
  model_list model_info deployment_id specific_deployment cache caching ttl s-maxage drop_params additional_drop_params allowed_openai_params input_cost_per_token output_cost_per_token
  session_id trace_id request_timeout timeout`);

export function isForTheProxy(name: string): boolean {
  return FOR_THE_PROXY.has(name) || name.startsWith('litellm_');
}

export function isFieldOf(endpoint: Endpoint, name: string): boolean {
  return FIELDS[endpoint].has(name);
}

/** Known to some endpoint, but not to this one: a default for chat that does not belong in an embedding. */
export function belongsElsewhere(endpoint: Endpoint, name: string): boolean {
  return !FIELDS[endpoint].has(name) && Object.values(FIELDS).some((fields) => fields.has(name));
}
