import { type ActivityFacet, raiseTenancyWall } from '#libs/database';
import type { DataSource } from 'typeorm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase, silentLogger, type TestDatabase } from '../../../../test/harness/postgres.js';
import { DailyParts1700000000021 } from '../../../database/src/migrations/1700000000021-daily-parts.js';
import { TeamAndTagSums1700000000020 } from '../../../database/src/migrations/1700000000020-team-and-tag-sums.js';
import { beginRecord, endRecord, keyPrincipal, recordedCaller } from '../ledger/records.harness.js';
import { LedgerStore } from '../ledger/ledger-store.js';
import type { SpendLedger } from '../ledger/spend-ledger.js';
import { entryOf } from '../spool/codec.js';
import { DailySums } from './daily-sums.js';
import { EntityActivity } from './entity-activity.js';
import { Reading } from './reading.js';
import { EVERYTHING, type View } from './view.js';

const NOON = Date.UTC(2026, 10, 20, 12);
const DAY = 86_400_000;
/** Every fifth key has no team; teams `t0` and `t3` are of `one`, `t1` of `two`, `t2` of no organization; keys without a team may still be of one. */
const ORGANIZATIONS = ['one', 'two', null] as const;
const TAGS = ['a', 'b', 'c', 'foreign'];

let test: TestDatabase;
let database: DataSource;
beforeAll(async () => {
  test = await createTestDatabase();
  database = test.dataSource;
  await seedPeople();
  const entries = Array.from({ length: 600 }, (_, n) => callOf(n));
  const store = new LedgerStore(database, silentLogger);
  // Four drains at once, each with its batches; the last brings what others stored already.
  await Promise.all(
    [0, 1, 2, 3].map(async (lane) => {
      for (let from = lane * 150; from < lane * 150 + 150; from += 50)
        await store.insert(entries.slice(from, from + 50));
      await store.insert(entries.slice(lane * 100, lane * 100 + 100));
    }),
  );
});
afterAll(() => test.drop());

async function seedPeople(): Promise<void> {
  await database.query(`INSERT INTO organizations (id, alias) VALUES ('one', 'One'), ('two', 'Two')`);
  await database.query(
    `INSERT INTO teams (id, organization_id) VALUES ('t0', 'one'), ('t1', 'two'), ('t2', NULL), ('t3', 'one')`,
  );
  await database.query(
    `INSERT INTO users (id, role) SELECT name, 'internal_user' FROM unnest('{u0,u1,u2,olga,tim}'::text[]) name`,
  );
  await database.query(
    `INSERT INTO organization_members (organization_id, user_id, role) VALUES ('one', 'olga', 'org_admin')`,
  );
  await database.query(`INSERT INTO team_members (team_id, user_id, role) VALUES ('t1', 'tim', 'admin')`);
}

/** All combinations occur, and so does a call of somebody in an organization that is not his administrator's. */
function callOf(n: number) {
  const key = (n * 7) % 20;
  const team = key % 5 === 4 ? null : `t${key % 4}`;
  const organization =
    team === null ? ORGANIZATIONS[key % 3] : { t0: 'one', t1: 'two', t2: null, t3: 'one' }[team];
  const tags =
    organization === 'two' ? ['foreign', 'a'] : TAGS.slice(0, 3).filter((_, bit) => ((n >> 2) >> bit) & 1);
  const startedAtMs = NOON - (n % 3) * DAY;
  const begin = beginRecord({
    id: `req_${n}`,
    startedAtMs,
    modelGroup: `g${n % 2}`,
    model: `m${n % 4}`,
    provider: n % 2 ? 'openai' : 'anthropic',
    caller: recordedCaller({
      keyId: `k${key}`,
      userId: key % 6 === 5 ? 'olga' : key % 6 === 4 ? 'tim' : `u${key % 3}`,
      teamId: team,
      organizationId: organization ?? null,
    }),
    customerId: n % 9 === 0 ? `c${n % 4}` : null,
    tags,
  });
  return entryOf(
    begin,
    endRecord(begin.id, BigInt(n + 1), {
      endedAtMs: startedAtMs + n,
      ...(n % 11 === 0 && { status: 'failure' }),
    }),
  );
}

