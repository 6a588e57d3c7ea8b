import { Budget, Customer, Organization, OrganizationMember, Project, Tag } from '#libs/database';
import { describe, expect, it } from 'vitest';
import { configWith, governedRow, keyRow, memberRow, recordOf, teamRow, userRow } from '../test/records.js';
import { dependenciesOf, standingOf } from './compiled-key.js';
import { compilePrincipal } from './compile-principal.js';

const config = await configWith({ budgets: { customerBudgetId: 'everybody', throttleShare: 0.5 } });
const day = { capNano: '5', duration: '1d' };

const everything = () => {
  const key = keyRow('sk-a', {
    userId: 'u',
    teamId: 't',
    organizationId: 'o',
    projectId: 'p',
    customerId: 'c',
    tags: ['x'],
    budgetWindows: [day, { capNano: '70', duration: '30d' }],
    throttleOnBudgetExceeded: true,
  });
  return recordOf(key, {
    user: userRow('u', { rpmLimit: 7 }),
    team: teamRow('t', { memberRpmLimit: 3, memberMaxBudgetNano: 0n, metadata: { priority: 'premium' } }),
    member: memberRow('t', 'u', { maxBudgetNano: 9n }),
    organization: governedRow(new Organization(), { id: 'o', models: [], budgetId: 'b', metadata: {} }),
    organizationMember: governedRow(new OrganizationMember(), {
      organizationId: 'o',
      userId: 'u',
      tpmLimit: 4,
    }),
    project: governedRow(new Project(), {
      id: 'p',
      teamId: 't',
      blocked: false,
      tags: ['y'],
      models: ['only-this'],
      outputTpmLimit: 6,
    }),
    customer: governedRow(new Customer(), { id: 'c', blocked: false, models: [] }),
    tags: new Map([['x', governedRow(new Tag(), { name: 'x', maxBudgetNano: 8n })]]),
    budgets: new Map([
      ['b', governedRow(new Budget(), { id: 'b', maxBudgetNano: 11n, budgetDuration: '1mo', rpmLimit: 2 })],
      ['everybody', governedRow(new Budget(), { id: 'everybody', maxBudgetNano: 1n, inputTpmLimit: 5 })],
    ]),
  });
};

describe('a caller with every scope', () => {
  it('has every limit and budget of them, its own or that of the row it points to', () => {
    const { limits, budgets, priority, throttleTo } = compilePrincipal(everything(), config);
    expect(limits.map(({ scope, ...limit }) => [`${scope.type}:${scope.id}`, limit])).toEqual([
      ['user:u', { requestsPerMinute: 7 }],
      ['team_member:t:u', { requestsPerMinute: 3 }],
      ['organization:o', { requestsPerMinute: 2 }],
      ['organization_member:o:u', { tokensPerMinute: 4 }],
      ['project:p', { outputTokensPerMinute: 6 }],
      ['customer:c', { inputTokensPerMinute: 5 }],
    ]);
    expect(
      budgets.map(({ scope, name, capNanoUsd, duration }) => [scope.type, name, capNanoUsd, duration]),
    ).toEqual([
      ['key', '1d', 5n, '1d'],
      ['key', '30d', 70n, '30d'],
      ['team_member', 'main', 9n, undefined],
      ['organization', 'main', 11n, '1mo'],
      ['customer', 'main', 1n, undefined],
      ['tag', 'main', 8n, undefined],
    ]);
    expect({ priority, throttleTo }).toEqual({ priority: 'premium', throttleTo: 0.5 });
  });

  it('is charged in all of them', () => {
    const { spendScopes, tags } = compilePrincipal(everything(), config);
    expect(spendScopes.map(({ type }) => type)).toEqual([
      'key', 'team', 'user', 'team_member', 'organization', 'organization_member', 'project', 'customer', 'tag', 'tag', 'proxy',
    ]); // prettier-ignore
    expect(tags).toEqual(['x', 'y']);
  });

  it('depends on every row it was made from, and on those that may yet be made', () => {
    expect(dependenciesOf(everything(), config).sort()).toEqual([
      'budget:b', 'budget:everybody', 'customer:c', 'key:key_sk-a', 'organization:o', 'organization_member:o:u',
      'project:p', 'tag:x', 'tag:y', 'team:t', 'team_member:t:u', 'user:u',
    ]); // prettier-ignore
  });

  it('may use what its project and its customer may', () => {
    expect(compilePrincipal(everything(), config).modelGrants).toEqual([
      { scope: { type: 'project', id: 'p' }, models: ['only-this'] },
    ]);
  });

  it.each([
    ['project_blocked', { project: { blocked: true } }],
    ['customer_blocked', { customer: { blocked: true } }],
    ['team_missing', { team: null }],
  ])('does not come in when it is %s', (standing, changed) => {
    expect(standingOf({ ...everything(), ...changed } as ReturnType<typeof everything>)).toBe(standing);
  });
});

describe('a caller without a key', () => {
  it('is compiled the same way, under the name its credential gives', () => {
    const record = { ...everything(), key: null };
    const principal = compilePrincipal(record, config, () => true, {
      credential: 'jwt',
      displayName: 'jwt:u',
      role: 'internal_user',
      expiresAtMs: 5,
    });
    expect(principal).toMatchObject({
      credential: 'jwt',
      displayName: 'jwt:u',
      user: { id: 'u' },
      expiresAtMs: 5,
    });
    expect(principal.key).toBeUndefined();
    expect(principal.budgets.map(({ scope }) => scope.type)).not.toContain('key');
  });
});

describe('a temporary increase', () => {
  it('stays with its end, so that nothing cached outlives it', () => {
    const tempBudgetEndsAt = new Date(Date.UTC(2026, 5, 1));
    const key = keyRow('sk-a', { maxBudgetNano: 5n, tempBudgetNano: 3n, tempBudgetEndsAt });
    expect(compilePrincipal(recordOf(key), config).budgets).toMatchObject([
      { capNanoUsd: 5n, increase: { nanoUsd: 3n, endsAtMs: tempBudgetEndsAt.getTime() } },
    ]);
  });
});

describe('rules per model', () => {
  it('of the key count before its team’s, dimension by dimension', () => {
    const key = keyRow('sk-a', { teamId: 't', modelRpmLimits: { m: 1 }, modelBudgets: { m: day } });
    const team = teamRow('t', {
      modelRpmLimits: { m: 9, other: 2 },
      modelTpmLimits: { m: 100 },
      modelBudgets: { m: { capNano: '99', duration: null }, other: day },
    });
    const { modelRules } = compilePrincipal(recordOf(key, { team }), config);
    expect(
      modelRules?.map(({ owner, limits, budgets }) => [owner.type, limits, Object.keys(budgets)]),
    ).toEqual([
      ['key', { m: { requestsPerMinute: 1 } }, ['m']],
      ['team', { m: { tokensPerMinute: 100 }, other: { requestsPerMinute: 2 } }, ['other']],
    ]);
  });
});
