import 'reflect-metadata';
import { tmpdir } from 'node:os';
import { type CanActivate, type ExecutionContext, Global, Module } from '@nestjs/common';
import { APP_FILTER, APP_GUARD, NestFactory } from '@nestjs/core';
import { AdminModule, ProbesModule } from '#apps/admin';
import { InstallationKey } from '#libs/audit';
import { AlertBook, Budgets, PriceBook, SpendLedger } from '#libs/budget';
import { AuthenticationEvents, ChangeFeed, PrincipalPreparation, PublicRoutes } from '#libs/auth';
import { Config, loadConfig } from '#libs/config';
import { Counters } from '#libs/counters';
import { Changes, DatabaseHealth, EncryptionKeySource, SecretColumns } from '#libs/database';
import { Draining, FastExpressAdapter, GatewayErrorFilter } from '#libs/http';
import { Build, Clock, type Principal, Secret, SystemClock } from '#libs/kernel';
import { SpendReader, SpendSetter, TenancyModule } from '#libs/tenancy';
import { Logger, Metrics, Pseudonyms } from '#libs/telemetry';
import express from 'express';
import { DataSource } from 'typeorm';
import { afterAll, beforeAll, beforeEach } from 'vitest';
import { silentFailures } from './failures.js';
import { createTestDatabase, silentLogger, type TestDatabase } from './postgres.js';
import { admin, NO_PEOPLE_DEFAULTS, StatedSpend, StatedSpendSetter, TEST_INSTALLATION } from './tenancy.js';

/** Tests look into answers freely: a member that is not there fails the expectation. */
// oxlint-disable-next-line typescript/no-explicit-any
export type Json = Record<string, any>;

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Json;
}

/** The control plane of one spec file: started before its first test, empty before each. Call it where the file's other hooks are declared. */
export function adminForThisFile() {
  let running: Awaited<ReturnType<typeof startAdmin>> | undefined;
  const here = (): NonNullable<typeof running> => {
    if (!running) throw new Error('nothing runs before the first test');
    return running;
  };
  beforeAll(async () => {
    running = await startAdmin();
  });
  beforeEach(() => here().reset());
  afterAll(() => running?.stop());
  return {
    get running() {
      return here();
    },
    post: (path: string, body?: unknown) => here().post(path, body),
    get: (path: string) => here().get(path),
  };
}

/** The control plane over HTTP on a database of its own; only who calls is decided by the test. */
export async function startAdmin(database?: TestDatabase) {
  const test = database ?? (await createTestDatabase());
  const state = { caller: admin.principal as Principal, isDraining: false };
  const spend = new StatedSpend();
  class TakesCaller implements CanActivate {
    canActivate(context: ExecutionContext): boolean {
      context.switchToHttp().getRequest<{ user: Principal }>().user = state.caller;
      return true;
    }
  }
  const config = {
    keys: {
      generatedLength: 16,
      minimumCustomLength: 16,
      allowCustom: true,
      teamAdminEditableFields: [] as string[],
      defaults: {},
      upperBounds: {},
      generation: {},
      rotates: true,
    },
    auth: { masterKey: new Secret('sk-the-master-key-of-this-test'), adminOnlyRoutes: [], keyCacheSize: 10 },
    server: { disableAdminEndpoints: false, disableLlmEndpoints: false, rootPath: '' },
    limits: {},
    metrics: { requireAuth: true },
    budgets: { timezone: 'UTC', resetTime: '00:00' },
    network: { trustedProxyRanges: [] },
    people: NO_PEOPLE_DEFAULTS,
    signIn: (await loadConfig({ env: {}, cwd: tmpdir() })).signIn,
    models: [],
    modelHub: { groups: [], links: {} },
    alerts: { channels: [], types: [] },
    pricing: { discounts: {}, margins: {} },
    credentials: [],
    router: { modelGroupAlias: {}, fallbacks: {}, defaultFallbacks: [], contextWindowFallbacks: {} },
    environment: () => undefined,
  };
  const stands = [
    { provide: Config, useValue: config },
    { provide: Clock, useValue: new SystemClock() },
    { provide: DataSource, useValue: test.dataSource },
    { provide: Changes, useValue: new Changes({ directUrl: test.url }, silentLogger) },
    { provide: DatabaseHealth, useValue: { state: () => 'connected', isWarm: () => true } },
    { provide: Draining, useValue: state },
    { provide: InstallationKey, useValue: TEST_INSTALLATION },
    { provide: Pseudonyms, useValue: new Pseudonyms(undefined) },
    { provide: Logger, useValue: silentLogger },
    { provide: Metrics, useValue: new Metrics({ processMetrics: false }) },
    { provide: PriceBook, useValue: {} },
    { provide: Budgets, useValue: {} },
    { provide: AlertBook, useValue: { raise: async () => 1 } },
    { provide: Counters, useValue: { sizes: () => ({ held: 0, waiting: 0 }) } },
    { provide: Build, useValue: { version: '0.0.0-test' } },
    { provide: SpendReader, useValue: spend },
    {
      provide: SecretColumns,
      useValue: new SecretColumns(new EncryptionKeySource({ salt: new Secret('the salt of the tests') })),
    },
    { provide: SpendSetter, useValue: new StatedSpendSetter(spend) },
    { provide: SpendLedger, useValue: { flush: async () => undefined } },
    { provide: ChangeFeed, useValue: { subscribe: () => undefined, state: () => 'live' } },
    { provide: PublicRoutes, useValue: { isPublic: () => false } },
    { provide: PrincipalPreparation, useValue: { prepare: async () => undefined } },
    { provide: AuthenticationEvents, useValue: { failed: () => undefined, succeeded: () => undefined } },
  ];
  class Stands {}
  Global()(Stands);
  Module({
    imports: [TenancyModule],
    providers: stands,
    exports: [...stands.map(({ provide }) => provide), TenancyModule],
  })(Stands);
  class Root {}
  Module({
    imports: [Stands, AdminModule, ProbesModule],
    providers: [
      { provide: APP_GUARD, useClass: TakesCaller },
      {
        provide: APP_FILTER,
        useFactory: () => new GatewayErrorFilter(silentFailures),
      },
    ],
  })(Root);
  const adapter = new FastExpressAdapter({ rootPath: '', requestTimeoutMs: 10_000 });
  const app = await NestFactory.create(Root, adapter, { bodyParser: false, logger: ['error'] });
  app.use(express.json({ type: () => true, limit: '1mb' }));
  await app.listen(0, '127.0.0.1');
  const base = await app.getUrl();

  const send = async (method: string, path: string, body?: unknown): Promise<Answer> => {
    const sent = body === undefined ? {} : { body: JSON.stringify(body) };
    const response = await fetch(base + path, { method, ...sent });
    return { status: response.status, headers: response.headers, body: (await response.json()) as Json };
  };
  return {
    base,
    spend,
    state,
    dataSource: test.dataSource,
    send,
    post: (path: string, body?: unknown) => send('POST', path, body),
    get: (path: string) => send('GET', path),
    async reset(): Promise<void> {
      Object.assign(state, { caller: admin.principal, isDraining: false });
      await test.dataSource.query(
        'TRUNCATE virtual_keys, archived_keys, key_graces, customers, budgets, tags, users, teams, team_members, organizations, organization_members, projects, invitations, archived_teams, audit_events CASCADE',
      );
    },
    async stop(): Promise<void> {
      await app.close();
      await test.drop();
    },
  };
}