const MODEL = ['model_group', 'model', 'provider', 'endpoint'];
interface Definition {
  readonly owners: readonly string[];
  readonly where: string;
  readonly byModel?: boolean;
  readonly byTag?: boolean;
}
const CALLERS = ['key_id', 'user_id', 'team_id', 'organization_id'];
const FACETS: Readonly<Record<ActivityFacet, Definition>> = {
  key: { owners: CALLERS, where: 'true' },
  customer: { owners: [...CALLERS, 'customer_id'], where: 'customer_id IS NOT NULL' },
  tags: { owners: [...CALLERS, 'tags'], where: `tags <> '{}'` },
  team: { owners: ['team_id', 'organization_id'], where: 'team_id IS NOT NULL' },
  customer_days: { owners: ['customer_id'], where: 'customer_id IS NOT NULL', byModel: false },
  team_days: { owners: ['team_id', 'organization_id'], where: 'team_id IS NOT NULL', byModel: false },
  organization: { owners: ['organization_id'], where: 'organization_id IS NOT NULL' },
  organization_teams: {
    owners: ['organization_id'],
    where: 'organization_id IS NOT NULL AND team_id IS NOT NULL',
  },
  organization_tagged: {
    owners: ['organization_id', 'tags'],
    where: 'organization_id IS NOT NULL',
    byTag: true,
  },
  organization_tagging: {
    owners: ['organization_id'],
    where: `organization_id IS NOT NULL AND tags <> '{}'`,
  },
  proxy: { owners: [], where: 'true' },
  teams: { owners: [], where: 'team_id IS NOT NULL' },
  tagged: { owners: ['tags'], where: 'true', byTag: true },
  tagging: { owners: [], where: `tags <> '{}'` },
  customers: { owners: [], where: 'customer_id IS NOT NULL' },
};

const rowsOf = async (facet: string): Promise<unknown[]> => {
  const { owners, byModel = true } = FACETS[facet as ActivityFacet];
  return database.query(
    `SELECT day::text, ${[...owners, ...(byModel ? MODEL : [])].map((column) => `${column}, `).join('')}requests, successes, spend_nano, input_tokens, output_tokens, response_ms
     FROM daily_activity WHERE facet = $1 ORDER BY row_id, day`,
    [facet],
  );
};

describe('the sums that the drain keeps', () => {
  it.each(Object.entries(FACETS))('say of %s what the calls say, call by call', async (facet, definition) => {
    const { owners, where, byModel = true, byTag = false } = definition;
    const source = byTag
      ? '(SELECT e.*, ARRAY[tag] AS one FROM ledger_entries e, unnest(tags) AS tag) AS e'
      : 'ledger_entries';
    const columns = [
      ...owners.map((column) => (byTag && column === 'tags' ? 'one AS tags' : column)),
      ...(byModel ? MODEL : []),
    ];
    const groups = ['1', ...columns.map((_, index) => `${index + 2}`)].join(', ');
    const calls: unknown[] = await database.query(
      `SELECT day::text, ${columns.map((column) => `${column}, `).join('')}count(*) AS requests, count(*) FILTER (WHERE status = 'success') AS successes,
         sum(cost_nano)::bigint AS spend_nano, sum(input_tokens)::bigint AS input_tokens, sum(output_tokens)::bigint AS output_tokens,
         coalesce(sum(extract(epoch FROM ended_at - started_at) * 1000) FILTER (WHERE status = 'success'), 0)::bigint AS response_ms
       FROM ${source} WHERE ${where} GROUP BY ${groups}`,
    );
    const kept = await rowsOf(facet);
    expect(kept.length).toBeGreaterThan(0);
    expect(inOrder(kept)).toEqual(inOrder(calls));
  });

  /** Rows of days that were there before, without the calls, which retention may have dropped; all others stay as they are. */
  it('are made by the migrations as the drain would have made them', async () => {
    const runner = database.createQueryRunner();
    const rows = (): Promise<unknown[]> =>
      runner.query(`SELECT ${EVERY_COLUMN} FROM daily_activity ORDER BY day, row_id`);
    const before = await rows();
    await runner.startTransaction();
    await new DailyParts1700000000021().down(runner);
    await new TeamAndTagSums1700000000020().down(runner);
    expect((await rows()).length).toBeLessThan(before.length);
    await new TeamAndTagSums1700000000020().up(runner);
    await new DailyParts1700000000021().up(runner);
    expect(await rows()).toEqual(before);
    await raiseTenancyWall(runner);
    await runner.commitTransaction();
    await runner.release();
  });
});
const EVERY_COLUMN = `day, row_id, facet, key_id, user_id, team_id, organization_id, customer_id, tags, model_group, model, provider, endpoint,
  requests, successes, spend_nano, input_tokens, output_tokens, response_ms`;

const olga: View = {
  everything: false,
  reader: keyPrincipal({ user: { id: 'olga' } }),
  userId: 'olga',
  teamIds: [],
  organizationIds: ['one'],
  memberOf: { teamIds: [], organizationIds: ['one'] },
};
const tim: View = {
  ...olga,
  reader: keyPrincipal({ user: { id: 'tim' } }),
  userId: 'tim',
  teamIds: ['t1'],
  organizationIds: [],
  memberOf: { teamIds: ['t1'], organizationIds: [] },
};
const READERS: readonly [who: string, view: View, calls: string][] = [
  ['the proxy', EVERYTHING, 'true'],
  ['an organization administrator', olga, `(organization_id = 'one' OR user_id = 'olga')`],
  ['a team administrator', tim, `(team_id = 't1' OR user_id = 'tim')`],
];

