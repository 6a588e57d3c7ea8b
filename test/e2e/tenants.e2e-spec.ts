import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Tenants } from '../harness/two-organizations.js';

let tenants: Tenants;
beforeAll(async () => {
  tenants = await Tenants.start();
});
afterAll(() => tenants?.product.dispose());

const by = (...call: Parameters<Tenants['by']>) => tenants.by(...call);

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
          text.replaceAll('-nowhere', '-b').replaceAll(/"(?:litellm_call|decision)_id":"[^"]*"/g, '');
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

/** Whatever is sent, the answer names the field, and nothing is stored or executed that was not meant. */
describe('nonsense about people', () => {
  it('is refused with the name of the field', async () => {
    const wrong: readonly [string, object, number, string][] = [
      ['/team/new', { max_budget: -1 }, 400, 'max_budget'],
      ['/team/new', { max_budget: '1e308' }, 400, 'max_budget'],
      ['/team/new', { max_budgt: 1 }, 400, 'max_budgt'],
      ['/team/new', { guardrails: ['x'] }, 400, 'guardrails'],
      ['/team/new', { team_id: 'litellm-dashboard' }, 400, 'team_id'],
      ['/team/new', { team_alias: 'x'.repeat(10_000) }, 400, 'team_alias'],
      ['/team/new', { team_alias: 'a\u0000b' }, 400, 'team_alias'],
      ['/team/new', { models: 'm' }, 422, 'models'],
      ['/team/new', { budget_duration: 'soon' }, 400, 'budget_duration'],
      ['/team/new', { max_budget: 1, soft_budget: 1 }, 400, 'soft_budget'],
      ['/team/new', { organization_id: 'nowhere' }, 400, 'organization_id'],
      ['/team/new', { team_member_permissions: ['/key/everything'] }, 422, 'team_member_permissions'],
      ['/team/member_add', { team_id: 'team-a', member: { role: 'boss', user_id: 'x' } }, 422, 'member'],
      ['/team/member_add', { team_id: 'team-a' }, 422, 'member'],
      ['/team/member_update', { team_id: 'team-a' }, 422, 'null'],
      ['/user/new', { user_role: 'org_admin' }, 422, 'user_role'],
      ['/user/new', { user_email: 'no address' }, 400, 'user_email'],
      ['/user/new', { password: 'x' }, 422, 'password'],
      ['/user/update', { user_role: 'internal_user' }, 422, 'null'],
      ['/user/delete', { user_ids: [] }, 400, 'user_ids'],
      ['/organization/new', {}, 422, 'organization_alias'],
      ['/project/new', { team_id: 'nowhere' }, 400, 'team_id'],
      ['/invitation/new', { user_id: 'nobody' }, 400, 'None'],
    ];
    for (const [path, body, status, param] of wrong) {
      const answer = await tenants.product.ask('POST', path, body);
      expect([path, body, answer.status, String(answer.body['error']?.param)]).toEqual([
        path,
        body,
        status,
        param,
      ]);
    }
    for (const path of [
      '/user/list?page_size=101',
      '/v2/team/list?page=0',
      '/user/list?sort_by=id;drop',
      '/team/info',
    ])
      expect([path, (await tenants.product.ask('GET', path)).status]).toEqual([path, 422]);
  });

  it('is a name like any other where names are free', async () => {
    const name = `'; DROP TABLE teams; -- {{7*7}} <b>%_`;
    const made = await tenants.admin('/team/new', { team_id: 'odd', team_alias: name });
    expect(made['team_alias']).toBe(name);
    const found = await tenants.admin(`/v2/team/list?team_alias=${encodeURIComponent('%_')}`);
    expect(found['teams'].map(({ team_id: id }: { team_id: string }) => id)).toEqual(['odd']);
    const ignored = await tenants.product.ask('POST', '/team/update', { team_id: 'odd', colour: 'red' });
    expect(ignored.headers.get('x-ignored-fields')).toBe('colour');
  });
});

describe('a list', () => {
  it('is paged and sorted, and never cut silently', async () => {
    const first = await tenants.admin('/user/list?page=1&page_size=3&sort_by=user_id&sort_order=asc');
    const second = await tenants.admin('/user/list?page=2&page_size=3&sort_by=user_id&sort_order=asc');
    const ids = [...first['users'], ...second['users']].map(({ user_id: id }: { user_id: string }) => id);
    expect(ids).toEqual(ids.toSorted());
    expect([first['total'], first['total_pages'], first['users'].length]).toEqual([9, 3, 3]);
    const empty = await tenants.admin('/user/list?page=99');
    expect([empty['total'], empty['users']]).toEqual([9, []]);
    const one = await tenants.admin('/user/list?user_ids=SOLO-A');
    expect(one['users']).toMatchObject([{ user_id: 'solo-a', key_count: 1, teams: [] }]);
    const inTeam = await tenants.admin('/user/list?team=team-a');
    expect(inTeam['users'].map(({ user_id: id }: { user_id: string }) => id)).toEqual([
      'lead-a',
      'member-a',
      'default_user_id',
    ]);
  });
});
