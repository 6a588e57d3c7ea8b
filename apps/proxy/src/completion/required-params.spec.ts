import { describe, expect, it } from 'vitest';
import { missingParam, type Said } from './required-params.js';

const said = (json: Said['json'], more: Partial<Said> = {}): Said => ({
  json,
  facts: {},
  headers: { tags: [] },
  ...more,
});

describe('members a call has to have', () => {
  it.each([
    [{ metadata: { generation_name: 'g' } }, undefined],
    [{ metadata: { generation_name: 0 } }, undefined],
    [{ metadata: { generation_name: false } }, undefined],
    [{ metadata: { generation_name: {} } }, undefined],
    [{ metadata: { generation_name: null } }, 'metadata.generation_name'],
    [{ metadata: { generation_name: '' } }, 'metadata.generation_name'],
    [{ metadata: {} }, 'metadata.generation_name'],
    [{ metadata: 'generation_name' }, 'metadata.generation_name'],
    [{ metadata: ['generation_name'] }, 'metadata.generation_name'],
    [{ metadata: null }, 'metadata.generation_name'],
    [{ 'metadata.generation_name': 'g' }, 'metadata.generation_name'],
    [{ other: { generation_name: 'g' } }, 'metadata.generation_name'],
    [{}, 'metadata.generation_name'],
  ])('%j lacks %s', (json, missing) => {
    expect(missingParam(['metadata.generation_name'], said(json))).toBe(missing);
  });

  it('are the call’s own: what every object inherits is nothing that was sent', () => {
    expect(missingParam(['constructor'], said({}))).toBe('constructor');
    expect(missingParam(['metadata.toString'], said({ metadata: {} }))).toBe('metadata.toString');
  });

  it('may come in the header, or the path, that stands for them', () => {
    const paths = ['model', 'user', 'metadata.tags', 'tags'];
    expect(missingParam(paths, said({}))).toBe('user');
    expect(missingParam(paths, said({}, { facts: { customerId: 'c' } }))).toBe('metadata.tags');
    const all = said({}, { facts: { customerId: 'c' }, headers: { tags: ['t'] } });
    expect(missingParam(paths, all)).toBeUndefined();
  });
});
