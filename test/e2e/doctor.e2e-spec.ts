import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CommandRun, runTollgate } from '../harness/command.js';
import { createTestDatabase, type TestDatabase } from '../harness/postgres.js';
import { Product } from '../harness/product.js';

const SALT = 'a-salt-key-of-the-doctor-test';
const weak = `weak_${randomBytes(4).toString('hex')}`;
const folder = mkdtempSync(join(tmpdir(), 'tollgate-doctor-'));
let database: TestDatabase;
let bare: TestDatabase;
let product: Product;
let other: Server;

beforeAll(async () => {
  [database, bare] = [await createTestDatabase(), await createTestDatabase()];
  product = await Product.start({ databaseUrl: database.url.reveal(), env: { LITELLM_SALT_KEY: SALT } });
  await product.request('POST', '/credentials', {
    credential_name: 'c1',
    credential_values: { api_key: 'sk-of-a-provider' },
    credential_info: {},
  });
  await database.dataSource.query(`CREATE ROLE ${weak} LOGIN PASSWORD 'weak'`);
  other = createServer((_, response) => response.end('another program'));
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
});

afterAll(async () => {
  other?.close();
  await product?.dispose();
  await database?.dataSource.query(`DROP ROLE ${weak}`);
  await Promise.all([database?.drop(), bare?.drop()]);
  rmSync(folder, { recursive: true, force: true });
});

const doctor = (env: Record<string, string>, ...flags: string[]): Promise<CommandRun> =>
  runTollgate(['doctor', '--data-dir', join(folder, 'data'), ...flags], { cwd: folder, env });

function at(url: string, change: (url: URL) => void): { DATABASE_URL: string; LITELLM_SALT_KEY: string } {
  const changed = new URL(url);
  change(changed);
  return { DATABASE_URL: changed.href, LITELLM_SALT_KEY: SALT };
}

/** Somebody woken at night reads one line, and knows what to do. */
describe('doctor', () => {
  it('finds nothing bad where nothing is', async () => {
    const { output, exitCode } = await doctor(at(database.url.reveal(), () => undefined));
    expect(output).toContain('The schema is that of this release.');
    expect(output).toContain('Stored secrets can be opened.');
    // The product of this test is the one proxy that may be.
    expect(output).toMatch(/look +A proxy \(at .+\) counts limits and budgets on this database already/);
    expect(output).not.toMatch(/^bad/m);
    expect(exitCode).toBe(0);
  });

  it.each([
    ['a wrong password', (url: URL) => void (url.password = 'not-it'), /Correct the user or the password in/],
    ['a wrong port', (url: URL) => void (url.port = '9'), /ECONNREFUSED.*Start it, or correct host and port/],
    ['a wrong host', (url: URL) => void (url.hostname = 'no.invalid'), /ENOTFOUND.*Correct the host/],
    ['a wrong name', (url: URL) => void (url.pathname = '/nowhere'), /"nowhere" does not exist\. Make it/],
  ])('names %s in DATABASE_URL, and the remedy', async (_, change, remedy) => {
    const { output, exitCode } = await doctor(at(database.url.reveal(), change));
    expect(output).toMatch(remedy);
    expect(output).not.toContain('not-it');
    expect(exitCode).toBe(1);
  });

  /** What comes behind the # would be cut off, the host with it, and half a password would stand in the message. */
  it('refuses a password that is not encoded', async () => {
    const { output } = await doctor({ DATABASE_URL: 'postgresql://tollgate:half#other@127.0.0.1/tollgate' });
    expect(output).toMatch(/DATABASE_URL: .*percent-encoded/);
    expect(output).not.toMatch(/half|other@/);
  });

  it('names rights that are missing', async () => {
    const login = (url: URL): void => void Object.assign(url, { username: weak, password: 'weak' });
    const { output, exitCode } = await doctor(at(bare.url.reveal(), login));
    expect(output).toContain(`GRANT USAGE, CREATE ON SCHEMA public TO "${weak}"`);
    expect(exitCode).toBe(1);
  });

  it('names a database of a later release', async () => {
    const url = bare.url.reveal();
    expect((await runTollgate(['migrate'], { cwd: folder, env: { DATABASE_URL: url } })).exitCode).toBe(0);
    await bare.dataSource.query(
      `INSERT INTO schema_migrations (timestamp, name) VALUES (1800000000000, 'Future1800000000000')`,
    );
    const { output, exitCode } = await doctor({ DATABASE_URL: url });
    expect(output).toMatch(/later release \(Future1800000000000\).*Start that release, or restore/);
    expect(exitCode).toBe(1);
    await bare.dataSource.query(`DELETE FROM schema_migrations WHERE name = 'Future1800000000000'`);
    const [last]: { name: string }[] = await bare.dataSource
      .query(
        `DELETE FROM schema_migrations WHERE timestamp = (SELECT max(timestamp) FROM schema_migrations) RETURNING name`,
      )
      .then(([rows]: [{ name: string }[]]) => rows);
    expect((await doctor({ DATABASE_URL: url })).output).toContain(`runs ${last?.name}. Back up first`);
  });

  it.each([
    ['changed', 'another-key-another-key'],
    ['missing', ''],
  ])('names a salt key that is %s', async (_, key) => {
    const { output, exitCode } = await doctor({
      DATABASE_URL: database.url.reveal(),
      LITELLM_SALT_KEY: key,
    });
    expect(output).toMatch(/bad +A start would be refused: .*LITELLM_SALT_KEY/);
    expect(exitCode).toBe(1);
  });

  it('names a data directory that cannot be, and tells a port of ours from one of others', async () => {
    writeFileSync(join(folder, 'file'), '');
    expect((await doctor({}, '--data-dir', join(folder, 'file', 'below'))).output).toMatch(
      /bad +The data directory .* there is a file in its way/,
    );
    const { port } = other.address() as AddressInfo;
    expect((await doctor({}, '--port', String(port))).output).toContain('is in use by another program');
    expect((await doctor({}, '--port', new URL(product.url).port)).output).toMatch(
      /ok +A gateway runs on port \d+ of 127\.0\.0\.1 already\./,
    );
  });
});
