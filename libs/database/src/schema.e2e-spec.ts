import { randomUUID } from 'node:crypto';
import { Secret } from '#libs/kernel';
import type { DataSource } from 'typeorm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase, silentLogger, type TestDatabase } from '../../../test/harness/postgres.js';
import { ENTITIES } from './entities/index.js';
import {
  ArchivedKey,
  createDataSource,
  ensureLedgerPartitions,
  LedgerEntry,
  runMigrations,
  Team,
  TeamMember,
  User,
  VirtualKey,
  withTransaction,
} from './index.js';
import { MIGRATIONS } from './migrations/index.js';

const SYSTEM = { system: 'test' };
let database: TestDatabase;
let dataSource: DataSource;
beforeAll(async () => {
  database = await createTestDatabase();
  dataSource = database.dataSource;
});
afterAll(() => database.drop());

const newKey = (facts: Partial<VirtualKey> = {}): VirtualKey =>
  dataSource.manager.create(VirtualKey, {
    id: randomUUID(),
    tokenHash: randomUUID(),
    maskedName: 'sk-...abcd',
    ...facts,
  });

const newEntry = (day: string, id: string): LedgerEntry =>
  dataSource.manager.create(LedgerEntry, {
    day,
    id,
    requestId: id,
    startedAt: new Date(`${day}T10:00:00.123Z`),
    endedAt: new Date(`${day}T10:00:01Z`),
    endpoint: 'chat',
    stream: false,
    status: 'success',
    modelGroup: 'm',
    model: 'm',
    provider: 'openai',
    deploymentId: 'd',
    apiBase: 'http://x',
    inputTokens: 3_000_000_000,
    outputTokens: 1,
    cacheReadTokens: 0,
    cacheWriteTokens: 0,
    cacheWriteHourTokens: 0,
    reasoningTokens: 0,
    inputAudioTokens: 0,
    outputAudioTokens: 0,
    usageSource: 'provider',
    costNano: 9_007_199_254_740_993n,
    inputCostNano: 1n,
    outputCostNano: 2n,
    crashChargeNano: 3n,
    priceVersion: 'v1',
  });

describe('the schema', () => {
  it('has a column for every property of every entity, and no other, with the same null rule', async () => {
    for (const { columns, tableName } of ENTITIES.map((entity) => dataSource.getMetadata(entity))) {
      const stored: { column_name: string; is_nullable: string }[] = await dataSource.query(
        'SELECT column_name, is_nullable FROM information_schema.columns WHERE table_name = $1',
        [tableName],
      );
      const sorted = (names: string[]): string[] => names.toSorted();
      expect(
        sorted(columns.map((column) => `${column.databaseName}${column.isNullable ? '?' : ''}`)),
        tableName,
      ).toEqual(
        sorted(stored.map((column) => `${column.column_name}${column.is_nullable === 'YES' ? '?' : ''}`)),
      );
    }
  });

  it('keeps money exact beyond what a double can hold', async () => {
    const { id } = await dataSource.manager.save(
      newKey({ maxBudgetNano: 9_007_199_254_740_993n, tpmLimit: 5_000_000_000 }),
    );
    const key = await dataSource.manager.findOneByOrFail(VirtualKey, { id });
    expect(key.maxBudgetNano).toBe(9_007_199_254_740_993n);
    expect(key.tpmLimit).toBe(5_000_000_000);
    expect(await dataSource.manager.countBy(VirtualKey, { maxBudgetNano: 9_007_199_254_740_993n })).toBe(1);
  });

  it('refuses two keys of one hash or one alias, and lets many have no alias', async () => {
    const first = await dataSource.manager.save(newKey({ alias: 'one' }));
    await dataSource.manager.save([newKey(), newKey()]);
    await expect(dataSource.manager.save(newKey({ alias: 'one' }))).rejects.toMatchObject({ code: '23505' });
    await expect(dataSource.manager.save(newKey({ tokenHash: first.tokenHash }))).rejects.toMatchObject({
      code: '23505',
    });
  });

  it('keeps a rotated and then deleted key in the archive twice', async () => {
    const archived = { id: 'key_1', tokenHash: 'a', row: { id: 'key_1', max_budget_nano: '1' } };
    await dataSource.manager.insert(ArchivedKey, { ...archived, reason: 'rotated' });
    await dataSource.manager.insert(ArchivedKey, { ...archived, tokenHash: 'b' });
    expect(await dataSource.manager.countBy(ArchivedKey, { id: 'key_1' })).toBe(2);
  });

  it('takes e-mail addresses that differ only in case for the same', async () => {
    await dataSource.manager.insert(User, { id: 'u1', email: 'Änne@Example.com' });
    await expect(
      dataSource.manager.insert(User, { id: 'u2', email: 'äNNE@example.COM' }),
    ).rejects.toMatchObject({ code: '23505' });
  });

  it('forgets memberships with the team or the user, and keeps the keys of both', async () => {
    await dataSource.manager.insert(User, { id: 'member' });
    await dataSource.manager.insert(Team, { id: 'team' });
    await dataSource.manager.insert(TeamMember, { teamId: 'team', userId: 'member' });
    const { id } = await dataSource.manager.save(newKey({ teamId: 'team', userId: 'member' }));
    await dataSource.manager.delete(Team, { id: 'team' });
    expect(await dataSource.manager.countBy(TeamMember, { userId: 'member' })).toBe(0);
    expect(await dataSource.manager.countBy(VirtualKey, { id })).toBe(1);
  });
});

