import type { Principal } from '#libs/kernel';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Json, startSpendReports } from '../harness/spend-reports.js';
import { principal } from '../harness/caller.js';
import { admin } from '../harness/tenancy.js';

const RANGE = 'start_date=2026-11-01&end_date=2026-11-30';

let reports: Awaited<ReturnType<typeof startSpendReports>>;
beforeAll(async () => {
  reports = await startSpendReports();
});
afterAll(() => reports.stop());

const person = (id: string, over: Partial<Principal> = {}): Principal => principal({ user: { id }, ...over });
const as: typeof reports.as = (who, path, body) => reports.as(who, path, body);
const get = async (path: string, who: Principal = admin.principal): Promise<Json> => {
  const { status, body } = await as(who, path);
  expect(status, JSON.stringify(body)).toBe(200);
  return body;
};

/** Without the name that each decision has of its own. */
const unnamed = (answer: unknown): string =>
  JSON.stringify(answer).replaceAll(/"decision_id":"dec_\w+"/g, '');

describe('daily activity', () => {
  it('shows days with their models, providers, keys and people, the newest first', async () => {
    const { results, metadata } = await get(`/user/daily/activity?${RANGE}`);
    expect(results.map(({ date }: Json) => date)).toEqual(['2026-11-20', '2026-11-19']);
    expect(results[0].metrics).toMatchObject({
      spend: 0.25,
      api_requests: 5,
      successful_requests: 4,
      failed_requests: 1,
    });
    expect(results[0].breakdown.models['large-v1'].metrics.spend).toBe(0.25);
    expect(results[0].breakdown.providers.openai.api_key_breakdown['hash-kz'].metrics.spend).toBe(0.11);
    expect(results[0].breakdown.api_keys['hash-ka']).toMatchObject({
      metrics: { spend: 0.05, prompt_tokens: 3, completion_tokens: 4 },
      metadata: { key_alias: 'of ann', team_id: 'red', user_email: 'ann@one.org', key_exists: true },
    });
    expect(results[0].breakdown.entities.ann).toMatchObject({
      metrics: { spend: 0.05 },
      metadata: { user_email: 'ann@one.org' },
    });
    expect(metadata).toMatchObject({ total_spend: 0.28, total_api_requests: 6, page: 1, has_more: false });
  });

  it('is paged by whole days, and comes in one piece when that is asked for', async () => {
    const first = await get(`/team/daily/activity?${RANGE}&page_size=1`);
    expect(first.metadata).toMatchObject({ page: 1, total_pages: 2, has_more: true, total_spend: 0.23 });
    const second = await get(`/team/daily/activity?${RANGE}&page_size=1&page=2`);
    expect(second.results.map(({ date }: Json) => date)).toEqual(['2026-11-19']);
    expect(second.metadata).toMatchObject({ has_more: false, total_spend: 0.03 });
    const whole = await get(`/team/daily/activity/aggregated?${RANGE}&page_size=1`);
    expect(whole.results).toHaveLength(2);
    expect(whole.results[0].breakdown.entities.red).toMatchObject({ metadata: { team_alias: 'Red' } });
  });

  it('narrows to teams, organizations, customers, a model and a key', async () => {
    const spent = async (path: string): Promise<number> => (await get(path)).metadata.total_spend;
    expect(await spent(`/team/daily/activity?${RANGE}&team_ids=red`)).toBe(0.15);
    expect(await spent(`/team/daily/activity?${RANGE}&exclude_team_ids=red`)).toBe(0.11);
    expect(await spent(`/organization/daily/activity?${RANGE}&organization_ids=two`)).toBe(0.11);
    expect(await spent(`/customer/daily/activity?${RANGE}`)).toBe(0.18);
    expect(await spent(`/customer/daily/activity?${RANGE}&end_user_ids=acme`)).toBe(0.07);
    expect(await spent(`/user/daily/activity?${RANGE}&model=small`)).toBe(0.03);
    expect(await spent(`/user/daily/activity?${RANGE}&api_key=hash-kb`)).toBe(0.07);
    expect(await spent(`/user/daily/activity?${RANGE}&api_key=hash-of-nobody`)).toBe(0);
    expect(await spent(`/user/daily/activity?start_date=2026-11-19&end_date=2026-11-19`)).toBe(0.03);
  });

  it('counts a call with two tags once in the total and for each of them', async () => {
    const { results, metadata } = await get(`/tag/daily/activity?${RANGE}&tags=batch,night`);
    expect(metadata.total_spend).toBe(0.12);
    const { entities } = results[0].breakdown;
    expect(entities.batch.metrics.spend).toBe(0.05);
    expect(entities.night.metrics.spend).toBe(0.12);
    expect(entities.secret).toBeUndefined();
  });

  it('refuses a range that is missing, ill-formed or backwards', async () => {
    for (const range of [
      '',
      'start_date=2026-11-01',
      'start_date=x&end_date=2026-11-02',
      'start_date=2026-11-31&end_date=2026-12-01',
      'start_date=2026-11-05&end_date=2026-11-01',
    ])
      expect((await as(admin.principal, `/user/daily/activity?${range}`)).status).toBe(400);
  });
});

