import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Global, type INestApplicationContext, Module } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { AuditTrail, InstallationKey } from '#libs/audit';
import { AlertBook, BudgetModule, BudgetPeriods } from '#libs/budget';
import { Config } from '#libs/config';
import { Counters, LocalCounters } from '#libs/counters';
import { Changes, EncryptionKeySource, SecretColumns } from '#libs/database';
import { Clock, ManualClock, Secret, SystemClock } from '#libs/kernel';
import { Logger, Pseudonyms } from '#libs/telemetry';
import { Redis } from 'ioredis';
import { DataSource } from 'typeorm';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createTestDatabase, silentLogger, type TestDatabase } from '../../../test/harness/postgres.js';
import { startPrivateRedis } from '../../../test/harness/redis.js';
import { Retention } from './retention.js';
import { SqliteMirror } from './sqlite-mirror.js';
import { WorkerModule } from './worker.module.js';

let database: TestDatabase;
let db: DataSource;
const folder = mkdtempSync(join(tmpdir(), 'tollgate-worker-'));
const mirrorFile = join(folder, 'mirror', 'litellm.db');
const config = {
  server: { dataDir: folder },
  privacy: { anonymizeLogs: false, retentionDays: 30, promptRetentionDays: 7 },
  stores: { sqliteMirror: mirrorFile },
  budgets: { timezone: 'UTC', resetTime: '00:00', exceededStatus: 422, blockUnpricedModels: false },
  alerts: { channels: [], types: [] },
} as unknown as Config;

beforeAll(async () => {
  database = await createTestDatabase();
  db = database.dataSource;
});
afterAll(async () => database.drop());
beforeEach(async () => {
  await db.query('TRUNCATE ledger_entries, balances, budget_periods, virtual_keys, users, teams CASCADE');
});

async function startWorker(own: Config = config): Promise<INestApplicationContext> {
  @Global()
  @Module({
    providers: [
      { provide: Config, useValue: own },
      { provide: Logger, useValue: silentLogger },
      { provide: Clock, useClass: SystemClock },
      { provide: DataSource, useValue: db },
      { provide: InstallationKey, useValue: new InstallationKey(new Secret('worker test')) },
      { provide: Changes, useValue: new Changes({ directUrl: database.url }, silentLogger) },
      { provide: Pseudonyms, useValue: new Pseudonyms(undefined) },
      {
        provide: SecretColumns,
        useValue: new SecretColumns(new EncryptionKeySource({ salt: new Secret('worker test') })),
      },
      { provide: Counters, inject: [Clock], useFactory: (clock: Clock) => new LocalCounters(clock) },
    ],
    exports: [
      Config,
      Logger,
      Clock,
      DataSource,
      Counters,
      InstallationKey,
      Pseudonyms,
      Changes,
      SecretColumns,
    ],
  })
  class World {}
  const app = await Test.createTestingModule({ imports: [World, BudgetModule, WorkerModule] }).compile();
  return app.init();
}

async function entry(id: string, tokens = 7): Promise<void> {
  const day = new Date().toISOString().slice(0, 10);
  await db.query('SELECT ensure_ledger_partitions($1::date, 1)', [day]);
  await db.query(
    `INSERT INTO ledger_entries (day, id, request_id, started_at, ended_at, endpoint, stream, status, model_group, model, provider, deployment_id, api_base,
       user_id, input_tokens, output_tokens, usage_source, cost_nano, price_version)
     VALUES ($1, $2, $2, now(), now(), 'chat', false, 'success', 'gpt-4o', 'gpt-4o', 'openai', 'd', '', 'ann', $3, 0, 'provider', 1, 'v')`,
    [day, id, tokens],
  );
}

