import type { Principal } from '#libs/kernel';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Json, startSpendReports } from '../harness/spend-reports.js';
import { principal } from '../harness/caller.js';
import { admin } from '../harness/tenancy.js';

/** Who uses which tags, over the calls of the harness: at noon of 20 November 2026. */
const RANGE = 'start_date=2026-11-01&end_date=2026-11-30';
const PEOPLE = '/tag/user-agent/per-user-analytics';
const ROUTES = ['/tag/distinct', '/tag/dau', '/tag/wau', '/tag/mau', `/tag/summary?${RANGE}`, PEOPLE];

let reports: Awaited<ReturnType<typeof startSpendReports>>;
beforeAll(async () => {
  reports = await startSpendReports();
});
afterAll(() => reports.stop());

const person = (id: string): Principal => principal({ user: { id } });
const get = async (path: string, who: Principal = admin.principal): Promise<Json> => {
  const { status, body } = await reports.as(who, path);
  expect(status, JSON.stringify(body)).toBe(200);
  return body;
};

describe('the use of tags', () => {
  it('is told by the tag: its people, each once, its calls and its spend', async () => {
    expect(await get('/tag/distinct')).toEqual({
      results: [{ tag: 'night' }, { tag: 'secret' }, { tag: 'batch' }],
    });
    const { results } = await get(`/tag/summary?${RANGE}`);
    expect(results).toHaveLength(3);
    expect(results[0]).toEqual({
      tag: 'night',
      unique_users: 2,
      total_requests: 2,
      successful_requests: 2,
      failed_requests: 0,
      total_tokens: expect.any(Number),
      total_spend: 0.12,
    });
  });

  it('is counted by the day, by the week and by thirty days, each ending today', async () => {
    const night = (answer: Json): Json => answer.results.find(({ tag }: Json) => tag === 'night');
    expect(night(await get('/tag/dau'))).toEqual({
      tag: 'night',
      active_users: 2,
      date: '2026-11-20',
      period_start: null,
      period_end: null,
    });
    expect(night(await get('/tag/wau'))).toEqual({
      tag: 'night',
      active_users: 2,
      date: 'Week 7 (Nov 14)',
      period_start: '2026-11-14',
      period_end: '2026-11-20',
    });
    expect(night(await get('/tag/mau'))).toMatchObject({
      date: 'Month 7 (Oct)',
      period_start: '2026-10-22',
      period_end: '2026-11-20',
    });
  });

  it('is narrowed to tags by name, one or several, or by a part of one', async () => {
    const tagsOf = async (query: string): Promise<string[]> =>
      (await get(`/tag/dau?${query}`)).results.map(({ tag }: Json) => tag).sort();
    expect(await tagsOf('tag_filters=night')).toEqual(['night']);
    expect(await tagsOf('tag_filters=night&tag_filters=batch')).toEqual(['batch', 'night']);
    expect(await tagsOf('tag_filter=IGH')).toEqual(['night']);
    // A part is a text, not a pattern.
    expect(await tagsOf('tag_filter=%25')).toEqual([]);
    expect(await tagsOf('tag_filter=IGH&tag_filters=batch')).toEqual(['batch']);
  });

  it('lists people, the most successful calls first: a call with two tags counts once', async () => {
    const all = await get(PEOPLE);
    expect(all).toMatchObject({ total_count: 3, page: 1, page_size: 50, total_pages: 1 });
    const ann = all.results.find(({ user_id }: Json) => user_id === 'ann');
    expect(ann).toMatchObject({
      user_email: 'ann@one.org',
      user_agent: 'batch',
      total_requests: 1,
      successful_requests: 1,
      failed_requests: 0,
      spend: 0.05,
    });
    expect((await get(`${PEOPLE}?tag_filters=night`)).results[0].user_agent).toBe('night');
    const second = await get(`${PEOPLE}?page=2&page_size=2`);
    expect([second.results.length, second.total_count, second.total_pages]).toEqual([1, 3, 2]);
    const beyond = await get(`${PEOPLE}?page=9&page_size=2`);
    expect(beyond).toMatchObject({ results: [], total_count: 3 });
  });

  it('is in view as far as the calls are: one’s own, and those of what one administers', async () => {
    for (const who of [person('ann'), person('bob'), person('olga')])
      for (const path of [...ROUTES, '/tag/dau?tag_filters=secret2', `${PEOPLE}?tag_filter=s`])
        expect(JSON.stringify((await get(path, who)).results), path).not.toMatch(/secret|zoe|0\.11/);
    const usersOf = async (who: Principal): Promise<number> =>
      (await get('/tag/dau?tag_filters=night', who)).results[0].active_users;
    expect([
      await usersOf(person('ann')),
      await usersOf(person('bob')),
      await usersOf(person('olga')),
    ]).toEqual([1, 2, 2]);
    expect((await get('/tag/distinct', person('ann'))).results).toHaveLength(2);
    for (const path of ROUTES) expect((await get(path, principal())).results, path).toEqual([]);
  });

  it('takes three queries at most', async () => {
    for (const path of [...ROUTES, `/tag/summary?${RANGE}&tag_filters=night`, `${PEOPLE}?tag_filter=n`])
      expect(await reports.statementsOf(() => get(path)), path).toBeLessThanOrEqual(3);
  });

  it('is refused without the range it needs, and for pages nobody has', async () => {
    const refused = async (path: string): Promise<number> => (await reports.as(admin.principal, path)).status;
    expect(await refused('/tag/summary')).toBe(400);
    expect(await refused('/tag/summary?start_date=2026-11-02&end_date=2026-11-01')).toBe(400);
    expect(await refused(`${PEOPLE}?page_size=1001`)).toBe(422);
    expect(await refused('/tag/dau?tag_filter=%00')).toBe(400);
  });
});
