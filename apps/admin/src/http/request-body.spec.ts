import { GatewayError } from '#libs/kernel';
import { describe, expect, it } from 'vitest';
import { toKeyChange } from '../keys/key-fields.schemas.js';
import { generateBody, updateBody } from '../keys/keys.schemas.js';
import { ignoredFieldsHeader, parseBody } from './request-body.js';

function refusalOf(body: unknown): GatewayError {
  try {
    parseBody(generateBody, body);
  } catch (thrown) {
    if (thrown instanceof GatewayError) return thrown;
    throw thrown;
  }
  throw new Error('the body was accepted');
}

describe('a body of the control plane', () => {
  it('is not needed where everything has a default', () => {
    expect(parseBody(generateBody, undefined)).toEqual({ value: {}, ignored: [] });
    expect(refusalOf(null).status).toBe(422);
  });

  it('keeps apart what is absent and what is null', () => {
    const absent = toKeyChange(parseBody(updateBody, { key: 'sk-x' }).value);
    expect(Object.values(absent).every((value) => value === undefined)).toBe(true);
    const cleared = toKeyChange(
      parseBody(updateBody, { key: 'sk-x', max_budget: null, duration: '-1', models: [] }).value,
    );
    expect(cleared).toMatchObject({ capNanoUsd: null, lifetime: null, models: [] });
  });

  it('reads money exactly', () => {
    const { value } = parseBody(generateBody, { max_budget: 0.000000001 });
    expect(value.max_budget).toBe(1n);
  });

  it.each([-0.01, Number.POSITIVE_INFINITY, Number.NaN, '1e5', '0x10', '-1', [], {}, true])(
    'refuses %s as an amount',
    (amount) => {
      expect(refusalOf({ max_budget: amount })).toMatchObject({ status: 400, param: 'max_budget' });
    },
  );

  /** Deep nesting exhausts the stack of whoever walks it with recursion. */
  it('refuses metadata nested a hundred thousand levels deep', () => {
    const deep = JSON.parse(`${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`) as unknown;
    expect(refusalOf({ metadata: deep })).toMatchObject({ status: 400, param: 'metadata' });
  });

  it('takes tags from their older place', () => {
    const { value } = parseBody(generateBody, { metadata: { tags: ['a', 1, ''], note: 'n' } });
    expect(toKeyChange(value)).toMatchObject({ tags: ['a'], metadata: { note: 'n' } });
  });

  /** A field name goes into a header: it must not be able to end one and begin another. */
  it('lists ignored names without letting them forge a header', () => {
    expect(ignoredFieldsHeader(['a\r\nset-cookie: x', 'b,c', 'é'])).toBe('a??set-cookie:?x,b?c,?');
    expect(ignoredFieldsHeader(Array.from({ length: 1_000 }, () => 'x'.repeat(1_000))).length).toBeLessThan(
      2_000,
    );
  });
});