describe('the worker', () => {
  it('runs its schedules on PostgreSQL: periods close, tables are made ahead, requests reach the SQLite file', async () => {
    await db.query(
      "INSERT INTO budget_periods (scope_type, scope_id, budget, period_id, starts_at, ends_at) VALUES ('key', 'k', 'main', 'p', now() - interval '2 days', now() - interval '1 day')",
    );
    await entry('tick');
    const app = await startWorker();
    try {
      await expect
        .poll(
          async () => (await db.query('SELECT 1 FROM budget_periods WHERE closed_at IS NOT NULL')).length,
          { timeout: 20_000, interval: 100 },
        )
        .toBe(1);
      await expect
        .poll(
          async () =>
            (
              await db.query(
                "SELECT to_regclass('ledger_entries_' || to_char(now() + interval '5 days', 'YYYYMMDD')) AS t",
              )
            )[0].t,
          { timeout: 20_000, interval: 100 },
        )
        .not.toBeNull();
      await expect.poll(() => mirrored().length, { timeout: 20_000, interval: 100 }).toBe(1);
    } finally {
      await app.close();
    }
  });
});

describe('the worker with Redis', () => {
  /** Jobs and counters are on one Redis, on connections of their own: a worker waits for it, a call does not. */
  it('keeps its jobs there, under keys of their own, and runs the same schedules', async () => {
    const redis = await startPrivateRedis();
    await db.query(
      "INSERT INTO budget_periods (scope_type, scope_id, budget, period_id, starts_at, ends_at) VALUES ('key', 'k', 'main', 'r', now() - interval '2 days', now() - interval '1 day')",
    );
    const stores = { ...config.stores, redisUrl: new Secret(redis.url) };
    const app = await startWorker({ ...config, stores } as unknown as Config);
    const admin = new Redis(redis.url);
    try {
      await expect
        .poll(
          async () => (await db.query('SELECT 1 FROM budget_periods WHERE closed_at IS NOT NULL')).length,
          { timeout: 20_000, interval: 100 },
        )
        .toBe(1);
      const keys = await admin.keys('*');
      expect(keys.length).toBeGreaterThan(0);
      expect(keys.filter((key) => !key.startsWith('{tollgate}:'))).toEqual([]);
    } finally {
      admin.disconnect();
      await app.close();
      await redis.stop();
    }
  });
});

function mirrored(): unknown[] {
  const file = new DatabaseSync(mirrorFile);
  try {
    return file
      .prepare('SELECT timestamp, user, model, tokens FROM request_log ORDER BY timestamp DESC')
      .all();
  } finally {
    file.close();
  }
}

describe('the SQLite mirror', () => {
  it('holds each request once, however often it runs and whoever restarts it', async () => {
    const path = join(mkdtempSync(join(tmpdir(), 'tollgate-mirror-')), 'a.db');
    const own = { ...config, stores: { sqliteMirror: path } } as unknown as Config;
    await entry('a');
    const first = new SqliteMirror(own, db, new Pseudonyms(undefined));
    expect(await first.mirror()).toBe(1);
    expect(await first.mirror()).toBe(0);
    first.onApplicationShutdown();
    await entry('b', 9);
    const second = new SqliteMirror(own, db, new Pseudonyms(undefined));
    expect(await second.mirror()).toBe(1);
    second.onApplicationShutdown();
    const file = new DatabaseSync(path);
    expect(
      file
        .prepare('SELECT user, model, tokens FROM request_log ORDER BY tokens')
        .all()
        .map((row) => ({ ...row })),
    ).toEqual([
      { user: 'ann', model: 'gpt-4o', tokens: 7 },
      { user: 'ann', model: 'gpt-4o', tokens: 9 },
    ]);
    file.close();
  });
});

