import { Team, User, VirtualKey } from '#libs/database';
import { GatewayError } from '#libs/kernel';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { assertMayActOnKey, assertMayHoldSecret, type KeyAction } from './key-access.js';
import { judgeKeyChange, judgeNewKey, type KeyJudgement } from './key-judgement.js';
import { widerPower } from './powers.js';
import type { Standing } from './standing.js';

const NOW = Date.UTC(2026, 0, 1);

const keyOf = (columns: Partial<VirtualKey>): VirtualKey =>
  Object.assign(new VirtualKey(), {
    id: 'k',
    userId: null,
    teamId: null,
    organizationId: null,
    projectId: null,
    customerId: null,
    serviceAccountId: null,
    models: [],
    aliases: {},
    allowedRoutes: [],
    tags: [],
    metadata: {},
    blocked: false,
    expiresAt: null,
    keyType: null,
    maxBudgetNano: null,
    softBudgetNano: null,
    budgetDuration: null,
    budgetWindows: [],
    modelBudgets: {},
    budgetId: null,
    tempBudgetNano: null,
    tempBudgetEndsAt: null,
    rpmLimit: null,
    tpmLimit: null,
    inputTpmLimit: null,
    outputTpmLimit: null,
    maxParallelRequests: null,
    modelRpmLimits: {},
    modelTpmLimits: {},
    customerBudgetId: null,
    throttleOnBudgetExceeded: false,
    ...columns,
  });
const teamOf = (id: string, organizationId: string | null = null, columns: Partial<Team> = {}): Team =>
  Object.assign(new Team(), {
    id,
    organizationId,
    alias: null,
    models: [],
    maxBudgetNano: null,
    rpmLimit: null,
    tpmLimit: null,
    inputTpmLimit: null,
    outputTpmLimit: null,
    maxParallelRequests: null,
    memberKeyDuration: null,
    ...columns,
  });
const userOf = (id: string, role: string): User =>
  Object.assign(new User(), { id, role, maxBudgetNano: null });

const TEAMS = new Map([
  ['led', teamOf('led', null, { models: ['a', 'b'], rpmLimit: 100, maxBudgetNano: 50n })],
  ['joined', teamOf('joined')],
  ['foreign', teamOf('foreign', 'o1')],
]);
const USERS = new Map(
  [
    ['mallory', 'internal_user'],
    ['bob', 'internal_user'],
    ['root', 'proxy_admin'],
  ].map(([id = '', role = '']) => [id, userOf(id, role)]),
);
/** Everybody is in the team that Mallory leads: the administrator too, whom she must not become. */
const isMember = (teamId: string | null, userId: string | null): boolean =>
  teamId === 'led' && userId !== null;

const standing = (permissions: readonly string[] = []): Standing => ({
  role: 'internal_user',
  userId: 'mallory',
  keyId: 'start',
  homeOrganizationId: null,
  teams: new Map([
    ['led', { role: 'admin', organizationId: null, memberPermissions: null }],
    ['joined', { role: 'user', organizationId: null, memberPermissions: permissions }],
  ]),
  organizations: new Map(),
});

const judgement = (
  who: Standing,
  after: Partial<VirtualKey>,
  callingKey: VirtualKey | null,
): KeyJudgement => ({
  standing: who,
  team: TEAMS.get(after.teamId ?? '') ?? null,
  user: USERS.get(after.userId ?? '') ?? null,
  isMember: isMember(after.teamId ?? null, after.userId ?? null),
  project: null,
  callingKey,
  grants: { editableFields: [] },
  nowMs: NOW,
});