describe('each sees what is his', () => {
  it('a member its own calls in the team, its administrator all of them, an organization administrator the organization', async () => {
    const total = async (who: Principal, path: string): Promise<number> =>
      (await get(path, who)).metadata.total_spend;
    expect(await total(person('ann'), `/team/daily/activity?${RANGE}`)).toBe(0.08);
    expect(await total(person('bob'), `/team/daily/activity?${RANGE}`)).toBe(0.15);
    expect(await total(person('olga'), `/team/daily/activity?${RANGE}`)).toBe(0.15);
    expect(await total(person('olga'), `/organization/daily/activity?${RANGE}`)).toBe(0.15);
    expect(await total(person('ann'), `/user/daily/activity?${RANGE}`)).toBe(0.08);
    expect(await total(person('zoe'), `/tag/daily/activity?${RANGE}`)).toBe(0.11);
    expect(await total(person('olga'), `/team/daily/activity?${RANGE}&team_ids=blue`)).toBe(0);
  });

  it('nobody anything of another tenant, by whatever route', async () => {
    const leaks = ['zoe', 'kz', 'blue', 'secret', 'zcorp', '0.11'];
    const paths = [
      `/user/daily/activity?${RANGE}`,
      `/team/daily/activity?${RANGE}`,
      `/organization/daily/activity?${RANGE}`,
      `/tag/daily/activity?${RANGE}`,
      `/tag/daily/activity?${RANGE}&tags=night,secret2`,
      `/global/activity?${RANGE}`,
      `/global/activity/model?${RANGE}`,
      `/global/activity/exceptions?${RANGE}`,
      '/spend/keys',
      '/spend/users',
      '/spend/tags',
      '/spend/logs',
      `/spend/logs?${RANGE}`,
      `/spend/logs/v2?${RANGE}`,
      `/user/spend/report?${RANGE}`,
      `/team/spend/by_user?${RANGE}`,
      `/team/spend/by_user?${RANGE}&team_ids=blue`,
      `/spend/logs/ui/chatcmpl-z1?${RANGE}`,
    ];
    for (const who of [
      person('ann'),
      person('bob'),
      person('olga'),
      principal({ key: { id: 'ka', hash: 'hash-ka', maskedName: 'x' } }),
    ]) {
      for (const path of paths) {
        const { body } = await as(who, path);
        // The name of a refusal is drawn by lot: it may hold any two letters.
        const told = JSON.stringify(body).replaceAll(/dec_[0-9a-z]{25}/g, '');
        for (const leak of leaks) expect(told, `${path} as ${who.user?.id}`).not.toContain(leak);
      }
    }
  });

  it('asking for what is not yours is answered like asking for what is not there', async () => {
    for (const [foreign, absent] of [
      [`/user/daily/activity?${RANGE}&user_id=zoe`, `/user/daily/activity?${RANGE}&user_id=nob`],
      [`/team/daily/activity?${RANGE}&team_ids=blue`, `/team/daily/activity?${RANGE}&team_ids=nobo`],
      [
        `/organization/daily/activity?${RANGE}&organization_ids=two`,
        `/organization/daily/activity?${RANGE}&organization_ids=non`,
      ],
      ['/spend/users?user_id=zoe', '/spend/users?user_id=nob'],
      [`/team/spend/report?${RANGE}&team_id=blue`, `/team/spend/report?${RANGE}&team_id=nobo`],
      [`/key/spend/report?${RANGE}&api_key=hash-kz`, `/key/spend/report?${RANGE}&api_key=hash-no`],
    ] as const) {
      const one = await as(person('ann'), foreign);
      expect(one.status, foreign).toBe(403);
      expect(unnamed(await as(person('ann'), absent))).toEqual(unnamed(one));
    }
  });

  it('a caller without any name sees nothing', async () => {
    expect(await get('/spend/logs', principal())).toEqual([]);
    expect(await get('/spend/keys', principal())).toEqual([]);
    expect((await get(`/global/activity?${RANGE}`, principal())).sum_api_requests).toBe(0);
  });
});

