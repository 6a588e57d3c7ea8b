import type { DataSource } from 'typeorm';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../../test/harness/postgres.js';
import { holdDaysInPlace, layOutDays } from './lay-out-days.js';
import { withTransaction } from './with-transaction.js';

const WORKER = { system: 'test' };
const DAYS = ['2026-03-01', '2026-03-02', '2026-03-03'];
const TODAY = '2026-03-03';

let test: TestDatabase;
let database: DataSource;
beforeAll(async () => {
  test = await createTestDatabase();
  database = test.dataSource;
});
afterAll(() => test.drop());

/** As the drain leaves them: the calls of four teams one after the other. */
beforeEach(async () => {
  await database.query(`DELETE FROM app_state; DELETE FROM daily_activity`);
  await database.query(
    `INSERT INTO daily_activity (day, row_id, facet, key_id, user_id, team_id, model_group, model, provider, endpoint, requests, successes,
       spend_nano, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, response_ms)
     SELECT day, md5(n || ' ' || day)::uuid, 'key', 'key-' || n, 'user-' || n % 20, CASE n % 5 WHEN 4 THEN NULL ELSE 'team-' || n % 5 END,
            'm', 'm', 'p', 'chat', 1, 1, n, 1, 1, 0, 0, 1
       FROM unnest($1::date[]) day, generate_series(0, 199) n ORDER BY n`,
    [DAYS],
  );
});

const transact: Parameters<typeof layOutDays>[0] = (work) => withTransaction(database, WORKER, work);
const rows = (): Promise<object[]> => database.query(`SELECT * FROM daily_activity ORDER BY day, row_id`);
/** How often the next row is of another team than the one before it. */
async function breaksOf(day: string): Promise<number> {
  const lying: { team_id: string | null }[] = await database.query(
    `SELECT team_id FROM daily_activity_keys WHERE day = $1 ORDER BY ctid`,
    [day],
  );
  return lying.filter(({ team_id }, at) => at > 0 && team_id !== lying[at - 1]?.team_id).length;
}

describe('days that are over', () => {
  it('are laid out team by team, the oldest first, and nothing else about them changes', async () => {
    const before = await rows();
    expect(await breaksOf('2026-03-01')).toBe(199);
    expect(await layOutDays(transact, TODAY, 1)).toEqual(['2026-03-01']);
    expect(await breaksOf('2026-03-01')).toBe(4);
    expect(await breaksOf('2026-03-02')).toBe(199);
    expect(await layOutDays(transact, TODAY, 9)).toEqual(['2026-03-02']);
    expect(await rows()).toEqual(before);
    // The day that is not over stays as it is.
    expect(await breaksOf(TODAY)).toBe(199);
  });

  it('are laid out once', async () => {
    await layOutDays(transact, TODAY, 9);
    expect(await layOutDays(transact, TODAY, 9)).toEqual([]);
  });

  it('take what is stored for them meanwhile', async () => {
    const late = async (): Promise<unknown> =>
      database.query(
        `INSERT INTO daily_activity SELECT * FROM daily_activity WHERE day = $1 AND key_id = 'key-7'
         ON CONFLICT (facet, day, row_id) DO UPDATE SET requests = daily_activity.requests + excluded.requests`,
        ['2026-03-01'],
      );
    let stored: Promise<unknown> | undefined;
    await layOutDays(
      (work) =>
        withTransaction(database, WORKER, async (manager) => {
          const result = await work(manager);
          // Begun when the rows were moved and the move was not committed: it waits, and finds them where they are.
          if (result === true) {
            stored = late();
            await expect
              .poll(() =>
                database.query(
                  `SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'INSERT INTO daily_activity SELECT%'`,
                ),
              )
              .toHaveLength(1);
          }
          return result;
        }),
      '2026-03-02',
      1,
    );
    await stored;
    expect(
      await database.query(`SELECT requests FROM daily_activity WHERE day = $1 AND key_id = 'key-7'`, [
        '2026-03-01',
      ]),
    ).toEqual([{ requests: '2' }]);
  });

  it('stay where they are while somebody rewrites them', async () => {
    await withTransaction(database, WORKER, async (manager) => {
      await holdDaysInPlace(manager);
      const other = database.createQueryRunner();
      await other.startTransaction();
      expect(await layOutDays((work) => work(other.manager), TODAY, 9)).toEqual([]);
      await other.rollbackTransaction();
      await other.release();
    });
    expect(await breaksOf('2026-03-01')).toBe(199);
    expect(await layOutDays(transact, TODAY, 9)).toHaveLength(2);
  });
});
