import { createDataSource, runMigrations } from '#libs/database';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startAdmin } from '../../../test/harness/admin.js';
import { silentLogger, startTestPostgres } from '../../../test/harness/postgres.js';

let postgres: Awaited<ReturnType<typeof startTestPostgres>>;
let running: Awaited<ReturnType<typeof startAdmin>>;

beforeAll(async () => {
  postgres = await startTestPostgres();
  const dataSource = await createDataSource({ url: postgres.url, poolSize: 3 }, silentLogger);
  await runMigrations(dataSource);
  running = await startAdmin({ dataSource, url: postgres.url, drop: () => dataSource.destroy() });
});
afterAll(() => running.stop());

/** An outage that looks like "no such key" makes people delete what is fine; one that hangs takes the console down with it. */
describe('the control plane while PostgreSQL is away', () => {
  it('says so in time, on every kind of route', async () => {
    const made = await running.post('/key/generate', {});
    expect(made.status).toBe(200);
    await postgres.stop();
    const startedMs = performance.now();
    const answers = [
      await running.post('/key/generate', {}),
      await running.get(`/key/info?key=${made.body['key']}`),
      await running.get('/key/list'),
      await running.post('/key/block', { key: made.body['key'] }),
      await running.post('/user/new', {}),
      await running.get('/team/info?team_id=t'),
      await running.get('/spend/logs'),
    ];
    for (const { status, body } of answers) {
      expect(status).toBe(503);
      expect(body['error']).toMatchObject({ type: 'no_db_connection', code: '503' });
      expect(JSON.stringify(body)).not.toMatch(/127\.0\.0\.1|postgres|ECONN/);
    }
    expect(performance.now() - startedMs).toBeLessThan(10_000);
  });
});
