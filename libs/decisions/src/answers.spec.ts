import type { Scope } from '#libs/kernel';
import { Pseudonyms } from '#libs/telemetry';
import { describe, expect, it } from 'vitest';
import { toChecksAnswer, toDecisionAnswer } from './answers.js';
import type { Check } from './check.js';
import type { Decision } from './decision.js';

const plain = new Pseudonyms(undefined);

const limit = (scope: Scope, verdict: Check['verdict'] = 'passed'): Check => ({
  name: 'limit',
  scope,
  verdict,
  dimension: 'requests',
  limit: 7,
  ...(verdict === 'refused'
    ? {
        code: 'ratelimit.exceeded',
        current: 7,
        wouldAllow: 'more',
        change: { action: 'raise_limit', scope, field: 'rpm_limit', value: 8 },
      }
    : {}),
});

describe('what a caller is shown of its checks', () => {
  const checks = [
    limit({ type: 'key', id: 'key_1' }),
    limit({ type: 'team', id: 'blue' }),
    limit({ type: 'team', id: 'blue' }, 'refused'),
    limit({ type: 'proxy', id: 'proxy' }, 'refused'),
    limit({ type: 'deployment', id: 'azure-east-7' }, 'refused'),
  ];

  it('are its own numbers, and those of others only where its error said them', () => {
    const own = toChecksAnswer(checks, 'own', plain);
    expect(own.checks.map((check) => check.limit)).toEqual([7, undefined, 7, undefined, undefined]);
    expect(own.would_allow?.changes.map(({ value }) => value)).toEqual([8, null, null]);
    expect(own.would_allow?.text).toEqual(['more']);
    expect(JSON.stringify(own)).not.toContain('azure-east-7');
  });

  it('is everything, for administrators', () => {
    const all = toChecksAnswer(checks, 'all', plain);
    expect(all.checks.every((check) => check.limit === 7)).toBe(true);
    expect(JSON.stringify(all)).toContain('azure-east-7');
  });

  it('never is the address that a list lacks', () => {
    const check: Check = {
      name: 'network',
      verdict: 'refused',
      code: 'rbac.network_denied',
      change: { action: 'allow_address', value: '203.0.113.9' },
    };
    expect(JSON.stringify(toChecksAnswer([check], 'own', plain))).not.toContain('203.0.113.9');
  });
});

it('tells a caller the numbers of a model whose limits are its own, whoever set them', () => {
  const owners = [
    'key:key_1',
    'user:ada',
    'team_member:blue:ada',
    'organization_member:acme:ada',
    'customer:77',
    'team:blue',
  ];
  const checks = owners.map((owner) => limit({ type: 'model', id: `${owner}:gpt-4o` }));
  const { checks: shown } = toChecksAnswer(checks, 'own', plain);
  expect(shown.map((one) => one.limit)).toEqual([7, 7, 7, 7, 7, undefined]);
  expect(shown.map((one) => one.scope?.id)).toEqual(owners.map((owner) => `${owner}:gpt-4o`));
});

/** An operator who wants nobody known must not find names in refusals. */
it('names nobody where pseudonyms are on: not in ids, not in sentences', () => {
  const decision: Decision = {
    id: 'dec_1',
    at: new Date(0),
    code: 'budget.exceeded',
    status: 422,
    message: 'Budget has been exceeded! ExceededBudget: User=ada@example.com Current cost: 1',
    route: 'POST /v1/chat/completions',
    model: 'demo',
    requestId: null,
    subject: {
      credential: 'jwt',
      role: 'internal_user',
      keyId: null,
      userId: 'ada@example.com',
      teamId: 'blue',
      organizationId: null,
      customerId: 'customer-77',
    },
    checks: [
      { name: 'budget', scope: { type: 'user', id: 'ada@example.com' }, verdict: 'refused' },
      { name: 'budget', scope: { type: 'team_member', id: 'blue:ada@example.com' }, verdict: 'passed' },
      { name: 'customer', scope: { type: 'customer', id: 'customer-77' }, verdict: 'passed' },
      { name: 'limit', scope: { type: 'model', id: 'user:ada@example.com:gpt-4o' }, verdict: 'passed' },
      {
        name: 'limit',
        scope: { type: 'model', id: 'team_member:blue:ada@example.com:o3:mini' },
        verdict: 'passed',
      },
    ],
  };
  const shown = JSON.stringify(toDecisionAnswer(decision, 'all', new Pseudonyms(Buffer.from('key'))));
  expect(shown).not.toMatch(/ada@example|customer-77/);
  expect(shown).toContain('anon-user-');
});
