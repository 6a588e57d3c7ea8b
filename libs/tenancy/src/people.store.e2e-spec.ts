import { AuditEvent, User, VirtualKey } from '#libs/database';
import { describe, expect, it } from 'vitest';
import { principal } from '../../../test/harness/caller.js';
import { admin, member, tenancyForThisFile } from '../../../test/harness/tenancy.js';
import type { NewTeam } from './teams.js';
import type { NewUser } from './users.js';

const room = tenancyForThisFile(
  'virtual_keys, users, teams, team_members, organizations, organization_members, projects, invitations, audit_events, changes',
);

const newUser = ({
  id,
  teams,
  firstKey,
  organizationIds = [],
  ...settings
}: Partial<Omit<NewUser, 'settings'>> & NewUser['settings'] = {}): NewUser => ({
  id,
  teams,
  firstKey,
  organizationIds,
  settings,
});
const newTeam = ({
  id,
  members = [],
  ...settings
}: Partial<Omit<NewTeam, 'settings'>> & NewTeam['settings'] = {}): NewTeam => ({
  id,
  members,
  settings,
});
const failureOf = async (work: Promise<unknown>): Promise<{ code: string; publicMessage: string }> =>
  work.then(
    () => ({ code: 'allowed', publicMessage: '' }),
    (error: { code: string; publicMessage: string }) => error,
  );

describe('a new user', () => {
  it('comes with its memberships and its first key, or not at all', async () => {
    await room.teams.create(admin, newTeam({ id: 't1' }));
    const firstKey = { settings: { models: ['m'], alias: 'first' }, secret: { randomBytes: 16 } };
    const made = await room.users.create(
      admin,
      newUser({
        id: 'ann',
        email: 'Ann@x.org',
        teams: [{ teamId: 't1', role: 'admin', capNanoUsd: null }],
        firstKey,
      }),
    );
    expect(made.issued?.key).toMatchObject({ userId: 'ann', models: ['m'] });
    expect((await room.userCatalogue.info(admin.principal, 'ann')).teams.map(({ id }) => id)).toEqual(['t1']);

    const missing = await failureOf(
      room.users.create(
        admin,
        newUser({
          id: 'bob',
          teams: [{ teamId: 'nowhere', role: 'user', capNanoUsd: null }],
          firstKey: undefined,
        }),
      ),
    );
    expect(missing.code).toBe('request.bad_field');
    const clash = await failureOf(room.users.create(admin, newUser({ id: 'cid', firstKey })));
    expect(clash.code).toBe('request.bad_field');
    expect(await room.database.getRepository(User).countBy({ id: 'bob' })).toBe(0);
    expect(await room.database.getRepository(User).countBy({ id: 'cid' })).toBe(0);
  });

  it('is one, however many ask for the id or the address at once, in any case', async () => {
    const byId = await Promise.all(
      Array.from({ length: 30 }, () => failureOf(room.users.create(admin, newUser({ id: 'same' })))),
    );
    expect(byId.filter(({ code }) => code === 'allowed')).toHaveLength(1);
    expect(byId.filter(({ code }) => code === 'request.conflict')).toHaveLength(29);
    await room.users.create(admin, newUser({ id: 'a', email: 'Ann@x.org' }));
    const again = await failureOf(room.users.create(admin, newUser({ id: 'b', email: 'ann@X.org' })));
    expect(again).toMatchObject({
      code: 'request.conflict',
      publicMessage: 'User with email ann@X.org already exists',
    });
  });

  it('is made by administrators only', async () => {
    expect((await failureOf(room.users.create(member, newUser({ role: 'proxy_admin' })))).code).toBe(
      'rbac.admin_only',
    );
    expect(await room.database.getRepository(User).count()).toBe(0);
  });
});