describe('the log', () => {
  const V2 = 'start_date=2026-11-01 00:00:00&end_date=2026-11-30 23:59:59';
  it('is paged, filtered and put in order', async () => {
    const page = await get(`/spend/logs/v2?${V2}&page_size=4&sort_by=spend`);
    expect(page).toMatchObject({ total: 6, page: 1, page_size: 4, total_pages: 2, total_is_capped: false });
    expect(page.data.map(({ request_id }: Json) => request_id)).toEqual([
      'chatcmpl-z1',
      'chatcmpl-b1',
      'chatcmpl-a1',
      'chatcmpl-a2',
    ]);
    expect(page.data[0]).not.toHaveProperty('messages');
    const ids = async (query: string): Promise<string[]> =>
      (await get(`/spend/logs/v2?${V2}&${query}`)).data
        .map(({ request_id }: Json) => request_id.replace('chatcmpl-', ''))
        .toSorted();
    expect(await ids('status_filter=failure')).toEqual(['b2']);
    expect(await ids('team_id=red&min_spend=0.04')).toEqual(['a1', 'b1']);
    expect(await ids('key_alias=of ann&max_spend=0.04')).toEqual(['a2']);
    expect(await ids('end_user=acme')).toEqual(['b1']);
    expect(await ids('error_message=upstream')).toEqual(['b2']);
    expect(await ids('search=chatcmpl-p1')).toEqual(['p1']);
    expect(await ids('model_group=small')).toEqual(['a2']);
    expect(await ids('session_id=session-of-ann')).toEqual(['a1', 'a2']);
  });

  it('goes on from where a page ended', async () => {
    const seen: string[] = [];
    let cursor = '';
    for (let pages = 0; pages < 9 && cursor !== null; pages += 1) {
      const page = await get(`/spend/logs/v2?${V2}&page_size=2${cursor && `&cursor=${cursor}`}`);
      seen.push(...page.data.map(({ request_id }: Json) => request_id));
      cursor = page.next_cursor;
    }
    expect(seen).toHaveLength(6);
    expect(new Set(seen).size).toBe(6);
  });

  it('wants a range, unless the console asks for one request', async () => {
    expect((await as(admin.principal, '/spend/logs/v2')).status).toBe(400);
    expect((await as(admin.principal, '/spend/logs/v2?start_date=yesterday&end_date=today')).status).toBe(
      400,
    );
    expect((await get('/spend/logs/ui?request_id=chatcmpl-a1')).data).toHaveLength(1);
    expect(
      (await get('/spend/logs/session/ui?session_id=session-of-ann')).data.map(
        ({ request_id }: Json) => request_id,
      ),
    ).toEqual(['chatcmpl-a2', 'chatcmpl-a1']);
    expect(await get('/spend/logs/ui/chatcmpl-a1?start_date=2026-11-20')).toEqual({
      messages: {},
      response: {},
      proxy_server_request: {},
    });
    expect((await as(admin.principal, `/spend/logs/v2?${V2}&span_type=x`)).status).toBe(400);
  });

  it('sums by day: users, models and keys, filled up to the end', async () => {
    const days = await get('/spend/logs?start_date=2026-11-19&end_date=2026-11-22');
    expect(days.map(({ startTime }: Json) => startTime)).toEqual([
      '2026-11-19',
      '2026-11-20',
      '2026-11-21',
      '2026-11-22',
    ]);
    expect(days[0]).toEqual({
      startTime: '2026-11-19',
      spend: 0.03,
      users: { ann: 0.03 },
      models: { small: 0.03 },
      'hash-ka': 0.03,
    });
    expect(days[1]).toMatchObject({ spend: 0.25, models: { large: 0.25 }, 'hash-kz': 0.11 });
    expect(days[3]).toMatchObject({ spend: 0, users: {} });
    const own = await get('/spend/logs?start_date=2026-11-19&end_date=2026-11-22', person('ann'));
    expect(own[1]).toMatchObject({ spend: 0.05, users: { ann: 0.05 }, 'hash-ka': 0.05 });
    const customer = await get(
      '/spend/logs?start_date=2026-11-19&end_date=2026-11-22',
      principal({ role: 'customer', customerId: 'acme' }),
    );
    expect(customer[0]).toMatchObject({ startTime: '2026-11-20', spend: 0.07 });
  });
});

