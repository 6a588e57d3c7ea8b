import { describe, expect, it } from 'vitest';
import { repeatedName } from './repeated-name.js';

describe('a name that one object carries twice', () => {
  it.each([
    ['{"a":1,"a":2}', 'a'],
    ['{"a":1,"b":{"x":1,"x":2}}', 'x'],
    ['[{"a":1},{"b":[{"c":1,"c":1}]}]', 'c'],
    ['{"max_budget":1,"max_budg\\u0065t":2}', 'max_budget'],
    ['{"a\\"":1,"a\\"":2}', 'a"'],
    ['{"":1,"":2}', ''],
    ['{ "a" : [ {} , "a" ] , "b" : "x" , "a" : 1 }', 'a'],
  ])('is found in %s', (json, name) => {
    expect(repeatedName(json)).toBe(name);
  });

  it.each([
    '{"a":1,"A":2}',
    '{"a":{"a":{"a":1}}}',
    '[{"a":1},{"a":1}]',
    '{"a":"a","b":["a","a"]}',
    '{"a":"\\\\","b":"\\""}',
    '"a"',
    '7',
    '[]',
    '{"a":"{\\"a\\":1,\\"a\\":1}"}',
  ])('is not seen in %s', (json) => {
    expect(repeatedName(json)).toBeUndefined();
  });

  it('is looked for in time linear to the text, however deep or wide', () => {
    const deep = `${'{"a":['.repeat(200_000)}${']}'.repeat(200_000)}`;
    const startedAt = performance.now();
    expect(repeatedName(deep)).toBeUndefined();
    expect(repeatedName(`{${Array.from({ length: 200_000 }, (_, i) => `"${i}":1`).join()}}`)).toBeUndefined();
    expect(performance.now() - startedAt).toBeLessThan(2_000);
  });
});