describe('runMigrations', () => {
  /** A deployment that is rolled back keeps its database: the former release would leave out what the later one sums. */
  it('refuses a database in which a later release has been', async () => {
    const later = await createTestDatabase();
    try {
      await later.dataSource.query(
        `INSERT INTO schema_migrations (timestamp, name) VALUES (9900000000000, 'SomethingNew9900000000000')`,
      );
      await expect(runMigrations(later.dataSource)).rejects.toThrow(
        /later release \(SomethingNew9900000000000\)/,
      );
    } finally {
      await later.drop();
    }
  });

  it('runs once when five processes start at the same moment on an empty database', async () => {
    const name = `race_${Date.now()}`;
    await dataSource.query(`CREATE DATABASE ${name}`);
    const url = new URL(database.url.reveal());
    url.pathname = `/${name}`;
    const sources = await Promise.all(
      Array.from({ length: 5 }, () =>
        createDataSource({ url: new Secret(url.href), poolSize: 1 }, silentLogger),
      ),
    );
    const ran = await Promise.all(sources.map((source) => runMigrations(source)));
    expect(ran.flat()).toEqual(MIGRATIONS.map(({ name }) => name));
    await Promise.all(sources.map((source) => source.destroy()));
    await dataSource.query(`DROP DATABASE ${name} WITH (FORCE)`);
  });

  it('does nothing the second time', async () => {
    expect(await runMigrations(dataSource)).toEqual([]);
  });
});

describe('ledger partitions', () => {
  it('are made once when many race, while entries are being written', async () => {
    await ensureLedgerPartitions(dataSource.manager, '2026-01-01', 1);
    const made = await Promise.all([
      ...Array.from({ length: 8 }, () => ensureLedgerPartitions(dataSource.manager, '2026-01-01', 5)),
      ...Array.from({ length: 20 }, (_, n) =>
        dataSource.manager.insert(LedgerEntry, newEntry('2026-01-01', `e${n}`)).then(() => 0),
      ),
    ]);
    expect(made.reduce((sum, n) => sum + n)).toBe(4);
    expect(await dataSource.manager.countBy(LedgerEntry, { day: '2026-01-01' })).toBe(20);
  });

  /** The drain makes a missing partition inside its own transaction; another lane's open transaction must not deadlock with it. */
  it('can be made inside a transaction while another one writes', async () => {
    await withTransaction(dataSource, SYSTEM, async (writer) => {
      await writer.insert(LedgerEntry, newEntry('2026-01-01', 'open'));
      const other = dataSource.createQueryRunner();
      await other.startTransaction();
      expect(await ensureLedgerPartitions(other.manager, '2026-03-01', 1)).toBe(1);
      await other.manager.insert(LedgerEntry, newEntry('2026-03-01', 'new day'));
      await other.commitTransaction();
      await other.release();
    });
  });

  it('keep an entry as it was written, and once', async () => {
    await ensureLedgerPartitions(dataSource.manager, '2026-02-28', 2);
    const entry = newEntry('2026-03-01', 'exact');
    await dataSource.manager.insert(LedgerEntry, entry);
    const stored = await dataSource.manager.findOneByOrFail(LedgerEntry, { id: 'exact' });
    expect(stored).toMatchObject({
      day: '2026-03-01',
      costNano: entry.costNano,
      inputTokens: 3_000_000_000,
      startedAt: entry.startedAt,
    });
    await expect(dataSource.manager.insert(LedgerEntry, entry)).rejects.toMatchObject({ code: '23505' });
  });

  it('refuse an entry of a day that has none', async () => {
    await expect(dataSource.manager.insert(LedgerEntry, newEntry('2031-01-01', 'x'))).rejects.toMatchObject({
      code: '23514',
    });
  });
});

describe('withTransaction', () => {
  it('rolls everything back when the work throws', async () => {
    const key = newKey();
    const failing = withTransaction(dataSource, SYSTEM, async (manager) => {
      await manager.save(key);
      throw new Error('changed my mind');
    });
    await expect(failing).rejects.toThrow('changed my mind');
    expect(await dataSource.manager.countBy(VirtualKey, { id: key.id })).toBe(0);
  });

  it('refuses to be nested, and can be used again afterwards, also by work that outlives it', async () => {
    const nested = withTransaction(dataSource, SYSTEM, () =>
      withTransaction(dataSource, SYSTEM, () => Promise.resolve()),
    );
    await expect(nested).rejects.toThrow('inside withTransaction');
    let later: Promise<number> | undefined;
    await withTransaction(dataSource, SYSTEM, async () => {
      later = new Promise<void>((resolve) => setTimeout(resolve, 100)).then(() =>
        withTransaction(dataSource, SYSTEM, () => Promise.resolve(1)),
      );
      await Promise.resolve();
    });
    expect(await later).toBe(1);
  });
});