describe('an answer', () => {
  it('takes three queries at most, whatever is asked', async () => {
    const log = 'start_date=2026-11-01&end_date=2026-11-30';
    const paths = [
      ...['user', 'team', 'organization', 'customer', 'tag'].flatMap((noun) => [
        `/${noun}/daily/activity?${RANGE}`,
        `/${noun}/daily/activity/aggregated?${RANGE}&model=large`,
      ]),
      `/team/daily/activity?${RANGE}&team_ids=red`,
      `/organization/daily/activity?${RANGE}&organization_ids=one`,
      `/organization/daily/activity?${RANGE}&organization_ids=one&api_key_limit=1`,
      ...['', '/model', '/cache_hits', '/exceptions', '/exceptions/deployment'].map(
        (part) => `/global/activity${part}?${RANGE}`,
      ),
      ...['', '/logs', '/keys', '/models', '/teams', '/tags', '/all_tag_names'].map(
        (part) => `/global/spend${part}`,
      ),
      `/global/spend/provider?${RANGE}`,
      `/global/spend/report?${RANGE}`,
      `/global/spend/report?${RANGE}&team_id=red`,
      '/global/all_end_users',
      '/spend/keys',
      '/spend/users',
      '/spend/tags',
      '/spend/logs',
      `/spend/logs?${RANGE}`,
      `/spend/logs/v2?${log}`,
      '/spend/logs/session/ui?session_id=session-of-ann',
      '/provider/budgets',
    ];
    for (const path of paths)
      expect(await reports.statementsOf(() => get(path)), path).toBeLessThanOrEqual(3);
  });
});