describe('looking at a user', () => {
  it('is for administrators and the user; a stranger hears what it would hear of nobody', async () => {
    await room.users.create(admin, newUser({ id: 'ann' }));
    await room.users.create(admin, newUser({ id: 'bob' }));
    expect((await room.userCatalogue.info(member.principal, 'ann')).user?.id).toBe('ann');
    const notYours = await failureOf(room.userCatalogue.info(member.principal, 'bob'));
    const notThere = await failureOf(room.userCatalogue.info(member.principal, 'zed'));
    expect(notYours.code).toBe('rbac.forbidden');
    expect(notYours.publicMessage).toBe(notThere.publicMessage);
  });

  it('shows keys of a name that is not a user yet', async () => {
    await room.keys.generate(admin, { userId: 'later' }, { randomBytes: 16 });
    expect(await room.userCatalogue.info(admin.principal, 'later')).toMatchObject({
      user: null,
      keys: [{ userId: 'later' }],
    });
  });
});

describe('a team', () => {
  it('brings its members, making those who are missing, and its maker', async () => {
    await room.users.create(admin, newUser({ id: 'ann', email: 'ann@x.org' }));
    const members = [
      { userId: 'new', role: 'user' as const },
      { email: 'ANN@x.org', role: 'user' as const },
      { userId: 'ann', role: 'admin' as const },
      { email: 'fresh@x.org', role: 'user' as const },
    ];
    const view = await room.teams.create(admin, newTeam({ id: 't1', members }));
    expect(view.members.map(({ userId, email, role }) => [email ?? userId, role]).toSorted()).toEqual(
      [
        ['ann@x.org', 'admin'],
        ['default_user_id', 'admin'],
        ['fresh@x.org', 'user'],
        ['new', 'user'],
      ].toSorted(),
    );
    expect((await failureOf(room.teams.create(admin, newTeam({ id: 't1' })))).publicMessage).toContain(
      'already exists',
    );
  });

  it('is shown to members and administrators; to others it is not there', async () => {
    await room.teams.create(admin, newTeam({ id: 't1', members: [{ userId: 'ann', role: 'user' }] }));
    expect((await room.teamCatalogue.info(member.principal, 't1')).team.id).toBe('t1');
    expect((await room.teamCatalogue.info(principal({ team: { id: 't1' } }), 't1')).team.id).toBe('t1');
    expect((await failureOf(room.teamCatalogue.info(principal({ user: { id: 'bob' } }), 't1'))).code).toBe(
      'rbac.forbidden',
    );
  });

  it('is blocked once, and its block is announced', async () => {
    await room.teams.create(admin, newTeam({ id: 't1' }));
    await Promise.all(Array.from({ length: 10 }, () => room.teams.setBlocked(admin, 't1', true)));
    const actions = await room.database
      .getRepository(AuditEvent)
      .find({ where: { noun: 'team' }, order: { at: 'ASC' } });
    expect(actions.map(({ action }) => action)).toEqual(['created', 'blocked']);
    expect(await room.database.query("SELECT 1 FROM changes WHERE noun = 'team'")).toHaveLength(2);
    expect((await failureOf(room.teams.setBlocked(admin, 'zzz', true))).code).toBe('request.not_found');
    expect((await failureOf(room.teams.setBlocked(member, 't1', false))).code).toBe('rbac.forbidden');
  });
});

describe("authentication's view of a key", () => {
  it('joins the user, the team and the role in it', async () => {
    await room.teams.create(admin, newTeam({ id: 't1', members: [{ userId: 'ann', role: 'admin' }] }));
    const { key } = await room.keys.generate(
      admin,
      { userId: 'ann', teamId: 't1', label: 'phone' },
      { randomBytes: 16 },
    );
    expect(await room.directory.findByHash(key.tokenHash)).toMatchObject({
      key: { id: key.id, alias: 'phone' },
      user: { id: 'ann' },
      team: { id: 't1' },
      member: { role: 'admin' },
    });
    const lonely = await room.keys.generate(admin, { userId: 'ghost' }, { randomBytes: 16 });
    expect(await room.directory.findByHash(lonely.key.tokenHash)).toMatchObject({
      user: null,
      team: null,
      member: null,
    });
    expect(await room.database.getRepository(VirtualKey).count()).toBe(2);
  });
});
