import { describe, expect, it } from 'vitest';
import { patched } from './scim-patch.js';
import { conforming } from './scim-schemas.js';
import { ENTERPRISE_SCHEMA, USER_SCHEMA } from './scim-words.js';

type Plain = Record<string, unknown>;
const patch = (resource: Plain, ...operations: readonly unknown[]): Plain =>
  patched(resource, { schemas: ['urn:ietf:params:scim:api:messages:2.0:PatchOp'], Operations: operations });
const user = (more: Plain = {}): Plain => ({
  schemas: [USER_SCHEMA],
  userName: 'ann',
  active: true,
  ...more,
});
/** What remains once the schemas have been asked, as the controllers do. */
const patchedUser = (resource: Plain, ...operations: readonly unknown[]): Plain =>
  conforming(USER_SCHEMA, patch(resource, ...operations));
const refusal = (work: () => unknown): unknown => {
  try {
    return work();
  } catch (thrown) {
    const { status, type } = thrown as { status: number; type: string };
    return [status, type];
  }
};
const members = (...ids: readonly string[]): Plain => ({ members: ids.map((value) => ({ value })) });

describe('deactivation', () => {
  it.each([
    ['Okta', { op: 'replace', value: { active: false } }],
    ['Entra ID', { op: 'Replace', path: 'active', value: 'False' }],
    ['Entra ID, by its flag', { op: 'Replace', path: 'active', value: false }],
    ['names in another case', { op: 'REPLACE', path: 'Active', value: false }],
    ['names in another case, without a path', { op: 'add', value: { ACTIVE: 'false' } }],
    ['with the schema before the name', { op: 'replace', path: `${USER_SCHEMA}:active`, value: false }],
  ])('is understood as %s writes it', (_, operation) => {
    expect(patchedUser(user(), operation)['active']).toBe(false);
  });

  it('that is no truth value is refused, not guessed', () => {
    expect(refusal(() => patchedUser(user(), { op: 'replace', path: 'active', value: 'nope' }))).toEqual([
      400,
      'invalidValue',
    ]);
  });
});

describe('attributes', () => {
  it('are changed as Entra ID writes them, also those that are not there yet', () => {
    const changed = patchedUser(
      user(),
      { op: 'Add', path: 'emails[type eq "work"].value', value: 'a@x.org' },
      { op: 'Replace', path: 'phoneNumbers[type eq "mobile"].value', value: '1' },
      { op: 'Add', path: 'name.givenName', value: 'Ann' },
      { op: 'Add', path: `${ENTERPRISE_SCHEMA}:department`, value: 'Data' },
      { op: 'Add', path: `${ENTERPRISE_SCHEMA}:manager`, value: 'u7' },
    );
    expect(changed).toMatchObject({
      emails: [{ type: 'work', value: 'a@x.org' }],
      phoneNumbers: [{ type: 'mobile', value: '1' }],
      name: { givenName: 'Ann' },
      [ENTERPRISE_SCHEMA]: { department: 'Data', manager: { value: 'u7' } },
    });
  });

  it('outside the schemas are dropped, a password above all', () => {
    const kept = conforming(USER_SCHEMA, { ...user(), password: 'secret-of-ann', shoeSize: 40 });
    expect(JSON.stringify(kept)).not.toMatch(/secret|shoe/);
  });
});

describe('members', () => {
  it.each([
    ['Okta', { op: 'remove', path: 'members[value eq "b"]' }],
    ['Entra ID', { op: 'Remove', path: 'members', value: [{ value: 'b' }] }],
    [
      'with more than the id',
      { op: 'remove', path: 'members', value: [{ value: 'b', display: 'Bob', $ref: 'x' }] },
    ],
    ['one, not in a list', { op: 'remove', path: 'members', value: { value: 'b' } }],
  ])('are taken out as %s writes it', (_, operation) => {
    expect(patch(members('a', 'b'), operation)).toEqual(members('a'));
  });

  /** The library would read another path, find nothing there, and say that all went well. */
  it('are taken out whatever their ids are', () => {
    expect(patch(members('a', 'okta:b'), { op: 'remove', path: 'members[value eq "okta:b"]' })).toEqual(
      members('a'),
    );
  });

  it('are added once, and replaced by one or many', () => {
    expect(
      patch(members('a'), {
        op: 'add',
        path: 'members',
        value: [{ value: 'a', display: 'A' }, { value: 'b' }],
      }),
    ).toEqual(members('a', 'b'));
    expect(patch(members('a', 'b'), { op: 'replace', path: 'members', value: [{ value: 'c' }] })).toEqual(
      members('c'),
    );
    expect(patch(members('a'), { op: 'replace', value: { members: [{ value: 'c' }] } })).toEqual(
      members('c'),
    );
  });

  it('that cannot be told are refused: nobody stays in because a path was not understood', () => {
    for (const path of [
      'members[display eq "b"]',
      'members[value ne "b"]',
      'members[value eq b]',
      'emails[value eq "a:b"]',
    ])
      expect([path, refusal(() => patch(members('b'), { op: 'remove', path }))]).toEqual([
        path,
        [400, expect.stringMatching(/^invalid/)],
      ]);
  });
});

/** Attack: a path that leads to what all objects of the process share. */
describe('what all objects share', () => {
  it.each([
    [{ op: 'add', path: '__proto__.polluted', value: 1 }],
    [{ op: 'add', path: 'constructor.prototype.polluted', value: 1 }],
    [{ op: 'add', path: 'emails[type eq "x"].__proto__.polluted', value: 1 }],
    [{ op: 'add', path: 'urn:x:__proto__', value: { polluted: 1 } }],
    [{ op: 'add', value: { 'name.__proto__.polluted': 1 } }],
    [{ op: 'add', value: JSON.parse('{"name":{"__proto__":{"polluted":1}}}') as Plain }],
  ])('is out of reach of %j', (operation) => {
    expect(refusal(() => patch(user(), operation))).toEqual([400, 'invalidPath']);
    expect(({} as Plain)['polluted']).toBeUndefined();
  });
});

describe('a body that is no patch', () => {
  it.each([
    [undefined],
    [[]],
    [[null]],
    [[{ op: 'move', path: 'a' }]],
    [[{ op: 'remove' }]],
    [[{ op: 'add', value: 1 }]],
  ])('is refused: %j', (operations) => {
    const body = { schemas: ['urn:ietf:params:scim:api:messages:2.0:PatchOp'], Operations: operations };
    expect(refusal(() => patched(user(), body))).toEqual([400, expect.any(String)]);
  });
});
