import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseRequestBody } from './request-body.js';
import { splice } from './splice.js';

const spliced = (text: string, edits: Record<string, string | null>) =>
  splice(parseRequestBody(Buffer.from(text)), new Map(Object.entries(edits))).toString();

describe('splicing', () => {
  it('returns the very same buffer when nothing changes', () => {
    const body = parseRequestBody(Buffer.from('{"a":1}'));
    expect(splice(body, new Map([['b', null]]))).toBe(body.bytes);
  });

  it.each<[string, Record<string, string | null>, string]>([
    ['{ "model" : "a" , "x":1.0 }', { model: '"b"' }, '{ "model" : "b" , "x":1.0 }'],
    ['{"model":"a"}', { stream_options: '{}' }, '{"model":"a","stream_options":{}}'],
    ['{ }', { a: '1', b: '2' }, '{"a":1,"b":2 }'],
    ['{"a":1, "b":2, "c":3}', { a: null }, '{"b":2, "c":3}'],
    ['{"a":1, "b":2, "c":3}', { b: null }, '{"a":1, "c":3}'],
    ['{"a":1, "b":2, "c":3}', { c: null }, '{"a":1, "b":2}'],
    ['{"a":1, "b":2, "c":3}', { b: null, c: null, d: '4' }, '{"a":1,"d":4}'],
    ['{"a":1, "b":2 }', { a: null, b: null }, '{ }'],
    ['{"a":1, "b":2 }', { a: null, b: null, c: '3' }, '{"c":3 }'],
    ['{"a":1e5,"b":"\\u00e9"}', { a: null, b: '7' }, '{"b":7}'],
  ])('%s with %j is %s', (text, edits, expected) => {
    expect(spliced(text, edits)).toBe(expected);
  });

  it('equals editing the parsed object, for any object and any edits', () => {
    const name = fc.constantFrom('a', 'b', 'c', 'd', 'e');
    fc.assert(
      fc.property(
        fc.dictionary(name, fc.jsonValue()),
        fc.dictionary(name, fc.option(fc.jsonValue())),
        fc.constantFrom(undefined, 2),
        (value, edits, indent) => {
          const expected: Record<string, unknown> = JSON.parse(JSON.stringify(value)) as Record<
            string,
            unknown
          >;
          const texts: Record<string, string | null> = {};
          for (const [key, edit] of Object.entries(edits)) {
            texts[key] = edit === null ? null : JSON.stringify(edit);
            if (edit === null) delete expected[key];
            else expected[key] = JSON.parse(JSON.stringify(edit));
          }
          expect(JSON.parse(spliced(JSON.stringify(value, null, indent), texts))).toEqual(expected);
        },
      ),
    );
  });
});