const model = fc.constantFrom('a', 'b', 'c', '*', 'all-proxy-models', 'all-team-models', 'no-default-models');
const amount = fc.option(fc.bigInt(0n, 100n));
const count = fc.option(fc.nat(200));
const columns = fc.record(
  {
    userId: fc.constantFrom('mallory', 'bob', 'root', 'nobody', null),
    teamId: fc.constantFrom('led', 'joined', 'foreign', 'missing', null),
    organizationId: fc.constantFrom('o1', null, null),
    models: fc.uniqueArray(model, { maxLength: 3 }),
    allowedRoutes: fc.uniqueArray(
      fc.constantFrom('llm_api_routes', 'info_routes', 'management_routes', '/audit', '/*'),
      { maxLength: 2 },
    ),
    tags: fc.uniqueArray(fc.constantFrom('x', 'y'), { maxLength: 2 }),
    expiresAt: fc.option(fc.nat(1000).map((n) => new Date(NOW + n))),
    maxBudgetNano: amount,
    budgetDuration: fc.constantFrom('1d', '30d', null),
    tempBudgetNano: amount,
    budgetId: fc.constantFrom('shared', null),
    rpmLimit: count,
    tpmLimit: count,
    maxParallelRequests: count,
    modelRpmLimits: fc.dictionary(fc.constantFrom('a', 'b'), fc.nat(20), { maxKeys: 2 }),
    metadata: fc.constantFrom({}, { priority: 'high' }, { guardrails: [] }, { note: 'x' }),
    customerBudgetId: fc.constantFrom('shared', null),
    blocked: fc.boolean(),
  },
  { requiredKeys: [] },
);
/** Most changes name a setting or two: with all of them at once nearly every one would be refused for something. */
const few = fc.tuple(columns, fc.uniqueArray(fc.nat(20), { maxLength: 2 })).map(([all, picks]) => {
  const names = Object.keys(all);
  return Object.fromEntries(
    picks
      .flatMap((pick) => names.slice(pick % (names.length + 1), (pick % (names.length + 1)) + 1))
      .map((name) => [name, all[name as keyof typeof all]]),
  ) as typeof all;
});
const step = fc.record({
  what: fc.constantFrom('generate', 'update', 'regenerate'),
  which: fc.nat(50),
  calling: fc.nat(50),
  columns: fc.oneof(few, columns),
});

function permitted<T>(attempt: () => T): T | undefined {
  try {
    return attempt();
  } catch (thrown) {
    if (thrown instanceof GatewayError) return undefined;
    throw thrown;
  }
}

describe('what somebody who is no proxy administrator can do with keys', () => {
  /**
   * The attack: a chain of calls, each of them permitted, at whose end somebody holds more than at its beginning: a key
   * without the limits of the key it was made with, the secret of a key that acts as an administrator, a path.
   */
  it('never ends with more than what it began with', () => {
    fc.assert(
      fc.property(
        columns,
        fc.subarray(['/key/generate', '/key/update', '/key/regenerate']),
        fc.array(step, { maxLength: 12 }),
        (start, permissions, steps) => {
          const who = standing(permissions);
          const first = keyOf({
            ...start,
            id: 'start',
            userId: 'mallory',
            teamId: null,
            organizationId: null,
            blocked: false,
            budgetId: null,
          });
          const others = [
            keyOf({ id: 'roots', userId: 'root', teamId: 'led' }),
            keyOf({ id: 'bobs', userId: 'bob' }),
            keyOf({ id: 'foreign', teamId: 'foreign', models: ['a'] }),
            keyOf({ id: 'scim', teamId: 'led', allowedRoutes: ['/scim/*'] }),
            keyOf({
              id: 'mine',
              userId: 'mallory',
              teamId: 'joined',
              models: ['a'],
              rpmLimit: 5,
              maxBudgetNano: 7n,
              tags: ['x'],
              metadata: { priority: 'low' },
            }),
          ];
          const began = new Map(others.map((key) => [key.id, keyOf({ ...key })]));
          const keys = [first, ...others];
          const held = [first];
          for (const { what, which, calling, columns: wanted } of steps) {
            const callingKey = held[calling % held.length] ?? first;
            const index = which % keys.length;
            const target = keys[index] ?? first;
            if (what === 'generate') {
              const own = { userId: 'mallory', ...wanted };
              const made = permitted(() => ({
                ...own,
                ...judgeNewKey(own, judgement(who, own, callingKey)),
              }));
              if (made === undefined) continue;
              const key = keyOf({ ...made, id: `k${keys.length}` });
              expect(widerPower(callingKey, key)).toBeUndefined();
              keys.push(key);
              held.push(key);
              continue;
            }
            const team = TEAMS.get(target.teamId ?? '') ?? null;
            const capacity = permitted(() =>
              assertMayActOnKey(who, what as KeyAction, { key: target, team }),
            );
            if (capacity === undefined) continue;
            const after = keyOf({ ...target, ...wanted, id: target.id });
            if (
              permitted(
                () => (judgeKeyChange(capacity, target, after, judgement(who, after, callingKey)), true),
              ) === undefined
            )
              continue;
            if (
              what === 'regenerate' &&
              permitted(() => (assertMayHoldSecret(who, after), true)) === undefined
            )
              continue;
            if (capacity === 'owner' || capacity === 'member')
              expect(widerPower(target, after)).toBeUndefined();
            keys[index] = after;
            if (what === 'regenerate') held.push(after);
          }
          for (const key of held) {
            const isLlmOnly =
              key.allowedRoutes.length > 0 && key.allowedRoutes.every((route) => route === 'llm_api_routes');
            // Only her own powers, or none.
            expect(key.userId === 'mallory' || key.userId === null || isLlmOnly).toBe(true);
            expect(['led', 'joined', null]).toContain(key.teamId);
            const paths = key.allowedRoutes.filter((route) => route.startsWith('/'));
            expect(paths.every((path) => first.allowedRoutes.includes(path))).toBe(true);
            if (key.metadata['priority'] === 'high') expect(first.metadata['priority']).toBe('high');
            if (key.budgetId !== null) expect(key.budgetId).toBe(first.budgetId);
          }
          for (const key of keys) {
            if (key.id === 'foreign' || key.id === 'bobs') expect(key).toEqual(began.get(key.id));
            if (key.teamId === 'led' && key.id.startsWith('k')) {
              expect(key.rpmLimit ?? 0).toBeLessThanOrEqual(100);
              expect(key.maxBudgetNano ?? 0n).toBeLessThanOrEqual(50n);
              expect(key.models.every((name) => name !== 'c' && name !== '*')).toBe(true);
            }
            // In the team she leads she may as much as a new key there could.
            if (key.id === 'mine' && key.teamId === 'joined')
              expect(widerPower({ ...began.get('mine') }, key)).toBeUndefined();
          }
        },
      ),
      { numRuns: 2_000 },
    );
  });

  it('is nothing for those who only read, whatever their memberships say', () => {
    for (const role of ['internal_user_viewer', 'proxy_admin_viewer', 'team', 'customer'] as const) {
      const reader = { ...standing(['/key/generate']), role };
      expect(
        permitted(() => judgeNewKey({ userId: 'mallory' }, judgement(reader, { userId: 'mallory' }, null))),
      ).toBeUndefined();
      expect(
        permitted(() =>
          assertMayActOnKey(reader, 'update', { key: keyOf({ userId: 'mallory' }), team: null }),
        ),
      ).toBeUndefined();
    }
  });

  it('is refused in the same words for a key that is not theirs and one that is not there', () => {
    const said = (place: Parameters<typeof assertMayActOnKey>[2]): unknown => {
      try {
        return assertMayActOnKey(standing(), 'update', place);
      } catch (thrown) {
        return thrown instanceof GatewayError
          ? [thrown.status, thrown.publicMessage, thrown.param, thrown.detail]
          : thrown;
      }
    };
    expect(said({ key: keyOf({ userId: 'bob' }), team: null })).toEqual(said(undefined));
  });
});

