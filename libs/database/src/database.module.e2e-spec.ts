import 'reflect-metadata';
import { inspect } from 'node:util';
import { Module } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { Secret } from '#libs/kernel';
import { Logger } from '#libs/telemetry';
import { DataSource } from 'typeorm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase, silentLogger, type TestDatabase } from '../../../test/harness/postgres.js';
import { Changes, createDataSource, DatabaseHealth, DatabaseModule } from './index.js';

@Module({ providers: [{ provide: Logger, useValue: silentLogger }], exports: [Logger] })
class LoggerModule {}

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

describe('DatabaseModule', () => {
  it('gives every module an open data source, live changes and known health, and closes them last', async () => {
    const app = await Test.createTestingModule({
      imports: [{ module: LoggerModule, global: true }, DatabaseModule.forRoot({ url: database.url })],
    }).compile();
    const dataSource = app.get(DataSource);
    expect(await dataSource.query('SELECT 1 AS one')).toEqual([{ one: 1 }]);
    expect(app.get(Changes).state()).toBe('live');
    expect(app.get(DatabaseHealth).state()).toBe('connected');
    await app.close();
    expect(dataSource.isInitialized).toBe(false);
    expect(app.get(Changes).state()).toBe('down');
  });
});

describe('createDataSource', () => {
  it('cancels a statement that takes too long, and prints no password when it is printed', async () => {
    const impatient = await createDataSource({ url: database.url, statementTimeoutMs: 100 }, silentLogger);
    expect(inspect(impatient, { depth: 9 })).not.toContain(new URL(database.url.reveal()).password);
    await expect(impatient.query('SELECT pg_sleep(5)')).rejects.toMatchObject({ code: '57014' });
    await impatient.destroy();
  });

  it('says who it is, and uses no more connections than it may', async () => {
    const small = await createDataSource(
      { url: database.url, poolSize: 2, applicationName: 'small one' },
      silentLogger,
    );
    await Promise.all(Array.from({ length: 10 }, () => small.query('SELECT pg_sleep(0.01)')));
    const [row]: { count: string }[] = await small.query(
      `SELECT count(*) FROM pg_stat_activity WHERE application_name = 'small one'`,
    );
    expect(row?.count).toBe('2');
    await small.destroy();
  });

  it('fails with a wrong password without showing it, also deep inside the error', async () => {
    const url = new URL(database.url.reveal());
    url.password = 's3cret-guess';
    const error: unknown = await createDataSource({ url: new Secret(url.href) }, silentLogger).catch(
      (thrown: unknown) => thrown,
    );
    expect(error).toMatchObject({ code: '28P01' });
    expect(inspect(error, { depth: 20 })).not.toContain('s3cret-guess');
  });
});
