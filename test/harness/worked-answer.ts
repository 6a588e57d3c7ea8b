/** The members of the contract's worked answer, in its order. */
export const WORKED_ANSWER =
  'key_alias duration models spend max_budget user_id team_id agent_id max_parallel_requests metadata tpm_limit rpm_limit budget_duration budget_limits allowed_cache_controls config permissions model_max_budget budget_fallbacks model_rpm_limit model_tpm_limit mcp_rpm_limit tag_rpm_limit guardrails policies prompts blocked aliases object_permission key tpd_limit default_estimated_output_tokens default_estimated_output_tokens_per_model budget_id end_user_budget_id tags disable_global_guardrails enable_prompt_caching throttle_on_budget_exceeded enforced_params allowed_routes allowed_passthrough_routes denied_passthrough_routes allowed_vector_store_indexes rpm_limit_type tpm_limit_type router_settings access_group_ids key_name key_type expires token_id organization_id project_id litellm_budget_table token created_by updated_by created_at updated_at'.split(
    ' ',
  );
