import { AuditEvent, ScimUser, User } from '#libs/database';
import { parse } from 'scim2-parse-filter';
import { describe, expect, it } from 'vitest';
import { admin, tenancyForThisFile } from '../../../../test/harness/tenancy.js';
import { okta, person, refused } from './provisioning.harness.js';
import type { ScimPerson } from './scim-person.js';

const room = tenancyForThisFile('sessions, virtual_keys, users, teams, team_members, audit_events, changes');

const userRow = (id: string) => room.database.getRepository(User).findOneByOrFail({ id });
const deactivate = (current: ScimPerson): ScimPerson => ({ ...current, active: false });

describe('a provisioned user', () => {
  it('is an account with the operator’s defaults, found by what the identity provider calls it', async () => {
    const made = await room.scimUsers.create(
      okta,
      person('Ann@x.org', {
        externalId: '00u1',
        displayName: 'Ann B',
        attributes: { name: { familyName: 'B' } },
      }),
    );
    expect(made.id).toBe('Ann@x.org');
    expect(await userRow(made.id)).toMatchObject({
      email: 'Ann@x.org',
      alias: 'Ann B',
      role: 'internal_user',
      scimActive: true,
    });
    for (const filter of [
      'userName eq "ann@X.org"',
      'externalId eq "00u1"',
      'emails[type eq "work"].value eq "ann@x.org"',
      'name.familyName eq "b" and active eq true',
      'not (userName eq "bob")',
      'displayName co "nn" or id eq "nobody"',
      'meta.lastModified gt "2001-01-01T00:00:00Z"',
    ]) {
      const found = await room.scimUsers.list(okta.principal, parse(filter), { startIndex: 1, count: 10 });
      expect([filter, found.total, found.items.map(({ id }) => id)]).toEqual([filter, 1, [made.id]]);
    }
  });

  /** Attack: a value that ends its own quotes, to read or change other rows. */
  it('is not found by a filter that says more than a value', async () => {
    await room.scimUsers.create(okta, person('ann@x.org'));
    for (const value of [`ann' OR '1'='1`, `'; DROP TABLE users; --`, `%`, `_nn@x.org`, `a\\b`, `$1`, `?`]) {
      const filter = parse(
        `userName eq ${JSON.stringify(value)} or emails.value sw ${JSON.stringify(value)}`,
      );
      const found = await room.scimUsers.list(okta.principal, filter, { startIndex: 1, count: 10 });
      expect([value, found.total]).toEqual([value, 0]);
    }
    for (const filter of [
      'passwordHash pr',
      'role eq "proxy_admin"',
      '__proto__ pr',
      'userName gt "a"',
      'active co "t"',
    ])
      expect([
        filter,
        await refused(room.scimUsers.list(okta.principal, parse(filter), { startIndex: 1, count: 1 })),
      ]).toEqual([filter, { status: 400, type: 'invalidFilter' }]);
    expect(await userRow('ann@x.org')).toBeDefined();
  });

  it('is there once: a second one of the name, the address or the id is a conflict', async () => {
    await room.scimUsers.create(okta, person('ann@x.org'));
    const conflict = { status: 409, type: 'uniqueness' };
    expect((await refused(room.scimUsers.create(okta, person('ann@x.org')))).status).toBe(409);
    expect((await refused(room.scimUsers.create(okta, person('ANN@x.org')))).status).toBe(409);
    expect((await refused(room.scimUsers.create(okta, person('other', { email: 'ann@X.org' })))).status).toBe(
      409,
    );
    await room.scimUsers.create(okta, person('bob@x.org'));
    const rename = (current: ScimPerson) => ({ ...current, userName: 'ANN@x.org', email: null });
    expect(await refused(room.scimUsers.change(okta, 'bob@x.org', rename))).toEqual(conflict);
    expect(await room.database.getRepository(User).count()).toBe(2);
  });

  it('of a hundred requests for one name, one is made', async () => {
    const asked = Array.from({ length: 20 }, () => refused(room.scimUsers.create(okta, person('ann@x.org'))));
    const statuses = (await Promise.all(asked)).map(({ status }) => status);
    expect(statuses.filter((status) => status === 200)).toHaveLength(1);
    expect(statuses.filter((status) => status === 409)).toHaveLength(19);
  });

  it('is linked with the account that is there already, whoever made it', async () => {
    await room.users.create(admin, { id: 'u1', settings: { email: 'ann@x.org' }, organizationIds: [] });
    const filter = parse('userName eq "ANN@x.org"');
    const found = await room.scimUsers.list(okta.principal, filter, { startIndex: 1, count: 10 });
    expect(found.items.map(({ id }) => id)).toEqual(['u1']);
    const linked = await room.scimUsers.change(okta, 'u1', (now) => ({
      ...now,
      userName: 'ann',
      externalId: 'e1',
      email: null,
    }));
    expect(linked.person).toMatchObject({ userName: 'ann', externalId: 'e1', email: 'ann@x.org' });
  });

  it('writes nothing and tells nobody when nothing changed', async () => {
    await room.scimUsers.create(
      okta,
      person('ann@x.org', { attributes: { title: 'x', name: { givenName: 'A' } } }),
    );
    const before = await room.database.getRepository(AuditEvent).count();
    await room.scimUsers.change(okta, 'ann@x.org', (now) => ({
      ...now,
      email: null,
      attributes: { name: { givenName: 'A' }, title: 'x' },
    }));
    expect(await room.database.getRepository(AuditEvent).count()).toBe(before);
  });
});

