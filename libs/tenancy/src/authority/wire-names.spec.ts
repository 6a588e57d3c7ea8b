import { describe, expect, it } from 'vitest';
import { wireName } from './wire-names.js';

describe('a refusal', () => {
  it.each([
    ['maxBudgetNano', 'max_budget'],
    ['maxParallelRequests', 'max_parallel_requests'],
    ['rpmLimitType', 'rpm_limit_type'],
    ['outputTpmLimit', 'otpm_limit'],
    ['customerBudgetId', 'end_user_budget_id'],
    ['serviceAccountId', 'service_account_id'],
    ['ssoUserId', 'sso_user_id'],
  ])('names the column %s as whoever sent it does: %s', (column, field) => {
    expect(wireName(column)).toBe(field);
  });
});
