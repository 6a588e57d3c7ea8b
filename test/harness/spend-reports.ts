import 'reflect-metadata';
import { type CanActivate, type ExecutionContext, Global, Module } from '@nestjs/common';
import { APP_FILTER, APP_GUARD, NestFactory } from '@nestjs/core';
import { LedgerStore, SpendLedger } from '#libs/budget';
import { Config } from '#libs/config';
import { Changes } from '#libs/database';
import { GatewayErrorFilter, FastExpressAdapter } from '#libs/http';
import { Clock, ManualClock, type Principal, PROXY_SCOPE, type Scope } from '#libs/kernel';
import { Logger, Pseudonyms } from '#libs/telemetry';
import express from 'express';
import pg from 'pg';
import { DataSource } from 'typeorm';
import { SpendRoutesModule } from '../../apps/admin/src/spend/spend-routes.module.js';
import { beginRecord, endRecord, recordedCaller } from '../../libs/budget/src/ledger/records.harness.js';
import { entryOf } from '../../libs/budget/src/spool/codec.js';
import { silentFailures } from './failures.js';
import { createTestDatabase, silentLogger } from './postgres.js';
import { admin } from './tenancy.js';

const NOON = Date.UTC(2026, 10, 20, 12);
const DAY = 86_400_000;
/** A nano-dollar is 1e-9 dollars: costs of the test are whole cents. */
const CENT = 10_000_000n;

interface Call {
  readonly id: string;
  readonly key: string;
  readonly user: string | null;
  readonly team?: string;
  readonly organization?: string;
  readonly customer?: string;
  readonly tags?: readonly string[];
  readonly model?: string;
  readonly daysAgo?: number;
  readonly cents: bigint;
  readonly failed?: boolean;
}

/** Two tenants: ann and bob in team red of organization one, zoe in team blue of organization two. */
const CALLS: readonly Call[] = [
  { id: 'a1', key: 'ka', user: 'ann', team: 'red', organization: 'one', cents: 5n, tags: ['batch', 'night'] },
  {
    id: 'a2',
    key: 'ka',
    user: 'ann',
    team: 'red',
    organization: 'one',
    cents: 3n,
    model: 'small',
    daysAgo: 1,
  },
  {
    id: 'b1',
    key: 'kb',
    user: 'bob',
    team: 'red',
    organization: 'one',
    cents: 7n,
    tags: ['night'],
    customer: 'acme',
  },
  { id: 'b2', key: 'kb', user: 'bob', team: 'red', organization: 'one', cents: 0n, failed: true },
  {
    id: 'z1',
    key: 'kz',
    user: 'zoe',
    team: 'blue',
    organization: 'two',
    cents: 11n,
    tags: ['secret'],
    customer: 'zcorp',
  },
  { id: 'p1', key: 'kp', user: null, cents: 2n },
];

function entriesOf(calls: readonly Call[]) {
  return calls.map((call) => {
    const startedAtMs = NOON - (call.daysAgo ?? 0) * DAY;
    const charged: Scope[] = [{ type: 'key', id: call.key }, PROXY_SCOPE];
    if (call.user !== null) charged.push({ type: 'user', id: call.user });
    if (call.customer !== undefined) charged.push({ type: 'customer', id: call.customer });
    const begin = beginRecord({
      id: call.id,
      startedAtMs,
      charges: charged.map((scope) => ({ scope, budget: 'total', periodId: 'total' })),
      modelGroup: call.model ?? 'large',
      model: call.model ?? 'large-v1',
      caller: recordedCaller({
        keyId: call.key,
        keyHash: `hash-${call.key}`,
        userId: call.user,
        teamId: call.team ?? null,
        organizationId: call.organization ?? null,
      }),
      customerId: call.customer ?? null,
      tags: call.tags ?? [],
      sessionId: call.key === 'ka' ? 'session-of-ann' : null,
    });
    return entryOf(
      begin,
      endRecord(call.id, call.cents * CENT, {
        endedAtMs: startedAtMs + 500,
        responseId: `chatcmpl-${call.id}`,
        ...(call.failed ? { status: 'failure', error: { code: '500', message: 'Upstream broke' } } : {}),
      }),
    );
  });
}