describe('a new key', () => {
  const make = (
    wanted: Partial<VirtualKey>,
    callingKey: VirtualKey | null = null,
    who = standing(['/key/generate']),
  ) => judgeNewKey(wanted, judgement(who, wanted, callingKey));

  it('takes on the limits of the key it is made with', () => {
    const callingKey = keyOf({
      userId: 'mallory',
      rpmLimit: 3,
      maxBudgetNano: 9n,
      budgetDuration: '1d',
      models: ['a'],
    });
    expect(make({ userId: 'mallory' }, callingKey)).toMatchObject({
      rpmLimit: 3,
      maxBudgetNano: 9n,
      budgetDuration: '1d',
      models: ['a'],
    });
    expect(() => make({ userId: 'mallory', rpmLimit: 4 }, callingKey)).toThrow("'rpm_limit' is over");
    expect(() => make({ userId: 'mallory', maxBudgetNano: 9n }, callingKey)).not.toThrow();
  });

  it('for another member opens models and nothing else', () => {
    expect(make({ userId: 'bob', teamId: 'led' })).toMatchObject({ allowedRoutes: ['llm_api_routes'] });
    expect(() => make({ userId: 'root', teamId: 'led' })).toThrow(
      'User can only create keys for themselves.',
    );
    expect(() => make({ userId: 'bob', teamId: 'joined' })).toThrow(
      'User can only create keys for themselves.',
    );
  });

  it('in a team needs the permission of a member', () => {
    expect(() => make({ userId: 'mallory', teamId: 'joined' }, null, standing())).toThrow(
      'Team member does not have permissions',
    );
    expect(make({ userId: 'mallory', teamId: 'joined' })).toEqual({});
  });

  it('of somebody an organization made counts for the organization', () => {
    expect(make({ userId: 'mallory' }, null, { ...standing(), homeOrganizationId: 'o9' })).toMatchObject({
      organizationId: 'o9',
    });
  });

  it('lives no longer than the team lets keys of members live', () => {
    TEAMS.set('brief', teamOf('brief', null, { memberKeyDuration: '1h' }));
    const who = {
      ...standing(),
      teams: new Map([
        ['brief', { role: 'user' as const, organizationId: null, memberPermissions: ['/key/generate'] }],
      ]),
    };
    expect(make({ userId: 'mallory', teamId: 'brief' }, null, who).expiresAt).toEqual(
      new Date(NOW + 3_600_000),
    );
  });
});
