/** The columns of `Governed`, as every table that has them declares them; without their commas at either end. */
export const GOVERNED_COLUMNS = `
  max_budget_nano bigint CHECK (max_budget_nano >= 0),
  soft_budget_nano bigint CHECK (soft_budget_nano >= 0),
  budget_duration text,
  budget_anchor_at timestamptz,
  budget_reset_at timestamptz,
  budget_windows jsonb NOT NULL DEFAULT '[]',
  model_budgets jsonb NOT NULL DEFAULT '{}',
  temp_budget_nano bigint CHECK (temp_budget_nano >= 0),
  temp_budget_ends_at timestamptz,
  budget_id text,
  rpm_limit integer CHECK (rpm_limit >= 0),
  tpm_limit bigint CHECK (tpm_limit >= 0),
  input_tpm_limit bigint CHECK (input_tpm_limit >= 0),
  output_tpm_limit bigint CHECK (output_tpm_limit >= 0),
  max_parallel_requests integer CHECK (max_parallel_requests >= 0),
  model_rpm_limits jsonb NOT NULL DEFAULT '{}',
  model_tpm_limits jsonb NOT NULL DEFAULT '{}'`;
