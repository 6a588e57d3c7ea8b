import { describe, expect, it } from 'vitest';
import { AccessGroup } from '#libs/database';
import { AccessGroupIndex } from './access-group-index.js';

const group = (id: string, fields: Partial<AccessGroup>): AccessGroup =>
  Object.assign(new AccessGroup(), { id, models: [], teamIds: [], keyIds: [], userIds: [], ...fields });
const key = { type: 'key', id: 'k' } as const;
const team = { type: 'team', id: 't' } as const;

describe('what access groups give', () => {
  it('is the models of all of them, to whom they were given', () => {
    const index = new AccessGroupIndex();
    const both = { keyIds: ['k'], teamIds: ['t'] };
    index.replace([
      group('a', { ...both, models: ['m'] }),
      group('b', { keyIds: ['k'], models: ['n', 'o'] }),
    ]);
    expect(index.modelsOf(key)).toEqual(['m', 'n', 'o']);
    expect(index.modelsOf(team)).toEqual(['m']);
    expect(index.groupsOf(key).map(({ id }) => id)).toEqual(['a', 'b']);
    expect(index.modelsOf({ type: 'user', id: 'k' })).toBeUndefined();
    index.replace([group('c', { userIds: ['k'], models: ['p'] })]);
    expect(index.modelsOf({ type: 'user', id: 'k' })).toEqual(['p']);
    expect(index.modelsOf(key)).toBeUndefined();
    index.replace([]);
    expect([index.modelsOf(key), index.groupsOf(key)]).toEqual([undefined, []]);
  });

  /** An empty list of models grants everything; a group without models must not. */
  it('is nothing for a group without models, which is shown all the same', () => {
    const index = new AccessGroupIndex();
    index.replace([group('a', { keyIds: ['k'] })]);
    expect(index.modelsOf(key)).toBeUndefined();
    expect(index.groupsOf(key)).toHaveLength(1);
  });
});