describe('deactivation', () => {
  it('and an administrator’s block are two things: neither lifts the other', async () => {
    await room.scimUsers.create(okta, person('ann@x.org'));
    await room.users.update(admin, { userId: 'ann@x.org' }, { blocked: true });
    await room.scimUsers.change(okta, 'ann@x.org', deactivate);
    await room.scimUsers.change(okta, 'ann@x.org', (now) => ({ ...now, active: true }));
    expect(await userRow('ann@x.org')).toMatchObject({ blocked: true, scimActive: true });
    await room.scimUsers.change(okta, 'ann@x.org', deactivate);
    await room.users.update(admin, { userId: 'ann@x.org' }, { blocked: false, metadata: {} });
    expect(await userRow('ann@x.org')).toMatchObject({ blocked: false, scimActive: false });
  });

  it('ends the person’s sessions for good', async () => {
    await room.scimUsers.create(okta, person('ann@x.org'));
    await room.database.query(
      `INSERT INTO sessions (id, token_hash, kind, user_id, method, expires_at, idle_ends_at)
       SELECT n, n, 'browser', n, 'oidc', now() + interval '1 day', now() + interval '1 day' FROM unnest(ARRAY['ann@x.org', 'bob']) n`,
    );
    await room.scimUsers.change(okta, 'ann@x.org', (now) => ({ ...now, email: null, displayName: 'A' }));
    expect(await room.database.query('SELECT user_id FROM sessions')).toHaveLength(2);
    await room.scimUsers.change(okta, 'ann@x.org', deactivate);
    expect(await room.database.query('SELECT user_id FROM sessions')).toEqual([{ user_id: 'bob' }]);
  });

  it('of an imported database is lifted by the identity provider', async () => {
    await room.users.create(admin, {
      id: 'u1',
      settings: { metadata: { scim_active: false, note: 1 } },
      organizationIds: [],
    });
    expect((await room.scimUsers.find(okta.principal, 'u1')).person.active).toBe(false);
    await room.scimUsers.change(okta, 'u1', (now) => ({ ...now, active: true }));
    expect((await userRow('u1')).metadata).toEqual({ note: 1 });
  });

  it('is in the audit trail with who did it', async () => {
    await room.scimUsers.create(okta, person('ann@x.org'));
    await room.scimUsers.change(okta, 'ann@x.org', deactivate);
    const event = await room.database
      .getRepository(AuditEvent)
      .findOneByOrFail({ action: 'blocked', noun: 'user', nounId: 'ann@x.org' });
    expect(event.actorKeyId).toBe('key_okta');
  });

  it('of the last administrator is refused where there is no master key, also when two go at once', async () => {
    for (const id of ['a1', 'a2'])
      await room.users.create(admin, {
        id,
        settings: { role: 'proxy_admin', email: `${id}@x.org` },
        organizationIds: [],
      });
    const both = await Promise.all(
      ['a1', 'a2'].map((id) => refused(room.scimUsers.change(okta, id, deactivate))),
    );
    expect(both.map(({ status }) => status).toSorted()).toEqual([200, 409]);
    const left = both[0]?.status === 409 ? 'a1' : 'a2';
    expect(await refused(room.scimUsers.remove(okta, left))).toEqual({ status: 409, type: 'mutability' });
  });
});

