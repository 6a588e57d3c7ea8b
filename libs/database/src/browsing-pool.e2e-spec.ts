import { Secret } from '#libs/kernel';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase, silentLogger, type TestDatabase } from '../../../test/harness/postgres.js';
import { BrowsingPool } from './browsing-pool.js';
import { keepReadingPool, readAs, withTransaction } from './with-transaction.js';

let database: TestDatabase;
let pool: BrowsingPool;
beforeAll(async () => {
  database = await createTestDatabase();
  pool = new BrowsingPool({ url: database.url }, silentLogger);
});
afterAll(async () => {
  await pool.close();
  await database.drop();
});

const SYSTEM = { system: 'test' };

describe('the connections for people who look', () => {
  it('cannot write, and end what takes too long', async () => {
    const source = await pool.source();
    await expect(source.query(`INSERT INTO users (id) VALUES ('ann')`)).rejects.toMatchObject({
      code: '25006',
    });
    const rows: { statement_timeout: string }[] = await source.query('SHOW statement_timeout');
    expect(rows).toEqual([{ statement_timeout: '15s' }]);
    expect(await source.query('SHOW max_parallel_workers_per_gather')).toEqual([
      { max_parallel_workers_per_gather: '0' },
    ]);
  });

  it('are what readAs reads on, apart from those that calls need', async () => {
    keepReadingPool(database.dataSource, () => pool.source());
    const nameOf = (rows: { application_name: string }[]): string | undefined => rows[0]?.application_name;
    const ask = `SELECT current_setting('application_name') AS application_name`;
    expect(nameOf(await readAs(database.dataSource, SYSTEM, (manager) => manager.query(ask)))).toBe(
      'tollgate browsing',
    );
    expect(nameOf(await withTransaction(database.dataSource, SYSTEM, (manager) => manager.query(ask)))).toBe(
      'tollgate',
    );
  });

  it('are opened when somebody looks, and again when that failed', async () => {
    const broken = new BrowsingPool(
      { url: new Secret('postgresql://nobody@127.0.0.1:1/none') },
      silentLogger,
    );
    await expect(broken.source()).rejects.toThrow();
    await expect(broken.source()).rejects.toThrow();
    await broken.close();
  });
});
