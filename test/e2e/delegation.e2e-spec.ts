import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Tenants } from '../harness/two-organizations.js';

let tenants: Tenants;
beforeAll(async () => {
  tenants = await Tenants.start();
});
afterAll(() => tenants?.product.dispose());

const by = (...call: Parameters<Tenants['by']>) => tenants.by(...call);

describe("an organization's administrator", () => {
  it('makes teams, people and keys inside it, within what it has', async () => {
    const team = await by('boss-a', 'POST', '/team/new', {
      team_id: 'made-a',
      organization_id: 'org-a',
      models: ['m'],
      max_budget: 10,
    });
    expect([team.status, team.body['organization_id'], team.body['admins']]).toEqual([
      200,
      'org-a',
      ['boss-a'],
    ]);
    const tooWide = await by('boss-a', 'POST', '/team/new', { organization_id: 'org-a', models: ['n'] });
    expect([tooWide.status, tooWide.body['error'].param]).toEqual([400, 'models']);
    expect(
      (await by('boss-a', 'POST', '/team/new', { organization_id: 'org-a', max_budget: 101 })).status,
    ).toBe(400);
    const user = await by('boss-a', 'POST', '/user/new', {
      user_id: 'hired-a',
      organizations: ['org-a'],
      teams: ['made-a'],
    });
    expect([user.status, user.body['user_role'], user.body['organization_id']]).toEqual([
      200,
      'internal_user',
      'org-a',
    ]);
    expect(
      (await by('boss-a', 'POST', '/user/new', { organizations: ['org-a'], user_role: 'proxy_admin' }))
        .status,
    ).toBe(403);
    expect((await by('boss-a', 'POST', '/team/block', { team_id: 'team-a' })).body['blocked']).toBe(true);
    expect((await by('boss-a', 'POST', '/team/unblock', { team_id: 'team-a' })).body['blocked']).toBe(false);
    expect((await by('boss-a', 'POST', '/key/generate', { team_id: 'team-a' })).status).toBe(200);
    expect((await by('boss-a', 'POST', '/user/delete', { user_ids: ['hired-a'] })).text).toBe('1');
  });

  it('narrows the organization and never widens it', async () => {
    const narrow = { organization_id: 'org-a', rpm_limit: 900, metadata: { note: 'x' } };
    expect(
      (await by('boss-a', 'PATCH', '/organization/update', narrow)).body['litellm_budget_table'].rpm_limit,
    ).toBe(900);
    for (const wide of [
      { rpm_limit: 1001 },
      { max_budget: 1e6 },
      { max_budget: null },
      { models: [] },
      { models: ['m', 'n'] },
      { budget_duration: '1d' },
      { metadata: { priority: 'high' } },
    ])
      expect([
        wide,
        (await by('boss-a', 'PATCH', '/organization/update', { organization_id: 'org-a', ...wide })).status,
      ]).toEqual([wide, 403]);
    const unknown = await by('boss-a', 'PATCH', '/v2/organization/org-a', { colour: 'red' });
    expect([unknown.status, unknown.body['detail'][0].type]).toEqual([422, 'extra_forbidden']);
    expect((await by('boss-a', 'POST', '/organization/new', { organization_alias: 'mine' })).status).toBe(
      401,
    );
    expect(
      (await by('boss-a', 'DELETE', '/organization/delete', { organization_ids: ['org-a'] })).status,
    ).toBe(401);
  });
});

