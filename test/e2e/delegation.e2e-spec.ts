import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Answer, GovernedProduct, type Json } from '../harness/governed-product.js';

let product: GovernedProduct;
/** Raw keys by the name of whose they are. */
const keys: Record<string, string> = {};

beforeAll(async () => {
  product = await GovernedProduct.start((provider) => ({
    model_list: ['m', 'n'].map((model_name) => ({
      model_name,
      litellm_params: {
        model: 'openai/up',
        api_base: provider.url,
        api_key: 'sk-upstream',
        input_cost_per_token: 0.001,
        output_cost_per_token: 0.001,
      },
    })),
    general_settings: { team_admin_editable_team_fields: ['tpm_limit', 'max_budget'] },
    litellm_settings: { default_internal_user_params: { available_teams: ['open'] } },
  }));
  // Two tenants, each with an administrator, a team, its administrator, a member and a personal user.
  for (const tenant of ['a', 'b']) {
    await product.admin('/organization/new', {
      organization_id: `org-${tenant}`,
      organization_alias: tenant,
      models: ['m'],
      max_budget: 100,
      rpm_limit: 1000,
    });
    for (const person of ['boss', 'lead', 'member', 'solo']) {
      const made = await product.admin('/user/new', {
        user_id: `${person}-${tenant}`,
        user_email: `${person}@${tenant}.org`,
        organizations: [`org-${tenant}`],
      });
      keys[`${person}-${tenant}`] = made['key'] as string;
    }
    await patch('/organization/member_update', {
      organization_id: `org-${tenant}`,
      user_id: `boss-${tenant}`,
      role: 'org_admin',
    });
    await product.admin('/team/new', {
      team_id: `team-${tenant}`,
      organization_id: `org-${tenant}`,
      models: ['m'],
      max_budget: 50,
      rpm_limit: 100,
      members_with_roles: [
        { role: 'admin', user_id: `lead-${tenant}` },
        { role: 'user', user_id: `member-${tenant}` },
      ],
    });
  }
  await product.admin('/team/new', { team_id: 'open' });
});
afterAll(() => product?.dispose());

const by = (who: string, method: string, path: string, body?: object): Promise<Answer> =>
  product.ask(method, path, body, keys[who] ?? product.product.masterKey);
const patch = async (path: string, body: object): Promise<Json> =>
  (await product.ask('PATCH', path, body)).body;

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