describe('a provisioner', () => {
  /** Attack: a leaked SCIM key gives an administrator's account another address and signs in with it. */
  it('never changes the address of an administrator', async () => {
    await room.users.create(admin, {
      id: 'boss',
      settings: { role: 'proxy_admin', email: 'boss@x.org' },
      organizationIds: [],
    });
    const steal = (now: ScimPerson) => ({ ...now, email: 'thief@y.org' });
    expect(await refused(room.scimUsers.change(okta, 'boss', steal))).toEqual({
      status: 403,
      type: 'mutability',
    });
    expect((await userRow('boss')).email).toBe('boss@x.org');
  });

  it('does not get an id that means something', async () => {
    for (const name of ['default_user_id', 'named-admin']) {
      const made = await room.scimUsers.create(okta, person(name, { email: null }));
      expect(made.id).toMatch(/^user_/);
    }
    const named = { id: 'named-admin', settings: { email: 'boss@x.org' }, organizationIds: [] };
    await room.users.create(admin, named);
    const steal = room.scimUsers.change(okta, 'named-admin', (now) => ({ ...now, email: 'thief@y.org' }));
    expect((await refused(steal)).status).toBe(403);
  });

  it('gives nobody a role, whatever it sends', async () => {
    await room.scimUsers.create(
      okta,
      person('ann@x.org', {
        attributes: { roles: [{ value: 'proxy_admin', primary: true }], userType: 'proxy_admin' },
      }),
    );
    expect((await userRow('ann@x.org')).role).toBe('internal_user');
  });
});

describe('a deleted user', () => {
  it('is gone to the identity provider, and comes back as it was under the same external id', async () => {
    await room.scimUsers.create(okta, person('ann@x.org', { externalId: 'e1' }));
    await room.scimUsers.remove(okta, 'ann@x.org');
    expect((await refused(room.scimUsers.find(okta.principal, 'ann@x.org'))).status).toBe(404);
    expect((await refused(room.scimUsers.change(okta, 'ann@x.org', (now) => now))).status).toBe(404);
    expect((await room.scimUsers.list(okta.principal, undefined, { startIndex: 1, count: 10 })).total).toBe(
      0,
    );
    expect((await userRow('ann@x.org')).scimActive).toBe(false);
    const back = await room.scimUsers.create(okta, person('ann@x.org', { externalId: 'e1' }));
    expect([back.id, back.person.active]).toEqual(['ann@x.org', true]);
    expect((await userRow('ann@x.org')).scimActive).toBe(true);
  });

  /** Attack: somebody leaves, keeps the keys, and a new colleague gets the same address. */
  it('does not come back for somebody else of the same name', async () => {
    await room.scimUsers.create(okta, person('ann@x.org', { externalId: 'e1' }));
    await room.scimUsers.remove(okta, 'ann@x.org');
    for (const externalId of ['e2', null]) {
      const other = await room.scimUsers.create(okta, person('ann@x.org', { externalId }));
      expect(other.id).toMatch(/^user_/);
      expect(await userRow(other.id)).toMatchObject({ email: 'ann@x.org', scimActive: true });
      expect(await userRow('ann@x.org')).toMatchObject({ email: null, scimActive: false });
      await room.scimUsers.remove(okta, other.id);
    }
    expect(await room.database.getRepository(ScimUser).count()).toBe(3);
  });
});