describe('closing budget periods', () => {
  const clock = new ManualClock(Date.parse('2026-11-21T12:00:00Z'));
  const closer = (alerts = new AlertBook(db, config)): BudgetPeriods =>
    new BudgetPeriods(db, config, silentLogger, alerts);

  it('happens once for each period and each owner, with three workers at it', async () => {
    await db.query(`INSERT INTO budget_periods (scope_type, scope_id, budget, period_id, starts_at, ends_at)
      SELECT 'key', 'k' || n, 'main', '1d@20261120T000000Z', '2026-11-20Z', '2026-11-21Z' FROM generate_series(1, 1500) n`);
    await db.query(
      `INSERT INTO budget_periods (scope_type, scope_id, budget, period_id, starts_at, ends_at) VALUES ('key', 'open', 'main', 'p', '2026-11-21Z', '2026-11-22Z')`,
    );
    await db.query(
      `INSERT INTO balances (scope_type, scope_id, budget, period_id, settled_nano) SELECT 'key', 'k' || n, 'main', '1d@20261120T000000Z', n FROM generate_series(1, 1500) n`,
    );
    await db.query(
      `INSERT INTO virtual_keys (id, token_hash, masked_name, budget_duration, budget_reset_at) SELECT 'k' || n, 'h' || n, 'm', '1mo', '2026-11-01Z' FROM generate_series(1, 700) n`,
    );
    await db.query(`INSERT INTO teams (id, budget_duration) VALUES ('t', '1d'), ('odd', 'fortnightly')`);
    const done = await Promise.all(
      [closer(), closer(), closer()].map((each) => each.closeDue(clock.nowMs())),
    );
    expect(done.reduce((sum, { periods }) => sum + periods, 0)).toBe(1500);
    expect(done.reduce((sum, { owners }) => sum + owners, 0)).toBe(702);
    const [history] = await db.query(
      'SELECT count(*)::int AS n, sum(settled_nano)::int AS nano FROM budget_periods WHERE closed_at IS NOT NULL',
    );
    expect(history).toEqual({ n: 1500, nano: (1500 * 1501) / 2 });
    const resets = await db.query('SELECT DISTINCT budget_reset_at AS at FROM virtual_keys');
    expect(resets).toEqual([{ at: new Date('2026-12-01T00:00:00Z') }]);
    expect(await closer().closeDue(clock.nowMs())).toEqual({ periods: 0, owners: 0 });
  });

  it('tells once of each budget that was used up and is open again, also when a worker dies over it', async () => {
    const telling = {
      ...config,
      alerts: { channels: [{ name: 'webhook' }], types: ['budget_alerts'] },
    } as unknown as Config;
    await db.query('TRUNCATE alerts CASCADE');
    await db.query(`INSERT INTO budget_periods (scope_type, scope_id, budget, period_id, starts_at, ends_at, cap_nano)
      SELECT 'tag', 't' || n, 'main', '1d@20261120T000000Z', '2026-11-20Z', '2026-11-21Z', 10 FROM generate_series(1, 600) n`);
    await db.query(
      `INSERT INTO balances (scope_type, scope_id, budget, period_id, settled_nano) SELECT 'tag', 't' || n, 'main', '1d@20261120T000000Z', 5 + n % 2 * 5 FROM generate_series(1, 600) n`,
    );
    const dying = new AlertBook(db, telling);
    dying.raiseIn = () => Promise.reject(new Error('killed'));
    // It dies between closing and telling: its transaction takes both back, for whoever is next.
    await expect(closer(dying).closeDue(clock.nowMs())).rejects.toThrow('killed');
    const workers = Array.from({ length: 3 }, () => closer(new AlertBook(db, telling)));
    await Promise.all(workers.map((worker) => worker.closeDue(clock.nowMs())));
    const [told] = await db.query(
      `SELECT count(*)::int AS n, count(DISTINCT scope_id)::int AS scopes FROM alerts WHERE event = 'budget_reset'`,
    );
    expect(told).toEqual({ n: 300, scopes: 300 });
    const [open] = await db.query(
      `SELECT count(*)::int AS n FROM budget_periods WHERE scope_type = 'tag' AND closed_at IS NULL`,
    );
    expect(open.n).toBe(0);
  });

  it('moves the shown reset time of every kind of row that can have a budget', async () => {
    await db.query(`INSERT INTO organizations (id, budget_duration) VALUES ('o', '1mo')`);
    await db.query(`INSERT INTO teams (id) VALUES ('t')`);
    await db.query(`INSERT INTO users (id) VALUES ('u')`);
    await db.query(`INSERT INTO team_members (team_id, user_id, budget_duration) VALUES ('t', 'u', '1d')`);
    await db.query(
      `INSERT INTO organization_members (organization_id, user_id, budget_duration) VALUES ('o', 'u', '1y')`,
    );
    await db.query(`INSERT INTO projects (id, team_id, budget_duration) VALUES ('p', 't', '7d')`);
    await db.query(`INSERT INTO customers (id, budget_duration) VALUES ('c', '2mo')`);
    await db.query(`INSERT INTO tags (name, budget_duration) VALUES ('x', '48h')`);
    const done = await Promise.all([closer(), closer(), closer()].map((one) => one.closeDue(clock.nowMs())));
    expect(done.reduce((sum, { owners }) => sum + owners, 0)).toBe(6);
    const shown = await Promise.all(
      ['organizations', 'team_members', 'organization_members', 'projects', 'customers'].map(async (table) =>
        (await db.query(`SELECT budget_reset_at AS at FROM ${table}`))[0].at.toISOString(),
      ),
    );
    expect(shown).toEqual([
      '2026-12-01T00:00:00.000Z',
      '2026-11-22T00:00:00.000Z',
      '2027-01-01T00:00:00.000Z',
      '2026-11-23T00:00:00.000Z',
      '2027-01-01T00:00:00.000Z',
    ]);
    await db.query('TRUNCATE organizations, customers, tags CASCADE');
  });

  it('follows calls that ended after their period', async () => {
    await db.query(
      `INSERT INTO budget_periods (scope_type, scope_id, budget, period_id, starts_at, ends_at, closed_at, settled_nano) VALUES ('key', 'k', 'main', 'p', now() - interval '1 day', now(), now(), 5)`,
    );
    await db.query(
      `INSERT INTO balances (scope_type, scope_id, budget, period_id, settled_nano) VALUES ('key', 'k', 'main', 'p', 8)`,
    );
    await closer().closeDue(clock.nowMs());
    expect((await db.query('SELECT settled_nano FROM budget_periods'))[0].settled_nano).toBe('8');
  });
});

