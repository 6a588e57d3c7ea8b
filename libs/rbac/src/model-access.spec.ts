import type { GatewayError, Scope } from '#libs/kernel';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { callerWith, type CallerTraits } from '../test/callers.js';
import { assertModelAllowed, decideModelAccess, matchesGlob, type RequestedModel } from './model-access.js';

const KEY: Scope = { type: 'key', id: 'key_1' };
const asking = (requestedModel: string, more: Partial<RequestedModel> = {}): RequestedModel => ({
  requestedModel,
  resolvedGroup: requestedModel,
  accessGroups: [],
  deployments: [],
  ...more,
});
const withList = (models: readonly string[], more: CallerTraits = {}) =>
  callerWith({ grants: [{ scope: KEY, models }], ...more });
const allows = (models: readonly string[], requested: RequestedModel, more: CallerTraits = {}) =>
  decideModelAccess(withList(models, more), requested).allowed;

describe('one model list', () => {
  it.each([
    [[], 'gpt-4o', true],
    [['*'], 'gpt-4o', true],
    [['all-proxy-models'], 'gpt-4o', true],
    [['gpt-4o'], 'gpt-4o', true],
    [['gpt-4o'], 'GPT-4o', false],
    [['gpt-4o'], 'gpt-4o-mini', false],
    [['gpt-*'], 'gpt-4o', true],
    [['gpt-*'], 'my-gpt-4o', false],
    [['g*o'], 'gpt-4o', true],
    [['g*o'], 'gpt-4o-mini', false],
    [['openai/*'], 'openai/gpt-4o', true],
    [['openai/*'], 'azure/gpt-4o', false],
    [['openai/*'], 'xopenai/gpt-4o', false],
    [['no-default-models'], 'gpt-4o', false],
    [['no-default-models'], 'no-default-models', false],
    [['all-team-models'], 'gpt-4o', false],
    [['all-team-models'], 'all-team-models', false],
    [['gpt.4o'], 'gptx4o', false],
  ])('%j and %s: %s', (models, model, expected) => {
    expect(allows(models, asking(model))).toBe(expected);
  });

  it('knows access groups', () => {
    expect(allows(['beta'], asking('gpt-5', { accessGroups: ['beta'] }))).toBe(true);
    expect(allows(['beta'], asking('gpt-5', { accessGroups: ['stable'] }))).toBe(false);
  });

  it('lets provider/* stand for a bare name only where that provider serves it under that name', () => {
    const served = { deployments: [{ provider: 'openai', upstreamModel: 'gpt-4o' }] };
    expect(allows(['openai/*'], asking('gpt-4o', served))).toBe(true);
    expect(allows(['azure/*'], asking('gpt-4o', served))).toBe(false);
    expect(allows(['openai/*'], asking('cheap', served))).toBe(false);
  });

  /** Attack: a key alias is a name its owner chooses; listing it must not open what it points to. */
  it('counts the target of a key alias, never the alias', () => {
    const aliases = { mine: 'gpt-4o' };
    expect(allows(['gpt-4o'], asking('mine', { resolvedGroup: 'gpt-4o' }), { aliases })).toBe(true);
    expect(allows(['mine'], asking('mine', { resolvedGroup: 'gpt-4o' }), { aliases })).toBe(false);
  });

  it('is not fooled by names every object has', () => {
    expect(allows(['constructor'], asking('constructor'))).toBe(true);
    expect(allows(['gpt-4o'], asking('__proto__'))).toBe(false);
  });

  it('accepts a router alias by its own name or its target', () => {
    const alias = asking('smart', { resolvedGroup: 'gpt-4o' });
    expect(allows(['smart'], alias)).toBe(true);
    expect(allows(['gpt-4o'], alias)).toBe(true);
    expect(allows(['other'], alias)).toBe(false);
  });
});

describe('several scopes', () => {
  it.each([
    ['key', 'rbac.key_model_denied', 'key_model_access_denied'],
    ['team', 'rbac.team_model_denied', 'team_model_access_denied'],
    ['user', 'rbac.user_model_denied', 'user_model_access_denied'],
    ['organization', 'rbac.organization_model_denied', 'org_model_access_denied'],
    ['project', 'rbac.key_model_denied', 'project_model_access_denied'],
  ] as const)('names the %s that refused, without its list', (type, code, wireType) => {
    const caller = callerWith({
      grants: [
        { scope: KEY, models: ['secret-model', 'x'] },
        { scope: { type, id: 'id' }, models: ['secret-model'] },
      ],
    });
    const decision = decideModelAccess(caller, asking('x'));
    let error: GatewayError | undefined;
    try {
      assertModelAllowed(decision);
    } catch (thrown) {
      error = thrown as GatewayError;
    }
    expect(error).toMatchObject({ code, type: wireType, status: 403, param: 'model' });
    expect(error?.publicMessage).not.toContain('secret-model');
  });

  it('answers a user without models as a key limit', () => {
    const caller = callerWith({
      grants: [{ scope: { type: 'user', id: 'u' }, models: ['no-default-models'] }],
    });
    expect(decideModelAccess(caller, asking('x'))).toMatchObject({ code: 'rbac.key_model_denied' });
  });
});

