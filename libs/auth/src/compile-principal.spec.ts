import { describe, expect, it } from 'vitest';
import { configWith, keyRow, memberRow, recordOf, teamRow, userRow } from '../test/records.js';
import { compilePrincipal } from './compile-principal.js';

const config = await configWith();

describe('a compiled principal', () => {
  it('carries every limit and budget of key, team, user and proxy', async () => {
    const limited = await configWith({
      limits: { requestsPerMinute: 100 },
      budgets: { proxyCapNanoUsd: 7n, proxyDuration: '30d' },
    });
    const principal = compilePrincipal(
      recordOf(
        keyRow('sk-a', { userId: 'u', teamId: 't', rpmLimit: 0, maxBudgetNano: 1n, budgetDuration: '1d' }),
        {
          user: userRow('u', { tpmLimit: 5, maxBudgetNano: 3n }),
          team: teamRow('t', { maxParallelRequests: 2, maxBudgetNano: 2n, softBudgetNano: 1n }),
          member: memberRow('t', 'u', { role: 'admin' }),
        },
      ),
      limited,
    );
    expect(principal.limits).toEqual([
      { scope: { type: 'key', id: 'key_sk-a' }, requestsPerMinute: 0 },
      { scope: { type: 'team', id: 't' }, parallelRequests: 2 },
      { scope: { type: 'user', id: 'u' }, tokensPerMinute: 5 },
      { scope: { type: 'proxy', id: 'proxy' }, requestsPerMinute: 100 },
    ]);
    // The user's budget does not bind team keys unless the operator says so.
    expect(principal.budgets.map(({ scope, capNanoUsd }) => [scope.type, capNanoUsd])).toEqual([
      ['key', 1n],
      ['team', 2n],
      ['proxy', 7n],
    ]);
    expect(principal.spendScopes.map(({ type, id }) => `${type}:${id}`)).toEqual([
      'key:key_sk-a', 'team:t', 'user:u', 'team_member:t:u', 'proxy:proxy',
    ]); // prettier-ignore
  });

  it('binds team keys to the user budget with apply_user_budget_to_team_keys', async () => {
    const strict = await configWith({ budgets: { applyUserBudgetToTeamKeys: true } });
    const record = recordOf(keyRow('sk-a', { userId: 'u', teamId: 't' }), {
      user: userRow('u', { maxBudgetNano: 3n }),
      team: teamRow('t'),
    });
    expect(compilePrincipal(record, config).budgets).toEqual([]);
    expect(compilePrincipal(record, strict).budgets).toMatchObject([{ scope: { type: 'user', id: 'u' } }]);
    // What resets must count what the user spends through its teams, too, as its lifetime does by itself.
    const daily = recordOf(keyRow('sk-a', { userId: 'u', teamId: 't' }), {
      user: userRow('u', { maxBudgetNano: 3n, budgetDuration: '1d' }),
      team: teamRow('t'),
    });
    expect(compilePrincipal(record, config).unboundBudgets).toBeUndefined();
    expect(compilePrincipal(daily, config).unboundBudgets).toMatchObject([{ duration: '1d' }]);
    expect(compilePrincipal(daily, strict).unboundBudgets).toBeUndefined();
    const personal = recordOf(keyRow('sk-a', { userId: 'u' }), { user: userRow('u', { maxBudgetNano: 3n }) });
    expect(compilePrincipal(personal, config).budgets).toMatchObject([{ scope: { type: 'user', id: 'u' } }]);
  });

  it.each([
    ['an unrestricted key', { models: [] }, undefined, undefined, []],
    ['a restricted key', { models: ['a'] }, undefined, undefined, ['key']],
    ['all-proxy-models', { models: ['all-proxy-models', 'a'] }, undefined, undefined, []],
    ['all-team-models with a team', { models: ['all-team-models'], teamId: 't' }, ['a'], undefined, ['team']],
    [
      'all-team-models without a team, which grants nothing',
      { models: ['all-team-models'] },
      undefined,
      undefined,
      ['key'],
    ],
    ['a team of all-team-models', { models: ['a'], teamId: 't' }, ['all-team-models'], undefined, ['key']],
    ['a user list on a personal key', { userId: 'u' }, undefined, ['no-default-models'], ['user']],
    [
      'a user list on a team key, which does not count',
      { userId: 'u', teamId: 't' },
      [],
      ['no-default-models'],
      [],
    ],
  ])('keeps the grants of %s', (_, key, teamModels, userModels, expected) => {
    const record = recordOf(keyRow('sk-a', key), {
      team: teamModels === undefined ? null : teamRow('t', { models: teamModels }),
      user: userModels === undefined ? null : userRow('u', { models: userModels }),
    });
    expect(compilePrincipal(record, config).modelGrants.map(({ scope }) => scope.type)).toEqual(expected);
  });

  it.each([
    ['no user at all', {}, null, 'team'],
    ['a user that does not exist', { userId: 'u' }, null, 'team'],
    ['an administrator', { userId: 'u' }, 'proxy_admin', 'proxy_admin'],
    ['an unknown role', { userId: 'u' }, 'superuser', 'internal_user_viewer'],
    [
      'a pinned customer, even of an administrator',
      { userId: 'u', customerId: 'c' },
      'proxy_admin',
      'customer',
    ],
  ])('gives the role of %s', (_, key, role, expected) => {
    const user = role === null ? null : userRow('u', { role });
    expect(compilePrincipal(recordOf(keyRow('sk-a', key), { user }), config).role).toBe(expected);
  });

  it('lets the key choose before its team where both name an alias', () => {
    const record = recordOf(keyRow('sk-a', { teamId: 't', aliases: { a: 'key-model' } }), {
      team: teamRow('t', { modelAliases: { a: 'team-model', b: 'other' }, tags: ['x'], organizationId: 'o' }),
    });
    const principal = compilePrincipal(record, config);
    expect(principal.modelAliases).toEqual({ a: 'key-model', b: 'other' });
    expect(principal.organizationId).toBe('o');
    expect(principal.tags).toEqual(['x']);
  });
});
