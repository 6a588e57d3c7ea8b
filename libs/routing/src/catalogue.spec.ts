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
