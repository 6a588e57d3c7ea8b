import { Team, TeamMember } from '#libs/database';
import { parse } from 'scim2-parse-filter';
import { beforeEach, describe, expect, it } from 'vitest';
import { admin, tenancyForThisFile } from '../../../../test/harness/tenancy.js';
import { group, okta, person, refused } from './provisioning.harness.js';
import type { ScimTeam } from './scim-team.js';

const room = tenancyForThisFile('sessions, virtual_keys, users, teams, team_members, audit_events, changes');

describe('a provisioned group', () => {
  beforeEach(async () => {
    for (const name of ['ann', 'bob', 'cid'])
      await room.scimUsers.create(okta, person(name, { email: null }));
  });
  const membersOf = async (teamId: string): Promise<string[]> =>
    (await room.database.getRepository(TeamMember).find({ where: { teamId }, order: { userId: 'ASC' } })).map(
      ({ userId }) => userId,
    );

  it('is a team without models, whose members are the group’s and administer nothing', async () => {
    const made = await room.scimGroups.create(okta, { ...group('Data', 'ann', 'bob'), externalId: 'oid-1' });
    expect(made.id).toBe('oid-1');
    const team = await room.database.getRepository(Team).findOneByOrFail({ id: 'oid-1' });
    expect(team).toMatchObject({ alias: 'Data', models: ['no-default-models'] });
    const members = await room.database.getRepository(TeamMember).findBy({ teamId: 'oid-1' });
    expect(members.map(({ userId, role }) => [userId, role]).toSorted()).toEqual([
      ['ann', 'user'],
      ['bob', 'user'],
    ]);
    for (const filter of [
      'displayName eq "data"',
      'externalId eq "oid-1"',
      'members.value eq "ann"',
      'members[value eq "bob"]',
    ])
      expect([
        filter,
        (
          await room.scimGroups.list(
            okta.principal,
            parse(filter),
            { startIndex: 1, count: 5 },
            { withMembers: false },
          )
        ).total,
      ]).toEqual([filter, 1]);
  });

  it('adds who joined, takes out who left with their keys there, and leaves the others as they are', async () => {
    const { id } = await room.scimGroups.create(okta, group('Data', 'ann', 'bob'));
    await room.members.update(admin, id, { userId: 'ann' }, { role: 'admin' });
    const kept = await room.keys.generate(admin, { userId: 'bob' }, { randomBytes: 16 });
    const lost = await room.keys.generate(admin, { userId: 'bob', teamId: id }, { randomBytes: 16 });
    await room.scimGroups.change(okta, id, (now) => ({ ...now, memberIds: ['ann', 'cid'] }), {
      withMembers: true,
    });
    expect(await membersOf(id)).toEqual(['ann', 'cid']);
    const ann = await room.database.getRepository(TeamMember).findOneByOrFail({ teamId: id, userId: 'ann' });
    expect(ann.role).toBe('admin');
    expect(await room.directory.findByHash(kept.key.tokenHash)).toBeDefined();
    expect(await room.directory.findByHash(lost.key.tokenHash)).toBeUndefined();
  });

  it('names users who are there, or changes nothing', async () => {
    const { id } = await room.scimGroups.create(okta, group('Data', 'ann'));
    const change = (now: ScimTeam) => ({ ...now, displayName: 'New', memberIds: ['bob', 'ghost'] });
    expect(await refused(room.scimGroups.change(okta, id, change, { withMembers: true }))).toEqual({
      status: 400,
      type: 'invalidValue',
    });
    expect(await membersOf(id)).toEqual(['ann']);
    expect((await refused(room.scimGroups.create(okta, group('data')))).status).toBe(409);
  });

  it('that is deleted lets nobody in and destroys nothing; it comes back under its external id', async () => {
    const { id } = await room.scimGroups.create(okta, { ...group('Data', 'ann'), externalId: 'oid-1' });
    const { key } = await room.keys.generate(
      admin,
      { teamId: id, serviceAccountId: 'robot' },
      { randomBytes: 16 },
    );
    await room.scimGroups.remove(okta, id);
    const gone = await room.database.getRepository(Team).findOneByOrFail({ id });
    expect([gone.scimActive, gone.blocked]).toEqual([false, false]);
    expect((await refused(room.scimGroups.find(okta.principal, id, { withMembers: true }))).status).toBe(404);
    const back = await room.scimGroups.create(okta, { ...group('Data', 'bob'), externalId: 'oid-1' });
    expect([back.id, back.group.memberIds]).toEqual([id, ['bob']]);
    expect((await room.directory.findByHash(key.tokenHash))?.team?.scimActive).toBe(true);
  });
});
