import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { callerWith } from '../test/callers.js';
import { decideModelAccess, type GrantableDeployment } from './model-access.js';
import { type CatalogueEntry, fallbackNamesOf, visibleModels } from './visible-models.js';

const entry = (name: string, deployments: readonly GrantableDeployment[] = []): CatalogueEntry => ({
  name,
  resolvedGroup: name,
  accessGroups: [],
  deployments,
});
const withList = (models: readonly string[]) =>
  callerWith({ grants: [{ scope: { type: 'key', id: 'key_1' }, models }] });

describe('the models a caller sees', () => {
  it('are those it may call', () => {
    expect(visibleModels(withList(['a']), [entry('a'), entry('b')])).toEqual(['a']);
    expect(visibleModels(callerWith(), [entry('a'), entry('b')])).toEqual(['a', 'b']);
    expect(visibleModels(withList(['no-default-models']), [entry('a')])).toEqual([]);
  });

  it('do not include what is reserved for other keys', () => {
    const reserved = entry('a', [{ provider: 'openai', upstreamModel: 'a', allowedKeys: ['other'] }]);
    expect(visibleModels(callerWith(), [reserved])).toEqual([]);
  });

  it('name what a wildcard group serves them', () => {
    expect(visibleModels(withList(['openai/gpt-4o', 'azure/x']), [entry('openai/*')])).toEqual([
      'openai/gpt-4o',
    ]);
    expect(visibleModels(callerWith(), [entry('openai/*')])).toEqual(['openai/*']);
  });

  it('include their own aliases of visible models', () => {
    const caller = callerWith({
      grants: [{ scope: { type: 'key', id: 'k' }, models: ['a'] }],
      aliases: { mine: 'a', other: 'b' },
    });
    expect(visibleModels(caller, [entry('a'), entry('b')])).toEqual(['a', 'mine']);
  });

  it('are never one that a call would be refused for', () => {
    const name = fc.constantFrom('a', 'b', 'openai/x', 'openai/y', 'no-default-models');
    const listed = fc.oneof(name, fc.constantFrom('*', 'openai/*', 'a*', 'all-team-models'));
    fc.assert(fc.property(fc.array(listed), fc.uniqueArray(name), (models, names) => {
      const caller = withList(models);
      for (const model of visibleModels(caller, names.map((one) => entry(one)))) {
        expect(decideModelAccess(caller, { requestedModel: model, resolvedGroup: model, accessGroups: [], deployments: [] }).allowed).toBe(true);
      }
    })); // prettier-ignore
  });
});

describe('fallbacks named by a caller', () => {
  it.each([
    [{ fallbacks: ['b', 'c'] }, ['b', 'c']],
    [{ fallbacks: [{ model: 'b', messages: [{ role: 'x' }] }] }, ['b']],
    [{ fallbacks: [{ a: ['b'] }] }, ['b']],
    [{ context_window_fallbacks: { a: ['b'] }, content_policy_fallbacks: ['c'] }, ['b', 'c']],
    [{ model: 'a' }, []],
    [{ fallbacks: 7 }, []],
  ])('%j are %j', (body, names) => {
    expect(fallbackNamesOf(body)).toEqual(names);
  });
});