describe('retention', () => {
  it('drops whole days whose time is over, prompts before the log, and leaves totals', async () => {
    const clock = new ManualClock(Date.UTC(2026, 5, 30, 12));
    const days = async (table: string): Promise<string[]> => {
      const rows: { name: string }[] = await db.query(
        `SELECT relname AS name FROM pg_inherits JOIN pg_class ON oid = inhrelid WHERE inhparent = $1::regclass ORDER BY 1`,
        [table],
      );
      return rows.map(({ name }) => name.slice(-8)).filter((day) => day < '20260701');
    };
    await db.query(`SELECT ensure_ledger_partitions('2026-05-29', 4)`);
    await db.query(`SELECT ensure_day_partitions('logged_prompts', '2026-06-21', 4)`);
    await db.query(
      `INSERT INTO balances (scope_type, scope_id, budget, period_id, settled_nano) VALUES ('user', 'ann', 'total', 'total', 7)`,
    );
    const retention = new Retention(
      config,
      db,
      clock,
      silentLogger,
      new AuditTrail(new InstallationKey(new Secret('worker test'))),
    );
    expect(await retention.dropWhatIsOver()).toBe(4);
    expect(await days('ledger_entries')).toEqual(['20260531', '20260601']);
    expect(await days('logged_prompts')).toEqual(['20260623', '20260624']);
    expect(await db.query('SELECT settled_nano FROM balances')).toEqual([{ settled_nano: '7' }]);
    expect(await retention.dropWhatIsOver()).toBe(0);
  });
});