describe("a team's administrator", () => {
  it('adds, changes and removes members, and decides what they may', async () => {
    const added = await by('lead-a', 'POST', '/team/member_add', {
      team_id: 'team-a',
      member: { role: 'user', user_email: 'new@a.org' },
      max_budget_in_team: 2,
    });
    expect([added.status, added.body['updated_team_memberships'][0].litellm_budget_table.max_budget]).toEqual(
      [200, 2],
    );
    const again = await by('lead-a', 'POST', '/team/member_add', {
      team_id: 'team-a',
      member: { role: 'user', user_email: 'NEW@a.org' },
    });
    expect([again.status, again.body['error'].type]).toEqual([400, 'team_member_already_in_team']);
    const id = added.body['updated_users'][0].user_id as string;
    const changed = await by('lead-a', 'POST', '/team/member_update', {
      team_id: 'team-a',
      user_id: id,
      role: 'admin',
      max_budget_in_team: 1,
    });
    expect(changed.body).toMatchObject({
      team_id: 'team-a',
      user_id: id,
      user_email: 'new@a.org',
      role: 'admin',
      max_budget_in_team: 1,
    });
    const back = await by('lead-a', 'POST', `/team/team-a/member/${id}/reset_budget`);
    expect(back.body).toMatchObject({ budget_source: 'none' });
    const set = await by('lead-a', 'POST', `/team/team-a/member/${id}/reset_spend`, { reset_to: 0 });
    expect([set.status, set.body]).toMatchObject([200, { spend: 0, previous_spend: 0 }]);
    const more = await by('lead-a', 'POST', `/team/team-a/member/${id}/reset_spend`, { reset_to: 1 });
    expect([more.status, more.body['error'].param]).toEqual([400, 'reset_to']);
    expect(
      (await by('lead-a', 'POST', '/team/member_delete', { team_id: 'team-a', user_id: id })).body['members'],
    ).not.toContain(id);
    expect(
      (await by('lead-a', 'POST', '/team/member_delete', { team_id: 'team-a', user_id: id })).status,
    ).toBe(400);

    expect((await by('member-a', 'POST', '/key/generate', { team_id: 'team-a' })).body['error'].type).toBe(
      'team_member_permission_error',
    );
    await by('lead-a', 'POST', '/team/permissions_update', {
      team_id: 'team-a',
      team_member_permissions: ['/key/generate'],
    });
    const own = await by('member-a', 'POST', '/key/generate', { team_id: 'team-a' });
    expect([own.status, own.body['user_id']]).toEqual([200, 'member-a']);
    expect((await tenants.product.chat(own.body['key'] as string)).status).toBe(200);
    expect(
      (
        await by('member-a', 'POST', '/team/permissions_update', {
          team_id: 'team-a',
          team_member_permissions: ['/key/delete'],
        })
      ).status,
    ).toBe(403);
    // Out of the team, its keys there are dead.
    await by('lead-a', 'POST', '/team/member_delete', { team_id: 'team-a', user_id: 'member-a' });
    expect((await tenants.product.chat(own.body['key'] as string)).status).toBe(401);
    await by('lead-a', 'POST', '/team/member_add', {
      team_id: 'team-a',
      member: { role: 'user', user_id: 'member-a' },
    });
  });

  it('changes of the team what the operator opened, and never upwards', async () => {
    expect(
      (await by('lead-a', 'POST', '/team/update', { team_id: 'team-a', max_budget: 40 })).body['data']
        .max_budget,
    ).toBe(40);
    const closed: object[] = [
      { max_budget: 41 },
      { max_budget: null },
      { rpm_limit: 1 },
      { models: [] },
      { organization_id: null },
      { organization_id: 'org-b' },
      { blocked: true },
      { team_alias: 'x' },
      { metadata: { priority: 'high' } },
      { team_member_permissions: ['/key/delete'] },
      { budget_duration: '1s' },
      { budget_id: 'x' },
    ];
    for (const change of closed)
      expect([
        change,
        (await by('lead-a', 'POST', '/team/update', { team_id: 'team-a', ...change })).status,
      ]).toEqual([change, 403]);
    expect((await by('lead-a', 'POST', '/team/model/add', { team_id: 'team-a', models: ['n'] })).status).toBe(
      403,
    );
    await by('boss-a', 'POST', '/team/block', { team_id: 'team-a' });
    expect((await by('lead-a', 'POST', '/team/unblock', { team_id: 'team-a' })).status).toBe(403);
    await by('boss-a', 'POST', '/team/unblock', { team_id: 'team-a' });
  });

  it('manages projects of the team, within the team', async () => {
    const made = await by('lead-a', 'POST', '/project/new', {
      team_id: 'team-a',
      project_id: 'project-a',
      project_alias: 'P',
      models: ['m'],
      max_budget: 5,
    });
    expect([made.status, made.body['litellm_budget_table'].max_budget]).toEqual([200, 5]);
    expect((await by('lead-a', 'POST', '/project/new', { team_id: 'team-a', max_budget: 41 })).status).toBe(
      400,
    );
    expect(
      (await by('lead-a', 'POST', '/project/update', { project_id: 'project-a', models: ['n'] })).status,
    ).toBe(400);
    expect((await by('member-a', 'GET', '/project/list')).text).toContain('project-a');
    expect(
      (await by('member-a', 'POST', '/project/update', { project_id: 'project-a', blocked: true })).status,
    ).toBe(403);
    const key = await by('lead-a', 'POST', '/key/generate', { team_id: 'team-a', project_id: 'project-a' });
    expect(key.status).toBe(200);
    expect((await by('lead-a', 'DELETE', '/project/delete', { project_ids: ['project-a'] })).status).toBe(
      400,
    );
  });
});

