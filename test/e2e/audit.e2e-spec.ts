import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runTollgate } from '../harness/command.js';
import { createTestDatabase, type TestDatabase } from '../harness/postgres.js';
import { Product } from '../harness/product.js';

const SALT = 'sk-the-salt-of-this-installation-123456';
let database: TestDatabase;
let product: Product;

beforeAll(async () => {
  database = await createTestDatabase();
  product = await Product.start({
    databaseUrl: database.url.reveal(),
    env: { LITELLM_SALT_KEY: SALT },
  });
});
afterAll(async () => {
  await product?.dispose();
  await database?.drop();
});

// oxlint-disable-next-line typescript/no-explicit-any
type Json = Record<string, any>;
const get = async (path: string): Promise<Json> =>
  (await product.request('GET', path)).json() as Promise<Json>;
const verify = (...args: string[]) =>
  runTollgate(['audit', 'verify', ...args], {
    cwd: product.folder,
    env: {
      DATABASE_URL: database.url.reveal(),
      LITELLM_SALT_KEY: SALT,
      LITELLM_MASTER_KEY: product.masterKey,
    },
  });
const inDatabase = () => ['--data-dir', product.dataDir];
const sealed = (): Promise<void> =>
  expect
    .poll(
      async () =>
        ((await database.dataSource.query('SELECT 1 FROM audit_events WHERE seq IS NULL')) as []).length,
      { timeout: 10_000 },
    )
    .toBe(0);

describe('the audit trail', () => {
  it('tells who did what, from where and when, without a secret', async () => {
    const key = await product.makeKey({ key_alias: 'seen-in-audit' });
    const blocked = await product.request('POST', '/key/block', { key });
    expect(blocked.headers.get('x-tollgate-revocation')).toMatch(
      /^replicas=1; acknowledged=1; fenced=0; ms=\d+$/,
    );
    const { audit_logs: logs, total } = await get('/audit?table_name=LiteLLM_VerificationToken');
    expect(total).toBe(2);
    expect(logs[0]).toMatchObject({
      action: 'blocked',
      table_name: 'LiteLLM_VerificationToken',
      ip_address: '127.0.0.1',
    });
    expect(logs[0].before_value).toMatchObject({ alias: 'seen-in-audit', blocked: false });
    expect(logs[0].updated_values).toMatchObject({ blocked: true });
    expect(JSON.stringify(logs)).not.toContain(key);
    expect(await get(`/audit/${logs[1].id}`)).toMatchObject({ action: 'created' });
    expect((await product.request('GET', '/audit/audit_nothing')).status).toBe(404);
  });

  it('tells who was refused, and who looked at keys of others', async () => {
    const key = await product.makeKey({ key_alias: 'nosy' });
    expect((await product.request('GET', '/audit', undefined, key)).status).toBeGreaterThanOrEqual(401);
    expect((await product.request('POST', '/key/block', { key: 'x' }, 'sk-wrong-key')).status).toBe(401);
    expect((await product.request('GET', `/key/info?key=${key}`)).status).toBe(200);
    await expect
      .poll(
        async () =>
          (await get('/audit?chain=access&page_size=100')).audit_logs.map(
            (log: Json) => `${log.action} ${log.object_id}`,
          ),
        { timeout: 5_000 },
      )
      .toEqual(
        expect.arrayContaining([
          'refused GET /audit',
          'refused POST /key/block',
          expect.stringMatching(/^read [0-9a-f]{64}$/),
        ]),
      );
  });

  it('goes on, and stays small, under a flood of refusals', async () => {
    await Promise.all(
      Array.from({ length: 300 }, () => product.request('GET', '/audit', undefined, 'sk-guess')),
    );
    expect((await product.request('POST', '/key/generate', {})).status).toBe(200);
    await expect
      .poll(async () => (await get('/audit?action=suppressed')).total, { timeout: 5_000 })
      .toBeGreaterThan(0);
    expect((await get('/audit?action=refused')).total).toBeLessThan(150);
  });

  it('is sound, seen from the route, the command and an export', async () => {
    await sealed();
    expect(await get('/audit/verify')).toMatchObject({ sound: true, findings: [] });
    const byCommand = await verify(...inDatabase());
    expect(byCommand.output).toContain('The audit trail is sound.');
    expect(byCommand.exitCode).toBe(0);
    const file = join(product.folder, 'export.jsonl');
    writeFileSync(file, await (await product.request('GET', '/audit/export')).text());
    const byExport = await verify(
      '--export',
      file,
      '--public-key',
      join(product.dataDir, 'audit/public-keys.pem'),
    );
    expect(byExport.output).toMatch(/changes: (\d+) rows, proven up to \1 by/);
    expect(byExport.exitCode).toBe(0);
    writeFileSync(file, readFileSync(file, 'utf8').replace(String.raw`\"blocked\"`, String.raw`\"created\"`));
    expect((await verify('--export', file)).exitCode).toBe(1);
  });

  it('names the row that somebody edited in the database', async () => {
    await sealed();
    await database.dataSource.query(`UPDATE audit_events SET action = 'created' WHERE action = 'blocked'`);
    const { exitCode, output } = await verify(...inDatabase());
    expect(output).toMatch(/Row 2 of changes .* shows another action than was recorded \(edited\)/);
    expect(exitCode).toBe(1);
    await database.dataSource.query(
      `UPDATE audit_events SET action = 'blocked' WHERE seq = 2 AND chain = 'changes'`,
    );
    expect((await verify(...inDatabase())).exitCode).toBe(0);
  });
});
