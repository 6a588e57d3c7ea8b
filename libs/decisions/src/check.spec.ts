import type { Denial } from '#libs/kernel';
import { describe, expect, it } from 'vitest';
import { principal } from '../../../test/harness/caller.js';
import { checkOf, judgedChecks, plannedChecks } from './check.js';

const key = { type: 'key', id: 'key_1' } as const;
const team = { type: 'team', id: 'blue' } as const;

const caller = principal({
  displayName: 'key_1',
  key: { id: 'key_1', hash: 'h', maskedName: 'sk-...1' },
  team: { id: 'blue' },
  modelGrants: [
    { scope: key, models: ['a'] },
    { scope: team, models: ['a'] },
  ],
  limits: [{ scope: key, requestsPerMinute: 5, inputTokensPerMinute: 9 }],
  budgets: [
    { scope: key, name: 'main', capNanoUsd: 1n, anchorMs: 0 },
    { scope: key, name: '1d', capNanoUsd: 1n, anchorMs: 0 },
    { scope: team, name: 'main', capNanoUsd: 1n, anchorMs: 0 },
  ],
});

const told = (
  denials: readonly Denial[],
  whole = false,
  at = checkOf(denials[0] ?? { code: 'x.y' }),
): string[] =>
  judgedChecks(plannedChecks(caller, true), denials, { name: at, whole }).map(
    ({ name, scope, budget, verdict }) => [name, scope?.type, budget, verdict].filter(Boolean).join(' '),
  );

describe('the checks of a request that was refused', () => {
  it('passed before the one that refused, and were not reached after it', () => {
    const checks = told([{ code: 'rbac.team_model_denied', scope: team }]);
    expect(checks).toContain('route passed');
    expect(checks).toContain('model key passed');
    expect(checks).toContain('model team refused');
    expect(checks).toContain('deployment not_reached');
    expect(checks).toContain('budget key main not_reached');
  });

  it('are one step where they are taken in one step: what is not named was free', () => {
    const checks = told([
      { code: 'budget.exceeded', scope: key, budget: '1d' },
      { code: 'ratelimit.exceeded', scope: key, dimension: 'requests' },
    ]);
    expect(checks.filter((check) => /^(budget|limit)/.test(check))).toEqual([
      'budget key main passed',
      'budget key 1d refused',
      'budget team main passed',
      'limit key refused',
      'limit key passed',
    ]);
  });

  it('name an upstream’s limit that no plan of the caller’s has, after the caller’s own', () => {
    const checks = told([
      { code: 'ratelimit.exceeded', scope: { type: 'deployment', id: 'd' }, dimension: 'requests' },
    ]);
    expect(checks.at(-1)).toBe('limit deployment refused');
    expect(checks.filter((check) => check.endsWith('refused'))).toHaveLength(1);
  });

  it('are all asked of a call that is only thought of', () => {
    const checks = told([{ code: 'rbac.key_model_denied', scope: key }], true, 'limit');
    expect(checks.filter((check) => check.endsWith('not_reached'))).toEqual([]);
    expect(checks).toContain('model key refused');
  });

  it('of nobody known end at the credential', () => {
    const checks = judgedChecks(plannedChecks(undefined, true), [{ code: 'auth.credential_unknown' }], {
      name: 'credential',
      whole: false,
    });
    expect(checks.map(({ name, verdict }) => `${name} ${verdict}`)).toEqual([
      'network passed',
      'served_route passed',
      'credential refused',
    ]);
  });

  it('tell a guard’s refusal from a handler’s, which is about a row', () => {
    expect(checkOf({ code: 'rbac.forbidden' })).toBe('ownership');
    expect(checkOf({ code: 'rbac.forbidden', change: { action: 'grant_role' } })).toBe('route');
    expect(checkOf({ code: 'rbac.route_denied', change: { action: 'configure' } })).toBe('served_route');
  });
});