/** Reading or changing what is another tenant's, by every name a request has for it. */
describe('a foreign tenant', () => {
  const attempts = (who: string, tenant: string): readonly [string, string, object?][] => [
    ['GET', `/team/info?team_id=team-${tenant}`],
    ['GET', `/team/permissions_list?team_id=team-${tenant}`],
    ['GET', `/team/team-${tenant}/members/me`],
    ['GET', `/user/info?user_id=lead-${tenant}`],
    ['GET', `/v2/user/info?user_id=lead-${tenant}`],
    ['GET', `/organization/info?organization_id=org-${tenant}`],
    ['GET', `/project/info?project_id=project-${tenant}`],
    ['POST', '/team/update', { team_id: `team-${tenant}`, max_budget: 1 }],
    ['PATCH', `/team/team-${tenant}`, { tpm_limit: 1 }],
    ['POST', '/team/delete', { team_ids: [`team-${tenant}`] }],
    ['POST', '/team/block', { team_id: `team-${tenant}` }],
    ['POST', '/team/unblock', { team_id: `team-${tenant}` }],
    ['POST', '/team/model/add', { team_id: `team-${tenant}`, models: ['m'] }],
    ['POST', '/team/model/delete', { team_id: `team-${tenant}`, models: ['m'] }],
    ['POST', '/team/permissions_update', { team_id: `team-${tenant}`, team_member_permissions: [] }],
    ['POST', '/team/member_add', { team_id: `team-${tenant}`, member: { role: 'admin', user_id: who } }],
    [
      'POST',
      '/team/bulk_member_add',
      { team_id: `team-${tenant}`, members: [{ role: 'user', user_id: who }] },
    ],
    ['POST', '/team/member_update', { team_id: `team-${tenant}`, user_id: 'lead-b', role: 'user' }],
    ['POST', '/team/member_delete', { team_id: `team-${tenant}`, user_id: 'lead-b' }],
    ['POST', `/team/team-${tenant}/member/lead-b/reset_budget`],
    ['POST', '/user/update', { user_id: `lead-${tenant}`, user_alias: 'x' }],
    ['POST', '/user/delete', { user_ids: [`lead-${tenant}`] }],
    ['PATCH', '/organization/update', { organization_id: `org-${tenant}`, metadata: {} }],
    ['PATCH', `/v2/organization/org-${tenant}`, { metadata: {} }],
    [
      'POST',
      '/organization/member_add',
      { organization_id: `org-${tenant}`, member: { user_id: who, role: 'org_admin' } },
    ],
    [
      'PATCH',
      '/organization/member_update',
      { organization_id: `org-${tenant}`, user_id: who, role: 'org_admin' },
    ],
    ['DELETE', '/organization/member_delete', { organization_id: `org-${tenant}`, user_id: 'lead-b' }],
    ['POST', '/project/new', { team_id: `team-${tenant}` }],
    ['POST', '/invitation/new', { user_id: `lead-${tenant}` }],
    ['POST', '/team/new', { organization_id: `org-${tenant}` }],
    ['POST', '/user/new', { organizations: [`org-${tenant}`] }],
  ];

  /** Told apart, the two answers would be a list of another tenant's names. */
  it('is refused everywhere, in the words that something has that is not there', async () => {
    for (const who of ['boss-a', 'lead-a', 'member-a', 'solo-a']) {
      const theirs = attempts(who, 'b');
      const nobodys = attempts(who, 'nowhere');
      for (const [index, [method, path, body]] of theirs.entries()) {
        const foreign = await by(who, method, path, body);
        const [, missingPath = '', missingBody] = nobodys[index] ?? [];
        const missing = await by(who, method, missingPath, missingBody);
        const called = `${who} ${method} ${path}`;
        expect([called, [400, 401, 403, 404].includes(foreign.status)]).toEqual([called, true]);
        const plain = (text: string): string =>
          text.replaceAll('-nowhere', '-b').replace(/"litellm_call_id":"[^"]*"/, '');
        expect([called, foreign.status, plain(foreign.text)]).toEqual([
          called,
          missing.status,
          plain(missing.text),
        ]);
      }
    }
  });

  it('is in no list', async () => {
    for (const who of ['boss-a', 'lead-a', 'member-a', 'solo-a']) {
      const lists = [
        '/v2/team/list?page_size=100',
        `/team/list?user_id=${who}`,
        '/organization/list',
        '/project/list',
        '/team/filter/ui',
        `/user/info?user_id=${who}`,
        '/team/available',
      ];
      for (const path of [
        ...lists,
        ...(who === 'boss-a' ? ['/user/list?page_size=100', '/user/filter/ui'] : []),
      ]) {
        const { status, text } = await by(who, 'GET', path);
        expect([who, path, status]).toEqual([who, path, 200]);
        expect([who, path, /(?:org|team|boss|lead|member|solo)-b|b\.org/.test(text)]).toEqual([
          who,
          path,
          false,
        ]);
      }
    }
    expect((await by('lead-a', 'GET', '/user/list')).status).toBe(403);
    expect((await by('lead-a', 'GET', '/team/list')).status).toBe(401);
    expect((await by('lead-a', 'GET', '/team/list?user_id=lead-b')).status).toBe(401);
    expect((await by('lead-a', 'GET', '/v2/team/list?user_id=lead-b')).body['teams']).toEqual([]);
  });

  it('keeps its people: they cannot be drawn into a team of one’s own', async () => {
    expect(
      (
        await by('boss-a', 'POST', '/organization/member_add', {
          organization_id: 'org-a',
          member: { user_id: 'lead-b' },
        })
      ).status,
    ).toBe(403);
    expect(
      (
        await by('lead-a', 'POST', '/team/member_add', {
          team_id: 'team-a',
          member: { role: 'user', user_email: 'lead@b.org' },
        })
      ).status,
    ).toBe(403);
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
      role: 'admin',
      max_budget_in_team: 1,
    });
    const back = await by('lead-a', 'POST', `/team/team-a/member/${id}/reset_budget`);
    expect(back.body).toMatchObject({ budget_source: 'none' });
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
    expect((await product.chat(own.body['key'] as string)).status).toBe(200);
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
    expect((await product.chat(own.body['key'] as string)).status).toBe(401);
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
    const viewer = await product.admin('/user/new', { user_id: 'viewer', user_role: 'internal_user_viewer' });
    await product.admin('/team/member_add', {
      team_id: 'team-a',
      member: { role: 'admin', user_id: 'viewer' },
    });
    keys['viewer'] = viewer['key'] as string;
    expect(
      (await by('viewer', 'POST', '/team/member_delete', { team_id: 'team-a', user_id: 'member-a' })).status,
    ).toBe(401);
    expect((await by('viewer', 'GET', '/team/info?team_id=team-a')).status).toBe(200);
  });
});

describe('what hangs on a deleted row', () => {
  it('dies with its team, its user, its organization', async () => {
    const teamKey = await product.makeKey({ team_id: 'team-b', user_id: 'member-b' });
    expect((await product.chat(teamKey)).status).toBe(200);
    expect((await by('boss-b', 'POST', '/team/delete', { team_ids: ['team-b'] })).body).toEqual({
      deleted_teams: ['team-b'],
    });
    expect((await product.chat(teamKey)).status).toBe(401);
    expect((await by('boss-b', 'GET', '/v2/team/list?status=deleted')).body['teams'][0].team_id).toBe(
      'team-b',
    );
    expect((await by('boss-a', 'GET', '/v2/team/list?status=deleted')).text).not.toContain('team-b');
    expect((await product.ask('GET', `/key/info?key=${teamKey}`)).body['info'].status).toBe('deleted');
    expect((await product.ask('POST', '/user/delete', { user_ids: ['solo-b'] })).text).toBe('1');
    expect((await product.chat(keys['solo-b'] ?? '')).status).toBe(401);
    const gone = await product.ask('DELETE', '/organization/delete', { organization_ids: ['org-b'] });
    expect([gone.status, gone.body]).toMatchObject([200, [{ organization_id: 'org-b' }]]);
    expect((await product.chat(keys['lead-b'] ?? '')).status).toBe(401);
    expect((await product.ask('GET', '/user/info?user_id=lead-b')).body['user_info'].blocked).toBe(true);
  });
});
