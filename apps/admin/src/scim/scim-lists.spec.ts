import { describe, expect, it } from 'vitest';
import { listQuery, Wanted } from './scim-lists.js';

const typeOf = (query: Record<string, unknown>): unknown => {
  try {
    return listQuery(query);
  } catch (thrown) {
    return (thrown as { type: string }).type;
  }
};

describe('what a list is asked for', () => {
  it('has bounds: pages from 1, at most 200 rows, none if none are wanted', () => {
    expect(listQuery({}).slice).toEqual({ startIndex: 1, count: 10 });
    expect(listQuery({ startIndex: '0', count: '5000' }).slice).toEqual({ startIndex: 1, count: 200 });
    expect(listQuery({ startIndex: '-3', count: '-1' }).slice).toEqual({ startIndex: 1, count: 0 });
    for (const count of ['ten', '1e9', '99999999999', ['1', '2']])
      expect(typeOf({ count })).toBe('invalidValue');
  });

  it.each([
    'userName',
    'userName eq',
    'userName eq "a" and',
    'userName eq "a',
    '((((',
    'userName eq "a"; drop',
    'x'.repeat(1001),
    `userName eq "${'\n'.repeat(60)}`,
  ])('is no filter: %j', (filter) => {
    const began = performance.now();
    expect(typeOf({ filter })).toBe('invalidFilter');
    // The tokenizer of the library doubles its work with every line feed: sixty of them are years.
    expect(performance.now() - began).toBeLessThan(1_000);
  });

  it('shows the attributes that are wanted, and always the id', () => {
    const resource = { schemas: [], id: '1', userName: 'a', emails: [], members: [] };
    expect(Object.keys(new Wanted({ attributes: 'userName,emails.value' }).of(resource))).toEqual([
      'schemas',
      'id',
      'userName',
      'emails',
    ]);
    expect(Object.keys(new Wanted({ excludedAttributes: 'members' }).of(resource))).toEqual([
      'schemas',
      'id',
      'userName',
      'emails',
    ]);
  });
});
