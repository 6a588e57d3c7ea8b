import { spawn } from 'node:child_process';
import { hash, randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  createDataSource,
  type EmbeddedPostgres,
  runMigrations,
  startEmbeddedPostgres,
} from '#libs/database';
import { Secret } from '#libs/kernel';
import type { Logger } from '#libs/telemetry';
import type { DataSource } from 'typeorm';

export interface TestDatabase {
  /** Migrated, empty, and this file's alone. */
  readonly dataSource: DataSource;
  readonly url: Secret;
  /** Closes the data source and deletes the database, whoever is still connected. */
  drop(): Promise<void>;
}

const nothing = (): void => undefined;

/** For rooms under test that must be given a logger. */
export const silentLogger: Logger = {
  trace: nothing,
  debug: nothing,
  info: nothing,
  warn: nothing,
  error: nothing,
  fatal: nothing,
  child: () => silentLogger,
};

let server: Promise<{ url: Secret; template: string }> | undefined;

/**
 * A database of its own for one test file, copied from a migrated template in some 50 ms. The server is the one that
 * TEST_DATABASE_URL names (its user must be allowed to make databases), or one that is started for this process, in
 * about a second, and ended with it, however it ends.
 */
export async function createTestDatabase(): Promise<TestDatabase> {
  server ??= openServer();
  const { url, template } = await server;
  const name = `test_${randomBytes(8).toString('hex')}`;
  await onServer(url, (admin) => admin.query(`CREATE DATABASE ${name} TEMPLATE ${template}`));
  const own = databaseOn(url, name);
  const dataSource = await createDataSource({ url: own }, silentLogger);
  return {
    dataSource,
    url: own,
    async drop() {
      if (dataSource.isInitialized) await dataSource.destroy();
      await onServer(url, (admin) => admin.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`));
    },
  };
}

/** A private server whose data is deleted with it, for tests that stop, freeze or kill it. It waits for no disk, unless it is to be measured as the product's is. */
export async function startTestPostgres({ throwAway = true } = {}): Promise<EmbeddedPostgres> {
  const dataDir = mkdtempSync(join(tmpdir(), 'tollgate-test-'));
  const postgres = await startEmbeddedPostgres({ dataDir, logger: silentLogger, throwAway });
  endWithThisProcess(postgres.pid, dataDir);
  return postgres;
}

async function openServer(): Promise<{ url: Secret; template: string }> {
  const given = process.env.TEST_DATABASE_URL;
  const url = given ? new Secret(given) : (await startTestPostgres()).url;
  const template = `tollgate_template_${fingerprintOfMigrations()}`;
  await onServer(url, async (admin) => {
    // Several files may begin at once on one server; the first makes the template for all.
    await admin.query(`SELECT pg_advisory_lock(hashtextextended('tollgate.test-template', 0))`);
    const found: unknown[] = await admin.query('SELECT 1 FROM pg_database WHERE datname = $1', [template]);
    if (found.length === 0) await makeTemplate(url, admin, template);
  });
  return { url, template };
}

/** Named when it is whole, so that an interrupted one is never copied. */
async function makeTemplate(url: Secret, admin: DataSource, template: string): Promise<void> {
  const half = `half_${randomBytes(8).toString('hex')}`;
  await admin.query(`CREATE DATABASE ${half}`);
  const dataSource = await createDataSource({ url: databaseOn(url, half), poolSize: 1 }, silentLogger);
  try {
    await runMigrations(dataSource);
  } finally {
    await dataSource.destroy();
  }
  await admin.query(`ALTER DATABASE ${half} RENAME TO ${template}`);
}

async function onServer(url: Secret, work: (admin: DataSource) => Promise<unknown>): Promise<void> {
  const admin = await createDataSource({ url, poolSize: 1, statementTimeoutMs: 60_000 }, silentLogger);
  try {
    await work(admin);
  } finally {
    await admin.destroy();
  }
}

function databaseOn(url: Secret, name: string): Secret {
  const changed = new URL(url.reveal());
  changed.pathname = `/${name}`;
  return new Secret(changed.href);
}

/** A server whose TEST_DATABASE_URL is used for days keeps one template for each state of the schema. */
function fingerprintOfMigrations(): string {
  const folder = fileURLToPath(new URL('../../libs/database/src/migrations/', import.meta.url));
  const sources = readdirSync(folder)
    .toSorted()
    .map((name) => readFileSync(join(folder, name), 'utf8'));
  return hash('sha256', sources.join('\n')).slice(0, 16);
}

/**
 * A shell that waits for our end of its pipe to close, which also happens when this process is killed, and then ends
 * that one server by its id and removes its directory. Test runners end their workers in too many ways to count on hooks.
 */
function endWithThisProcess(pid: number, dataDir: string): void {
  const script = 'read _; kill -QUIT "$1"; while kill -0 "$1"; do sleep 0.1; done; rm -rf "$2"';
  const guard = spawn('/bin/sh', ['-c', script, 'guard', String(pid), dataDir], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  guard.unref();
  (guard.stdin as Socket).unref();
}