/** The reports over HTTP, over the calls above; who asks is said with each request. */
export async function startSpendReports() {
  const database = await createTestDatabase();
  const state = { caller: admin.principal };
  const { dataSource } = database;
  await dataSource.query(`INSERT INTO organizations (id, alias) VALUES ('one', 'One'), ('two', 'Two')`);
  await dataSource.query(
    `INSERT INTO users (id, email, role) VALUES ('ann', 'ann@one.org', 'internal_user'), ('bob', NULL, 'internal_user'), ('zoe', NULL, 'internal_user'), ('olga', NULL, 'internal_user')`,
  );
  await dataSource.query(
    `INSERT INTO teams (id, alias, organization_id) VALUES ('red', 'Red', 'one'), ('blue', NULL, 'two')`,
  );
  await dataSource.query(
    `INSERT INTO team_members (team_id, user_id, role) VALUES ('red', 'ann', 'user'), ('red', 'bob', 'admin'), ('blue', 'zoe', 'admin')`,
  );
  await dataSource.query(
    `INSERT INTO organization_members (organization_id, user_id, role) VALUES ('one', 'olga', 'org_admin')`,
  );
  await dataSource.query(
    `INSERT INTO virtual_keys (id, token_hash, masked_name, alias, user_id, team_id) VALUES
     ('ka', 'hash-ka', 'sk-...ka', 'of ann', 'ann', 'red'), ('kb', 'hash-kb', 'sk-...kb', NULL, 'bob', 'red'), ('kz', 'hash-kz', 'sk-...kz', NULL, 'zoe', 'blue')`,
  );
  const store = new LedgerStore(dataSource, silentLogger);
  const entries = entriesOf(CALLS);
  // Twice, as after a crash between the commit and the note of it.
  await store.insert(entries);
  await store.insert([...entries].reverse());

  const config = {
    auth: { adminOnlyRoutes: [], keyCacheTtlMs: 60_000 },
    server: { disableAdminEndpoints: false, disableLlmEndpoints: false },
    budgets: { timezone: 'UTC', resetTime: '00:00', providers: {} },
    network: { trustedProxyRanges: [] },
    metrics: { requireAuth: true },
  };
  const stands = [
    { provide: Config, useValue: config },
    { provide: Clock, useValue: new ManualClock(NOON) },
    { provide: DataSource, useValue: dataSource },
    { provide: Changes, useValue: { subscribe: () => undefined, state: () => 'live' } },
    { provide: Logger, useValue: silentLogger },
    { provide: Pseudonyms, useValue: new Pseudonyms(undefined) },
    { provide: SpendLedger, useValue: { flush: async () => undefined } },
  ];
  class TakesCaller implements CanActivate {
    canActivate(context: ExecutionContext): boolean {
      context.switchToHttp().getRequest<{ user: Principal }>().user = state.caller;
      return true;
    }
  }
  class Stands {}
  Global()(Stands);
  Module({ providers: stands, exports: stands.map(({ provide }) => provide) })(Stands);
  class Root {}
  Module({
    imports: [Stands, SpendRoutesModule],
    providers: [
      { provide: APP_GUARD, useClass: TakesCaller },
      { provide: APP_FILTER, useFactory: () => new GatewayErrorFilter(silentFailures) },
    ],
  })(Root);
  const adapter = new FastExpressAdapter({ rootPath: '', requestTimeoutMs: 10_000 });
  const app = await NestFactory.create(Root, adapter, {
    bodyParser: false,
    logger: ['error'],
    abortOnError: false,
  });
  app.use(express.json({ type: () => true, limit: '1mb' }));
  await app.listen(0, '127.0.0.1');
  const base = await app.getUrl();
  /** Statements that this process sent to the database, whoever sent them. */
  const counted = { statements: 0 };
  const { query } = pg.Client.prototype;
  pg.Client.prototype.query = function (this: pg.Client, ...words: unknown[]) {
    counted.statements += 1;
    return Reflect.apply(query, this, words) as never;
  } as typeof query;
  return {
    /** How many statements an answer took. */
    async statementsOf(work: () => Promise<unknown>): Promise<number> {
      counted.statements = 0;
      await work();
      return counted.statements;
    },
    async as(who: Principal, path: string, body?: unknown): Promise<{ status: number; body: Json }> {
      state.caller = who;
      const sent = body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) };
      const response = await fetch(base + path, sent);
      return { status: response.status, body: (await response.json()) as Json };
    },
    async stop(): Promise<void> {
      pg.Client.prototype.query = query;
      await app.close();
      await database.drop();
    },
  };
}

/** Tests look into answers freely: a member that is not there fails the expectation. */
// oxlint-disable-next-line typescript/no-explicit-any
export type Json = any;