describe('deployments reserved for keys', () => {
  const reserved = asking('x', {
    deployments: [{ provider: 'openai', upstreamModel: 'x', allowedKeys: ['admin-key-1', 'b'.repeat(64)] }],
  });

  it('admits the named keys and the master key, nobody else', () => {
    const allowed = (traits: CallerTraits) => decideModelAccess(callerWith(traits), reserved).allowed;
    expect(allowed({ keyAlias: 'admin-key-1' })).toBe(true);
    expect(allowed({ keyAlias: 'admin-key-2' })).toBe(false);
    expect(allowed({})).toBe(false);
    expect(allowed({ role: 'proxy_admin' })).toBe(false);
    expect(allowed({ credential: 'master_key' })).toBe(true);
  });

  it('admits everybody while one deployment is open', () => {
    const open = {
      ...reserved,
      deployments: [...reserved.deployments, { provider: 'openai', upstreamModel: 'x' }],
    };
    expect(decideModelAccess(callerWith(), open).allowed).toBe(true);
  });
});

describe('properties of model access', () => {
  const name = fc.stringMatching(/^[a-c*/.]{1,8}$/);
  const plain = fc.stringMatching(/^[a-c/.]{1,8}$/);
  const asRegExp = (pattern: string) =>
    new RegExp(
      `^${pattern
        .split('*')
        .map((part) => part.replaceAll(/[.*+?^${}()|[\]\\/]/g, String.raw`\$&`))
        .join('[^]*')}$`,
    );

  it('a glob matches as the anchored expression would', () => {
    fc.assert(fc.property(name, fc.stringMatching(/^[a-c/.]{0,10}$/), (pattern, text) => {
      expect(matchesGlob(pattern, text)).toBe(asRegExp(pattern).test(text));
    })); // prettier-ignore
  });

  it('a glob of many stars over a long name ends at once', () => {
    expect(matchesGlob(`${'a*'.repeat(200)}b`, 'a'.repeat(5_000))).toBe(false);
  });

  it('another scope never adds a model', () => {
    fc.assert(fc.property(fc.array(name), fc.array(name, { minLength: 1 }), plain, (key, team, model) => {
      const one = { scope: KEY, models: key };
      const both = callerWith({ grants: [one, { scope: { type: 'team', id: 't' }, models: team }] });
      const alone = decideModelAccess(callerWith({ grants: [one] }), asking(model)).allowed;
      if (decideModelAccess(both, asking(model)).allowed) expect(alone).toBe(true);
    })); // prettier-ignore
  });

  it('a list without globs grants exactly its members', () => {
    fc.assert(fc.property(fc.array(plain, { minLength: 1 }), plain, (models, model) => {
      expect(allows(models, asking(model))).toBe(models.includes(model));
    })); // prettier-ignore
  });
});

describe('access groups in a list', () => {
  const grouped = asking('gpt-4o', { accessGroups: ['beta', 'prod'] });

  it('let the caller in, through deployments that carry them', () => {
    expect(decideModelAccess(withList(['beta']), grouped)).toEqual({ allowed: true, through: ['beta'] });
    expect(decideModelAccess(withList(['beta', 'gpt-4o']), grouped)).toEqual({ allowed: true });
    expect(decideModelAccess(withList(['other']), grouped).allowed).toBe(false);
  });

  /** Attack: two lists that name different groups of one model must not add up to a deployment that only one of them allows. */
  it('of several scopes must name one in common', () => {
    const team: Scope = { type: 'team', id: 't1' };
    const both = (ofTeam: string[]) =>
      callerWith({
        grants: [
          { scope: KEY, models: ['beta'] },
          { scope: team, models: ofTeam },
        ],
      });
    expect(decideModelAccess(both(['prod']), grouped)).toMatchObject({
      allowed: false,
      code: 'rbac.team_model_denied',
    });
    expect(decideModelAccess(both(['prod', 'beta']), grouped)).toEqual({ allowed: true, through: ['beta'] });
  });
});

describe('access groups that were assigned', () => {
  const team: Scope = { type: 'team', id: 't1' };
  const assigned = (table: Record<string, string[]>) => ({
    modelsOf: ({ type, id }: Scope) => table[`${type}:${id}`],
  });

  it('grant what the list of the scope refuses, and no other scope’s', () => {
    const caller = withList(['other']);
    expect(decideModelAccess(caller, asking('gpt-4o'), assigned({ 'key:key_1': ['gpt-*'] })).allowed).toBe(
      true,
    );
    expect(decideModelAccess(caller, asking('gpt-4o'), assigned({ 'key:key_2': ['gpt-*'] })).allowed).toBe(
      false,
    );
    expect(decideModelAccess(caller, asking('claude'), assigned({ 'key:key_1': ['gpt-*'] })).allowed).toBe(
      false,
    );
  });

  it('of the key stand in for the team’s list, those of the team not for the key’s', () => {
    const inTeam = callerWith({ grants: [{ scope: team, models: ['other'] }] });
    const key = `key:${inTeam.key?.id ?? ''}`;
    expect(decideModelAccess(inTeam, asking('gpt-4o'), assigned({ [key]: ['gpt-4o'] })).allowed).toBe(true);
    expect(
      decideModelAccess(withList(['other']), asking('gpt-4o'), assigned({ 'team:t1': ['gpt-4o'] })).allowed,
    ).toBe(false);
  });
});

describe('a model of the caller’s team', () => {
  const caller = (id: string) => callerWith({ grants: [{ scope: { type: 'team', id }, models: ['other'] }] });

  it('needs no entry in the team’s list, but one in the key’s', () => {
    const own = asking('ours', { ownerTeamId: 't1' });
    expect(decideModelAccess(caller('t1'), own).allowed).toBe(true);
    expect(decideModelAccess(caller('t2'), own).allowed).toBe(false);
    expect(decideModelAccess(withList(['other']), own).allowed).toBe(false);
  });
});
