/** Limits that clients may also send inside `metadata`, where the contract keeps them. */
export const FOLDED_LIMITS = ['model_rpm_limit', 'model_tpm_limit'] as const;

/** The same of everything that teams have. */
export const FOLDED_OF_TEAMS = [
  ...FOLDED_LIMITS,
  'allowed_passthrough_routes',
  'denied_passthrough_routes',
  'enforced_params',
  'default_estimated_output_tokens',
  'default_estimated_output_tokens_per_model',
] as const;

/** The same of everything that keys have. */
export const FOLDED_OF_KEYS = [
  ...FOLDED_OF_TEAMS,
  'rpm_limit_type',
  'tpm_limit_type',
  'temp_budget_increase',
  'temp_budget_expiry',
  'tag_rpm_limit',
  'throttle_on_budget_exceeded',
  'end_user_budget_id',
  'budget_fallbacks',
] as const;
