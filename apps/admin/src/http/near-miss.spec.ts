import { describe, expect, it } from 'vitest';
import { governingFieldMeantBy } from './near-miss.js';

/** A misspelt limit that is silently dropped hands out an unlimited key with a 200: the drop-in's best known trap. */
describe('a misspelt limit, budget or grant', () => {
  it.each([
    ['max_budgt', 'max_budget'],
    ['maxBudget', 'max_budget'],
    ['MAX_BUDGET', 'max_budget'],
    ['budget', 'max_budget'],
    ['rpm_limt', 'rpm_limit'],
    ['rpmlimit', 'rpm_limit'],
    ['tmp_limit', 'tpm_limit'],
    ['model', 'models'],
    ['allowed_route', 'allowed_routes'],
    ['max_paralel_request', 'max_parallel_requests'],
    ['budget_durration', 'budget_duration'],
    ['block', 'blocked'],
    ['bloked', 'blocked'],
    ['requests_per_minute', 'rpm_limit'],
    ['expires_in', 'duration'],
  ])('%s means %s', (name, meant) => {
    expect(governingFieldMeantBy(name)).toBe(meant);
  });

  it.each(['note', 'color', 'owner_email', 'x', 'constructor', '__proto__', 'a'.repeat(1_000_000)])(
    'is not seen in an unrelated name',
    (name) => {
      expect(governingFieldMeantBy(name)).toBeUndefined();
    },
  );
});