describe('overviews', () => {
  it('say who, what and when', async () => {
    expect(await get('/global/spend')).toEqual({ spend: 0.28, max_budget: 0 });
    expect(await get('/global/spend/logs')).toEqual([
      { date: '2026-11-19', spend: 0.03 },
      { date: '2026-11-20', spend: 0.25 },
    ]);
    expect(await get('/global/spend/logs?api_key=hash-ka')).toHaveLength(2);
    const keys = await get('/global/spend/keys?limit=2');
    expect(keys.map(({ total_spend }: Json) => total_spend)).toEqual([0.11, 0.08]);
    expect(keys[1]).toMatchObject({ api_key: 'hash-ka', key_alias: 'of ann', key_name: 'sk-...ka' });
    expect(await get('/global/spend/models')).toEqual([
      { model: 'large', total_spend: 0.25 },
      { model: 'small', total_spend: 0.03 },
    ]);
    expect(await get('/global/spend/teams')).toMatchObject({
      teams: ['Red', 'blue'],
      total_spend_per_team: [
        { team_id: 'Red', total_spend: 0.15 },
        { team_id: 'blue', total_spend: 0.11 },
      ],
    });
    expect((await as(admin.principal, '/global/spend/end_users', {})).body).toEqual([
      { end_user: 'zcorp', total_count: 1, total_spend: 0.11 },
      { end_user: 'acme', total_count: 1, total_spend: 0.07 },
    ]);
    expect(await get(`/global/spend/provider?${RANGE}`)).toEqual([{ provider: 'openai', spend: 0.28 }]);
    expect((await get('/global/spend/tags?tags=night')).spend_per_tag).toEqual([
      { name: 'night', spend: 0.12, log_count: 2 },
    ]);
    expect(await get('/global/spend/all_tag_names')).toEqual({ tag_names: ['batch', 'night', 'secret'] });
    expect(await get('/global/all_end_users')).toEqual({ end_users: ['acme', 'zcorp'] });
    const activity = await get(`/global/activity?${RANGE}`);
    expect(activity).toMatchObject({ sum_api_requests: 6, sum_total_tokens: 42 });
    expect(activity.daily_data[0]).toEqual({ date: 'Nov 19', api_requests: 1, total_tokens: 7 });
    expect((await get(`/global/activity/model?${RANGE}`))[0]).toMatchObject({
      model: 'large',
      sum_api_requests: 5,
    });
    expect((await get('/spend/keys'))[0]).toMatchObject({ token: 'hash-kz', spend: 0.11 });
    expect((await get('/spend/users'))[0]).toMatchObject({ user_id: 'zoe', spend: 0.11 });
    expect((await get('/spend/tags'))[0]).toEqual({
      individual_request_tag: 'night',
      log_count: 2,
      total_spend: 0.12,
    });
  });

  it('report by team and day, and by key', async () => {
    const days = await get(`/global/spend/report?${RANGE}`);
    expect(days[1]).toMatchObject({ group_by_day: '2026-11-20' });
    expect(days[1].teams.find(({ team_name }: Json) => team_name === 'Red')).toMatchObject({
      total_spend: 0.12,
      metadata: expect.arrayContaining([
        { model: 'large', api_key: 'hash-kb', spend: 0.07, total_tokens: 14 },
      ]),
    });
    const keys = await get(`/global/spend/report?${RANGE}&internal_user_id=ann`);
    expect(keys).toMatchObject(
      [
        { api_key: 'hash-ka', total_cost: 0.08, model_details: [{ total_cost: 0.05 }, { total_cost: 0.03 }] },
      ].map(({ model_details: _, ...row }) => row),
    );
    expect(await get(`/user/spend/report?${RANGE}`, person('ann'))).toMatchObject([
      { api_key: 'hash-ka', total_cost: 0.08 },
    ]);
    expect(await get(`/team/spend/report?${RANGE}&team_id=red`, person('bob'))).toHaveLength(2);
    expect((await as(admin.principal, '/global/spend/report')).status).toBe(400);
  });

  /** An empty list for a month asked for backwards is taken for a month without spend. */
  it.each([
    ...['/global/spend/report', '/key/spend/report', '/user/spend/report', '/team/spend/report'],
    ...['/organization/spend/report', '/global/spend/provider', '/global/spend/tags', '/spend/logs'],
    ...['/spend/logs/v2', '/team/spend/by_user', '/global/activity'],
  ])('%s refuses days in the wrong order, and names the field', async (path) => {
    const refused = await as(admin.principal, `${path}?start_date=2026-11-30&end_date=2026-11-01`);
    expect(refused.status).toBe(400);
    expect(JSON.stringify(refused.body)).toMatch(/end_date.*the range ends before it starts/);
    const oneDay = await as(admin.principal, `${path}?start_date=2026-11-30&end_date=2026-11-30`);
    expect(JSON.stringify(oneDay.body)).not.toContain('ends before');
  });

  it('report who in a team spent how much, the largest first, to whom the team is', async () => {
    const path = `/team/spend/by_user?${RANGE}`;
    const spent = ({ results }: Json): unknown[] =>
      results.map(({ team_id, user_id, spend }: Json) => [team_id, user_id, spend]);
    const all = await get(path);
    expect(all).toMatchObject({ start_date: '2026-11-01', end_date: '2026-11-30' });
    expect(spent(all)).toEqual([
      ['blue', 'zoe', 0.11],
      ['red', 'ann', 0.08],
      ['red', 'bob', 0.07],
    ]);
    expect(all.results[1]).toMatchObject({ team_alias: 'Red', user_email: 'ann@one.org', api_requests: 2 });
    const red = `${path}&team_ids=red`;
    expect(spent(await get(red, person('bob')))).toHaveLength(2);
    expect(spent(await get(red, person('ann')))).toEqual([['red', 'ann', 0.08]]);
    expect(spent(await get(path, person('ann')))).toEqual([['red', 'ann', 0.08]]);
    const foreign = await as(person('ann'), `${path}&team_ids=blue`);
    expect([foreign.status, unnamed(foreign.body)]).toEqual([
      403,
      unnamed((await as(person('ann'), `${path}&team_ids=nobo`)).body),
    ]);
    expect((await as(admin.principal, '/team/spend/by_user')).status).toBe(400);
  });
});
