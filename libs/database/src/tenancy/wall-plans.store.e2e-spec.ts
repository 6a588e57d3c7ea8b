import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../../../test/harness/postgres.js';
import { TENANT_ROLE } from '../migrations/tenancy-policies.js';

let test: TestDatabase;
let client: pg.Client;
beforeAll(async () => {
  test = await createTestDatabase();
  client = new pg.Client({ connectionString: test.url.reveal() });
  await client.connect();
  await client.query(`INSERT INTO users (id) SELECT 'user-' || n FROM generate_series(1, 2000) n`);
  await client.query(
    `INSERT INTO virtual_keys (id, token_hash, masked_name, user_id)
     SELECT 'key-' || n, 'hash-' || n, 'sk', 'user-' || n % 2000 FROM generate_series(1, 20000) n`,
  );
  await client.query('ANALYZE');
});
afterAll(async () => {
  await client.end();
  await test.drop();
});

async function asUser<T>(id: string, work: () => Promise<T>): Promise<T> {
  await client.query('BEGIN');
  try {
    await client.query(`SELECT set_config('tollgate.user', $1, true), set_config('role', $2, true)`, [
      id,
      TENANT_ROLE,
    ]);
    return await work();
  } finally {
    await client.query('ROLLBACK');
  }
}

/** `is_own_work()` says of itself that it never changes. If a plan outlived the role it was made for, the wall would be open. */
describe('a statement that was planned for another role', () => {
  const count = async (): Promise<number> => {
    const { rows } = await client.query<{ n: number }>({
      name: 'count-keys',
      text: 'SELECT count(*)::int AS n FROM virtual_keys',
    });
    return rows[0]?.n ?? -1;
  };

  it('shows a tenant no more than its own, however often it ran for everybody, and back', async () => {
    // After five runs PostgreSQL may keep one plan for all that follow.
    for (let run = 0; run < 8; run += 1) expect(await count()).toBe(20_000);
    for (let run = 0; run < 8; run += 1) expect(await asUser('user-7', count)).toBe(10);
    expect(await asUser('', count)).toBe(0);
    expect(await asUser('user-8', count)).toBe(10);
    expect(await count()).toBe(20_000);
  });
});

describe('behind the wall', () => {
  it('finds keys by indexes, without reading the others', async () => {
    const plan = await asUser('user-7', () =>
      client.query<{ 'QUERY PLAN': string }>('EXPLAIN SELECT id FROM virtual_keys'),
    );
    const text = plan.rows.map((row) => row['QUERY PLAN']).join('\n');
    expect(text).toContain('virtual_keys_user_id_idx');
    expect(text).not.toContain('Seq Scan on virtual_keys');
  });

  it('costs our own work nothing', async () => {
    const plan = await client.query<{ 'QUERY PLAN': string }>('EXPLAIN SELECT id FROM virtual_keys');
    expect(plan.rows.map((row) => row['QUERY PLAN']).join('\n')).not.toMatch(/Filter|own_work/);
  });
});
