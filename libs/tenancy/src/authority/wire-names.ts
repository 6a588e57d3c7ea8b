/** The contract's names of columns that are not called so in the database. */
const NAMES: ReadonlyMap<string, string> = new Map([
  ['expiresAt', 'duration'],
  ['maxBudgetNano', 'max_budget'],
  ['softBudgetNano', 'soft_budget'],
  ['budgetWindows', 'budget_limits'],
  ['modelBudgets', 'model_max_budget'],
  ['tempBudgetNano', 'temp_budget_increase'],
  ['tempBudgetEndsAt', 'temp_budget_expiry'],
  ['inputTpmLimit', 'itpm_limit'],
  ['outputTpmLimit', 'otpm_limit'],
  ['modelRpmLimits', 'model_rpm_limit'],
  ['modelTpmLimits', 'model_tpm_limit'],
  ['tagRpmLimits', 'tag_rpm_limit'],
  ['customerId', 'end_user_id'],
  ['customerBudgetId', 'end_user_budget_id'],
  ['role', 'user_role'],
  ['email', 'user_email'],
  ['passwordHash', 'password'],
  ['passwordResetRequired', 'password'],
]);

/** What a client calls a column, for refusals that name the field. */
export function wireName(column: string): string {
  return NAMES.get(column) ?? column.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
