import { describe, expect, it } from 'vitest';
import type { ModelEntry } from '#libs/config';
import { Catalogue } from './catalogue.js';
import { compileDeployments } from './compile-deployments.js';

const entries = (...list: [string, string, Record<string, unknown>?][]): ModelEntry[] =>
  list.map(([modelName, model, info = {}], index) => ({
    modelName,
    params: { model, api_key: 'k', api_base: 'http://u/v1' },
    info,
    path: `model_list.${index}`,
  }));
const catalogue = new Catalogue(
  compileDeployments(
    entries(
      ['gpt-4', 'openai/gpt-4', { id: 'dep-1' }],
      ['gpt-4', 'azure/gpt-4', { id: 'dep-2' }],
      ['openai/*', 'openai/*'],
      ['openai/gpt-5*', 'openai/g5-*'],
      ['team-*-model-*', 'groq/*/x/*'],
      ['*', 'openrouter/*'],
      ['anthropic/*', 'anthropic/*'],
      ['bed', 'bedrock/x'],
    ),
  ),
  {
    alias: { model: 'gpt-4', hidden: false },
    secret: { model: 'gpt-4', hidden: true },
    twice: { model: 'alias', hidden: false },
  },
);
const found = (name: string) => {
  const resolution = catalogue.resolve(name);
  const [first] = resolution?.deployments ?? [];
  return (
    resolution && {
      group: resolution.group,
      model: first && resolution.upstreamModel(first),
      count: resolution.deployments.length,
    }
  );
};

describe('a model name', () => {
  it.each<[string, string, string | undefined, number]>([
    ['dep-2', 'gpt-4', 'gpt-4', 1],
    ['alias', 'gpt-4', 'gpt-4', 2],
    ['gpt-4', 'gpt-4', 'gpt-4', 2],
    ['openai/gpt-4o', 'openai/*', 'gpt-4o', 1],
    ['openai/gpt-5-mini', 'openai/gpt-5*', 'g5--mini', 1],
    ['team-a-model-b', 'team-*-model-*', 'a/x/b', 1],
    ['claude-x', 'anthropic/*', 'claude-x', 1],
    ['zzz', '*', 'zzz', 1],
    ['xopenai/gpt-4o', '*', 'xopenai/gpt-4o', 1],
    ['bed', 'bed', undefined, 0],
  ])('%s means group %s, sent as %s', (name, group, model, count) => {
    expect(found(name)).toEqual({ group, model, count });
  });

  it('follows an alias for one hop only', () => {
    expect(found('twice')?.group).toBe('*');
  });

  it('means nothing when it is empty, huge or unknown', () => {
    const small = new Catalogue(
      compileDeployments(entries(['gpt-4', 'openai/gpt-4-real'], ['a/*', 'openai/*'])),
    );
    for (const name of ['', 'x'.repeat(257), 'gpt', 'gpt-44', 'constructor', '__proto__', 'b/c'])
      expect(small.resolve(name)).toBeUndefined();
    expect(small.resolve('gpt-4-real')?.group).toBe('gpt-4');
    expect(small.resolve('openai/gpt-4-real')?.group).toBe('gpt-4');
  });

  /** Attack: name a deployment instead of its group, to slip past a grant that only knows groups. */
  it('needs its group granted when it is a deployment id', () => {
    expect(catalogue.resolve('dep-1')?.grantNames).toEqual(['dep-1', 'gpt-4']);
    expect(catalogue.resolve('gpt-4')?.grantNames).toEqual(['gpt-4']);
  });

  it('is remembered, within bounds', () => {
    expect(catalogue.resolve('remember')).toBe(catalogue.resolve('remember'));
    for (let i = 0; i < 5_000; i += 1) catalogue.resolve(`name-${i}`);
    expect(catalogue.resolve('name-1')?.group).toBe('*');
  });
});

describe('the list of groups', () => {
  it('shows what can be served, aliases unless hidden, and no empty group', () => {
    expect(catalogue.groups().map(({ name }) => name)).toEqual([
      'gpt-4',
      'openai/*',
      'openai/gpt-5*',
      'team-*-model-*',
      '*',
      'anthropic/*',
      'alias',
      'twice',
    ]);
  });

  it('changes at once, while a request keeps what it resolved', () => {
    const live = new Catalogue(compileDeployments(entries(['a', 'openai/a'])));
    const held = live.resolve('a');
    live.replace(compileDeployments(entries(['b', 'openai/b'])));
    expect(live.resolve('a')).toBeUndefined();
    expect(held?.deployments.length).toBe(1);
  });
});

describe('a model of one team', () => {
  const owned = (modelName: string, model: string, id: string): ModelEntry => ({
    modelName,
    teamId: 't1',
    params: { model, api_key: 'k', api_base: 'http://u/v1' },
    info: { id },
    path: id,
  });
  const mixed = new Catalogue(
    compileDeployments([
      ...entries(['gpt-4', 'openai/gpt-4', { id: 'shared' }], ['*', 'openrouter/*']),
      owned('gpt-4', 'openai/gpt-4-ours', 'own'),
      owned('ours', 'openai/secret-name', 'own-2'),
      owned('x-*', 'openai/*', 'own-3'),
    ]),
  );
  const idsFor = (name: string, teamId?: string) =>
    mixed.resolve(name, teamId)?.deployments.map(({ id }) => id);

  it('stands in for the shared one of its name, for its team alone', () => {
    expect(idsFor('gpt-4', 't1')).toEqual(['own']);
    expect(idsFor('gpt-4', 't2')).toEqual(['shared']);
    expect(idsFor('gpt-4')).toEqual(['shared']);
    expect(mixed.groups('t1').filter(({ name }) => name === 'gpt-4')).toMatchObject([{ teamId: 't1' }]);
    expect(mixed.groups().some(({ name }) => name === 'ours')).toBe(false);
  });

  /** Attack: call another team's model, at its cost, by its id or by the name of what is behind it. */
  it.each(['own', 'own-2', 'ours', 'secret-name', 'openai/secret-name'])('is not reached by %s', (name) => {
    for (const team of [undefined, 't2'])
      expect(mixed.resolve(name, team)?.teamId, `${name} for ${team ?? 'nobody'}`).toBeUndefined();
  });

  it('does not take shared names by a wildcard, nor by what it is called upstream', () => {
    expect(mixed.resolve('x-1', 't1')?.teamId).toBeUndefined();
    expect(mixed.resolve('gpt-4-ours', 't1')?.teamId).toBeUndefined();
  });

  it('counts its own group', () => {
    const [own] = mixed.resolve('gpt-4', 't1')?.deployments ?? [];
    expect(own && mixed.groupSizeOf(own)).toBe(1);
  });
});

describe('access groups', () => {
  it('narrow a name to the deployments that carry them', () => {
    const both = new Catalogue(
      compileDeployments(
        entries(
          ['m', 'openai/a', { id: 'beta', access_groups: ['beta'] }],
          ['m', 'openai/b', { id: 'prod', access_groups: ['prod'] }],
        ),
      ),
    );
    const resolution = both.resolve('m');
    expect(resolution?.accessGroups).toEqual(['beta', 'prod']);
    expect(resolution?.within(['beta']).deployments.map(({ id }) => id)).toEqual(['beta']);
    expect(resolution?.within(['beta', 'prod'])).toBe(resolution);
  });
});

describe('a blocked model', () => {
  it('is not served', () => {
    const some = compileDeployments(entries(['m', 'openai/a', { blocked: true }], ['n', 'openai/b']));
    expect(some.deployments.map(({ group }) => group)).toEqual(['n']);
  });
});