describe('somebody without a standing', () => {
  /** The attack: raising one's own role, limits or place by any field of one's own row. */
  it('changes nothing of what was decided about it', async () => {
    const changes: object[] = [
      { user_role: 'proxy_admin' },
      { max_budget: 1e6 },
      { tpm_limit: 1e9 },
      { models: ['n'] },
      { metadata: { priority: 'high' } },
      { sso_user_id: 'boss' },
      { user_email: 'boss@evil.org' },
      { model_max_budget: { m: { max_budget: 9, budget_duration: '1d' } } },
      { blocked: false, soft_budget: 1 },
    ];
    for (const change of changes)
      expect([
        change,
        (await by('solo-a', 'POST', '/user/update', { user_id: 'solo-a', ...change })).status,
      ]).toEqual([change, 403]);
    expect(
      (await by('solo-a', 'POST', '/user/update', { user_id: 'solo-a', user_alias: 'Solo' })).body['data']
        .user_alias,
    ).toBe('Solo');
    const led = await by('lead-a', 'POST', '/user/update', { user_id: 'lead-a', user_alias: 'Lead' });
    expect(led.body['data'].teams).toContain('team-a');
    expect(
      (
        await by('solo-a', 'POST', '/user/bulk_update', {
          users: [{ user_id: 'solo-a', user_role: 'proxy_admin' }],
        })
      ).status,
    ).toBe(401);
    expect((await by('solo-a', 'POST', '/team/new', {})).status).toBe(401);
  });

  it('joins an open team as an ordinary member, and no other', async () => {
    expect((await by('solo-a', 'GET', '/team/available')).text).toContain('open');
    const asAdmin = { team_id: 'open', member: { role: 'admin', user_id: 'solo-a' } };
    expect((await by('solo-a', 'POST', '/team/member_add', asAdmin)).status).toBe(403);
    const rich = { team_id: 'open', member: { role: 'user', user_id: 'solo-a' }, max_budget_in_team: 9 };
    expect((await by('solo-a', 'POST', '/team/member_add', rich)).status).toBe(403);
    expect(
      (
        await by('solo-a', 'POST', '/team/member_add', {
          team_id: 'open',
          member: { role: 'user', user_id: 'solo-a' },
        })
      ).status,
    ).toBe(200);
    expect((await by('solo-a', 'GET', '/team/available')).text).not.toContain('open');
  });

  it('that only reads writes nothing, whatever its memberships', async () => {
    const viewer = await tenants.admin('/user/new', { user_id: 'viewer', user_role: 'internal_user_viewer' });
    await tenants.admin('/team/member_add', {
      team_id: 'team-a',
      member: { role: 'admin', user_id: 'viewer' },
    });
    tenants.keys['viewer'] = viewer['key'] as string;
    expect(
      (await by('viewer', 'POST', '/team/member_delete', { team_id: 'team-a', user_id: 'member-a' })).status,
    ).toBe(401);
    expect((await by('viewer', 'GET', '/team/info?team_id=team-a')).status).toBe(200);
  });
});

describe('what hangs on a deleted row', () => {
  it('dies with its team, its user, its organization', async () => {
    const teamKey = await tenants.product.makeKey({ team_id: 'team-b', user_id: 'member-b' });
    expect((await tenants.product.chat(teamKey)).status).toBe(200);
    expect((await by('boss-b', 'POST', '/team/delete', { team_ids: ['team-b'] })).body).toEqual({
      deleted_teams: ['team-b'],
    });
    expect((await tenants.product.chat(teamKey)).status).toBe(401);
    expect((await by('boss-b', 'GET', '/v2/team/list?status=deleted')).body['teams'][0].team_id).toBe(
      'team-b',
    );
    expect((await by('boss-a', 'GET', '/v2/team/list?status=deleted')).text).not.toContain('team-b');
    expect((await tenants.product.ask('GET', `/key/info?key=${teamKey}`)).body['info'].status).toBe(
      'deleted',
    );
    expect((await tenants.product.ask('POST', '/user/delete', { user_ids: ['solo-b'] })).text).toBe('1');
    expect((await tenants.product.chat(tenants.keys['solo-b'] ?? '')).status).toBe(401);
    const gone = await tenants.product.ask('DELETE', '/organization/delete', { organization_ids: ['org-b'] });
    expect([gone.status, gone.body]).toMatchObject([200, [{ organization_id: 'org-b' }]]);
    expect((await tenants.product.chat(tenants.keys['lead-b'] ?? '')).status).toBe(401);
    expect((await tenants.product.ask('GET', '/user/info?user_id=lead-b')).body['user_info'].blocked).toBe(
      true,
    );
  });
});