describe('reports by tag', () => {
  const reading = () => new Reading(database);
  const sums = () => new DailySums(reading(), { flush: async () => undefined } as unknown as SpendLedger);
  const ofCalls = async (sql: string): Promise<Record<string, string>> =>
    Object.fromEntries(
      (await database.query(sql)).map(({ name, spent }: { name: string; spent: string }) => [name, spent]),
    );
  const spentBy = (
    rows: readonly { readonly spendNanoUsd: bigint }[],
    name: (row: never) => string | null,
  ) => {
    const spent: Record<string, bigint> = {};
    for (const row of rows)
      spent[name(row as never) ?? ''] = (spent[name(row as never) ?? ''] ?? 0n) + row.spendNanoUsd;
    return Object.fromEntries(Object.entries(spent).map(([key, nano]) => [key, String(nano)]));
  };

  it.each(READERS)('tell %s what the calls in view say of each tag', async (_, view, calls) => {
    const expected = await ofCalls(
      `SELECT tag AS name, sum(cost_nano) AS spent FROM ledger_entries, unnest(tags) AS tag WHERE ${calls} GROUP BY 1`,
    );
    const rows = await sums().sum({ view, by: ['tag'], coarse: 'tagged', fine: 'tags' });
    expect(spentBy(rows, ({ tag }: { tag: string }) => tag)).toEqual(expected);
    const days = await new EntityActivity(reading()).days('tag', { view }, 100, view.everything);
    expect(spentBy(days, ({ entity }: { entity: string }) => entity)).toEqual(expected);
  });

  it.each(READERS)('count a call with several tags once for %s', async (_, view, calls) => {
    const byDay = (where: string) =>
      ofCalls(
        `SELECT day::text AS name, sum(cost_nano) AS spent FROM ledger_entries WHERE ${calls} AND ${where} GROUP BY 1`,
      );
    const day = ({ day: name }: { day: string }) => name;
    const any = await sums().sum({ view, by: ['day'], coarse: 'tagging', fine: 'tags' });
    expect(spentBy(any, day)).toEqual(await byDay(`tags <> '{}'`));
    const one = await sums().sum({ view, by: ['day'], coarse: 'tagged', fine: 'tags', only: { tag: ['a'] } });
    expect(spentBy(one, day)).toEqual(await byDay(`'a' = ANY(tags)`));
    const several = await sums().sum({ view, by: ['day'], fine: 'tags', only: { tag: ['a', 'b'] } });
    expect(spentBy(several, day)).toEqual(await byDay(`tags && '{a,b}'`));
  });

  it.each(READERS)('tell %s of each team what its calls say', async (_, view, calls) => {
    for (const [model, where] of [
      [undefined, 'true'],
      ['g1', `model_group = 'g1'`],
    ] as const) {
      const expected = await ofCalls(
        `SELECT team_id AS name, sum(cost_nano) AS spent FROM ledger_entries WHERE ${calls} AND ${where} AND team_id IS NOT NULL GROUP BY 1`,
      );
      const days = await new EntityActivity(reading()).days('team', { view, model }, 100, view.everything);
      const { '': _without, ...named } = spentBy(days, ({ entity }: { entity: string }) => entity);
      expect(named).toEqual(expected);
    }
  });

  it('tell of all teams what calls with a team say, of an organization its own', async () => {
    const spent = async (view: View, only = {}): Promise<string | undefined> =>
      spentBy(await sums().sum({ view, by: ['day'], coarse: 'team', only }), () => 'all')['all'];
    const said = async (where: string): Promise<string | undefined> =>
      (await ofCalls(`SELECT 'all' AS name, sum(cost_nano) AS spent FROM ledger_entries WHERE ${where}`))[
        'all'
      ];
    expect(await spent(EVERYTHING)).toBe(await said('team_id IS NOT NULL'));
    expect(await spent(EVERYTHING, { organization_id: ['one'] })).toBe(
      await said(`team_id IS NOT NULL AND organization_id = 'one'`),
    );
    expect(await spent({ ...olga, userId: 'nobody' })).toBe(
      await said(`team_id IS NOT NULL AND organization_id = 'one'`),
    );
    expect(await spent(tim, { team_id: ['t1'] })).toBe(await said(`team_id = 't1'`));
  });

  /** The second wall: whatever a query forgets, rows of sums are their organization's. */
  it('show a foreign tenant no row of sums, even when nothing narrows the query', async () => {
    const seen: { facet: string; organization_id: string | null; n: string }[] = await reading().query(
      tim,
      `SELECT facet, organization_id, count(*) AS n FROM daily_activity WHERE facet NOT IN ('key', 'tags', 'customer') GROUP BY 1, 2`,
    );
    expect(seen.map(({ facet }) => facet).sort()).toEqual(['team', 'team_days']);
    expect(new Set(seen.map(({ organization_id }) => organization_id))).toEqual(new Set(['two']));
    const ofOlga: { organization_id: string | null }[] = await reading().query(
      olga,
      `SELECT DISTINCT organization_id FROM daily_activity WHERE facet LIKE 'organization%' OR facet IN ('teams', 'tagged', 'proxy')`,
    );
    expect(ofOlga).toEqual([{ organization_id: 'one' }]);
  });
});

const inOrder = (rows: readonly unknown[]): string[] => rows.map((row) => JSON.stringify(row)).sort();
