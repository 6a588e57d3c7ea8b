import 'reflect-metadata';
import {
  type CanActivate,
  type ExecutionContext,
  type INestApplication,
  Module,
  Global,
} from '@nestjs/common';
import { APP_FILTER, APP_GUARD, NestFactory } from '@nestjs/core';
import { SpendLedger } from '#libs/budget';
import { Config } from '#libs/config';
import { Changes, DatabaseHealth, ensureLedgerPartitions } from '#libs/database';
import { Draining, FastExpressAdapter, GatewayErrorFilter } from '#libs/http';
import { Clock, type Principal, Secret, SystemClock } from '#libs/kernel';
import { Network } from '#libs/rbac';
import { hashRawKey, SpendReader } from '#libs/tenancy';
import { Logger, Metrics } from '#libs/telemetry';
import express from 'express';
import { DataSource } from 'typeorm';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createTestDatabase, silentLogger, type TestDatabase } from '../../../test/harness/postgres.js';
import { admin, principal, StatedSpend } from '../../../test/harness/tenancy.js';
import { AdminModule, ProbesModule } from './index.js';

let test: TestDatabase;
let app: INestApplication;
let base: string;
let caller: Principal = admin.principal;
const spend = new StatedSpend();
const draining = { isDraining: false };

class TakesCaller implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    context.switchToHttp().getRequest<{ user: Principal }>().user = caller;
    return true;
  }
}

beforeAll(async () => {
  test = await createTestDatabase();
  const config = {
    keys: { generatedLength: 16, minimumCustomLength: 16, allowCustom: true },
    auth: { masterKey: new Secret('sk-the-master-key-of-this-test') },
    budgets: { timezone: 'UTC', resetTime: '00:00' },
    network: { trustedProxyRanges: [] },
  };
  const health = { state: () => 'connected', isWarm: () => true };
  const stands = [
    { provide: Config, useValue: config },
    { provide: Clock, useValue: new SystemClock() },
    { provide: DataSource, useValue: test.dataSource },
    { provide: Changes, useValue: new Changes({ directUrl: test.url }, silentLogger) },
    { provide: DatabaseHealth, useValue: health },
    { provide: Draining, useValue: draining },
    { provide: Logger, useValue: silentLogger },
    { provide: Metrics, useValue: new Metrics({ processMetrics: false }) },
    { provide: SpendReader, useValue: spend },
    { provide: SpendLedger, useValue: { flush: async () => undefined } },
    { provide: Network, useValue: new Network(config as never) },
  ];
  class Stands {}
  Global()(Stands);
  Module({ providers: stands, exports: stands.map(({ provide }) => provide) })(Stands);
  class Root {}
  Module({
    imports: [Stands, AdminModule, ProbesModule],
    providers: [
      { provide: APP_GUARD, useClass: TakesCaller },
      { provide: APP_FILTER, useFactory: () => new GatewayErrorFilter(silentLogger) },
    ],
  })(Root);
  const adapter = new FastExpressAdapter({ rootPath: '', requestTimeoutMs: 10_000 });
  app = await NestFactory.create(Root, adapter, { bodyParser: false, logger: ['error'] });
  app.use(express.json({ type: () => true, limit: '1mb' }));
  await app.listen(0, '127.0.0.1');
  base = await app.getUrl();
});
beforeEach(async () => {
  caller = admin.principal;
  draining.isDraining = false;
  await test.dataSource.query(
    'TRUNCATE virtual_keys, archived_keys, users, teams, team_members, audit_events',
  );
});
afterAll(async () => {
  await app.close();
  await test.drop();
});

/** Tests look into answers freely: a member that is not there fails the expectation. */
// oxlint-disable-next-line typescript/no-explicit-any
type Json = Record<string, any>;

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Json;
}
async function send(method: string, path: string, body?: unknown): Promise<Answer> {
  const response = await fetch(base + path, {
    method,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return {
    status: response.status,
    headers: response.headers,
    body: (await response.json()) as Json,
  };
}
const post = (path: string, body?: unknown) => send('POST', path, body);
const get = (path: string) => send('GET', path);

/** The members of the contract's worked answer, in its order. */
const WORKED_ANSWER =
  'key_alias duration models spend max_budget user_id team_id agent_id max_parallel_requests metadata tpm_limit rpm_limit budget_duration budget_limits allowed_cache_controls config permissions model_max_budget budget_fallbacks model_rpm_limit model_tpm_limit mcp_rpm_limit tag_rpm_limit guardrails policies prompts blocked aliases object_permission key tpd_limit default_estimated_output_tokens default_estimated_output_tokens_per_model budget_id end_user_budget_id tags disable_global_guardrails enable_prompt_caching throttle_on_budget_exceeded enforced_params allowed_routes allowed_passthrough_routes denied_passthrough_routes allowed_vector_store_indexes rpm_limit_type tpm_limit_type router_settings access_group_ids key_name key_type expires token_id organization_id project_id litellm_budget_table token created_by updated_by created_at updated_at'.split(
    ' ',
  );

describe('POST /key/generate', () => {
  it("answers the body of the security guide in the contract's shape", async () => {
    const { status, body } = await post('/key/generate', {
      user_id: 'user-123',
      key_name: 'mobile-app',
      duration: '30d',
      models: ['gpt-3.5-turbo', 'shin-llama-70b'],
      max_budget: 100.0,
    });
    expect(status).toBe(200);
    expect(Object.keys(body)).toEqual(WORKED_ANSWER);
    expect(body).toMatchObject({
      user_id: 'user-123',
      key_name: 'mobile-app',
      key_alias: 'mobile-app',
      max_budget: 100,
      duration: '30d',
    });
    expect(body['token']).toBe(hashRawKey(body['key']));
    expect(body['expires']).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
    const info = await get(`/key/info?key=${body['key']}`);
    expect(info.body['info']).toMatchObject({
      key_name: `sk-...${body['key'].slice(-4)}`,
      key_alias: 'mobile-app',
      status: 'active',
    });
    expect(info.body['info']).not.toHaveProperty('token');
  });

  it('takes both spellings of the rate limits; the real name wins', async () => {
    const short = await post('/key/generate', { rpm: 10, tpm: '1000' });
    expect(short.body).toMatchObject({ rpm_limit: 10, tpm_limit: 1000 });
    expect((await post('/key/generate', { rpm: 10, rpm_limit: 5 })).body['rpm_limit']).toBe(5);
  });

  it('makes a key of nothing, and of defaults', async () => {
    expect((await post('/key/generate')).status).toBe(200);
    expect(
      (
        await post('/key/generate', {
          guardrails: [],
          permissions: {},
          budget_id: '',
          auto_rotate: false,
          spend: 0,
        })
      ).status,
    ).toBe(200);
  });

  it('names fields it ignores', async () => {
    const { status, headers } = await post('/key/generate', { color: 1, 'a,b\r\nx-evil: 1': 2 });
    expect(status).toBe(200);
    expect(headers.get('x-ignored-fields')).toBe('color,a?b??x-evil:?1');
    expect(headers.get('x-evil')).toBeNull();
  });

  it.each([
    [{ max_budget: -1 }, 400, 'max_budget'],
    [{ max_budget: 1e308 }, 400, 'max_budget'],
    [{ max_budget: 'lots' }, 400, 'max_budget'],
    [{ max_budget: true }, 400, 'max_budget'],
    [{ rpm_limit: -1 }, 400, 'rpm_limit'],
    [{ rpm_limit: 1.5 }, 400, 'rpm_limit'],
    [{ rpm_limit: 3_000_000_000 }, 400, 'rpm_limit'],
    [{ tpm: {} }, 400, 'tpm'],
    [{ budget_duration: 'soon' }, 400, 'budget_duration'],
    [{ duration: '0d' }, 400, 'duration'],
    [{ duration: 5 }, 400, 'duration'],
    [{ max_budgt: 5 }, 400, 'max_budgt'],
    [{ soft_budget: 5 }, 400, 'soft_budget'],
    [{ organization_id: 'o' }, 400, 'organization_id'],
    [{ allowed_ips: ['10.0.0.1'] }, 400, 'allowed_ips'],
    [{ metadata: { model_rpm_limit: { a: 1 } } }, 400, 'metadata'],
    [{ metadata: { a: 'x\u0000y' } }, 400, 'metadata'],
    [{ metadata: { a: '\ud800' } }, 400, 'metadata'],
    [{ metadata: { a: 'x'.repeat(70_000) } }, 400, 'metadata'],
    [{ key_alias: 'x'.repeat(100_000) }, 400, 'key_alias'],
    [{ key_alias: 'a\nb' }, 400, 'key_alias'],
    [{ user_id: 'a\u0000' }, 400, 'user_id'],
    [{ key: 'short' }, 400, 'key'],
    [{ key: 'sk-short' }, 400, 'key'],
    [{ key: 'sk-the-master-key-of-this-test' }, 400, 'key'],
    [{ allowed_routes: ['llm_api_route'] }, 400, 'allowed_routes'],
    [{ models: 'gpt-4' }, 422, 'models'],
    [{ key_type: 'root' }, 422, 'key_type'],
    [{ blocked: 'yes' }, 422, 'blocked'],
    [[1], 422, null],
  ])('refuses %j', async (body, status, param) => {
    const answer = await post('/key/generate', body);
    expect(answer.status).toBe(status);
    expect(answer.body['error']).toMatchObject({ param, code: String(status) });
    if (status === 422)
      expect(answer.body['detail'][0]).toMatchObject({ loc: param === null ? ['body'] : ['body', param] });
    expect(JSON.stringify(answer.body)).not.toMatch(/virtual_keys|at .*\.ts|node_modules/);
    expect(await test.dataSource.query('SELECT 1 FROM virtual_keys')).toHaveLength(0);
  });

  it('stores hostile text as text', async () => {
    const alias = `'; DROP TABLE virtual_keys; -- {{7*7}} \${jndi:ldap://x} <script>`;
    const { body } = await post('/key/generate', {
      key_alias: alias,
      metadata: { __proto__x: alias, constructor: alias },
    });
    const info = await get(`/key/info?key=${body['token']}`);
    expect(info.body['info']).toMatchObject({
      key_alias: alias,
      metadata: { __proto__x: alias, constructor: alias },
    });
  });

  it('refuses a taken alias and allows a taken label', async () => {
    await post('/key/generate', { key_alias: 'a', key_name: 'n' });
    const again = await post('/key/generate', { key_alias: 'a' });
    expect(again.status).toBe(400);
    expect(again.body['error']).toMatchObject({ param: 'key_alias', type: 'bad_request_error' });
    expect(again.body['error'].message).toContain("Key with alias 'a' already exists");
    expect((await post('/key/generate', { key_name: 'n' })).status).toBe(200);
  });

  it("is an administrator's to ask", async () => {
    caller = principal({ user: { id: 'ann' } });
    const { status, body } = await post('/key/generate', {});
    expect(status).toBe(401);
    expect(body['error'].message).toContain('Only proxy admin can be used to generate');
  });
});

describe('the life of a key', () => {
  it('is updated, blocked, rotated and deleted, each answered as the contract says', async () => {
    const made = await post('/key/generate', { key_alias: 'life', models: ['a'], max_budget: 1 });
    const raw = made.body['key'] as string;
    const updated = await post('/key/update', { key: raw, max_budget: '2.5', duration: '-1', models: null });
    expect(updated.body).toMatchObject({
      key: raw,
      max_budget: 2.5,
      models: [],
      key_alias: 'life',
      expires: null,
      token: made.body['token'],
    });
    expect((await post('/key/update', { key_alias: 'life', rpm: 3 })).body).toMatchObject({
      key: 'life',
      rpm_limit: 3,
      max_budget: 2.5,
    });
    const nameless = await post('/key/update', { rpm: 3 });
    expect(nameless.status).toBe(422);
    expect(nameless.body['error'].message).toContain('either key or key_alias must be provided');

    expect((await post('/key/block', { key: raw })).body).toMatchObject({ blocked: true });
    expect((await get(`/key/info?key=${raw}`)).body['info'].status).toBe('revoked');
    expect((await post('/key/unblock', { key: made.body['token'] })).body).toMatchObject({ blocked: false });
    expect((await post('/key/block', { key: 'nonsense' })).status).toBe(400);
    expect((await post('/key/block', { key: 'f'.repeat(64) })).status).toBe(404);

    const rotated = await post(`/key/${raw}/regenerate`, {});
    expect(Object.keys(rotated.body)).toEqual(WORKED_ANSWER);
    expect(rotated.body).toMatchObject({ key_alias: 'life', max_budget: 2.5, rpm_limit: 3 });
    expect(rotated.body['key']).not.toBe(raw);
    expect((await post('/key/regenerate', { key: raw })).status).toBe(404);
    expect((await post('/key/regenerate', { key: rotated.body['key'], grace_period: '1d' })).status).toBe(
      400,
    );

    const deleted = await send('DELETE', '/key/delete', { key: rotated.body['key'] });
    expect(deleted.body).toEqual({ deleted_keys: [rotated.body['key']] });
    expect((await post('/key/delete', { keys: [rotated.body['key']] })).status).toBe(404);
    expect((await post('/key/delete', {})).status).toBe(422);
    expect((await get(`/key/info?key=${rotated.body['token']}`)).body['info'].status).toBe('deleted');
    expect((await get(`/key/info?key=sk-unknown`)).body['error']).toMatchObject({
      type: 'not_found_error',
      param: 'key',
    });
  });

  it('deletes by list and by alias, and echoes every value', async () => {
    const one = await post('/key/generate', { key_alias: 'one' });
    const two = await post('/key/generate', {});
    expect(
      (await post('/key/delete', { keys: [two.body['key'], 'sk-unknown'] })).body['deleted_keys'],
    ).toEqual([two.body['key'], 'sk-unknown']);
    expect((await post('/key/delete', { key_aliases: ['one'] })).body['deleted_keys']).toEqual(['one']);
    expect(one.status).toBe(200);
  });
});

describe('looking at keys', () => {
  it('lists them for the master key without a name, and by the list', async () => {
    for (let i = 0; i < 12; i += 1)
      await post('/key/generate', { key_alias: `k${i}`, budget_duration: '1mo', max_budget: 1 });
    const own = await get('/key/info');
    expect(own.body['info']).toMatchObject({ user_role: 'proxy_admin' });
    expect(own.body['keys']).toHaveLength(10);
    const list = await get('/key/list?page=2&size=10');
    expect(list.body).toMatchObject({ total_count: 12, current_page: 2, total_pages: 2 });
    expect(list.body['keys']).toHaveLength(2);
    expect(list.body['keys'][0]).toMatch(/^[0-9a-f]{64}$/);
    const full = await get('/key/list?return_full_object=true&sort_by=key_alias&sort_order=asc&size=1');
    expect(full.body['keys'][0]).toMatchObject({ key_alias: 'k0', org_id: null, spend: 0 });
    expect(full.body['keys'][0]['budget_reset_at']).toMatch(/^\d{4}-\d\d-01T00:00:00/);
    expect((await get('/key/list?size=101')).status).toBe(422);
    expect((await get('/key/list?size=101')).body['detail'][0]).toMatchObject({
      type: 'less_than_equal',
      loc: ['query', 'size'],
    });
    expect((await get('/key/list?sort_by=id;drop')).status).toBe(400);
    const two = await post('/v2/key/info', { key_aliases: ['k1', 'nobody'] });
    expect(two.body['info']).toHaveLength(1);
  });

  it('shows its money', async () => {
    const { body } = await post('/key/generate', {});
    const [row] = await test.dataSource.query('SELECT id FROM virtual_keys');
    spend.stated.set(`key:${row.id}`, 1_234_567_890n);
    expect((await get(`/key/info?key=${body['key']}`)).body['info'].spend).toBe(1.23456789);
  });
});

describe('users and teams', () => {
  it('makes a user with a key, once', async () => {
    const made = await post('/user/new', {
      user_id: 'ann',
      user_email: 'ann@x.org',
      max_budget: 3,
      models: ['m'],
      user_role: 'internal_user',
    });
    expect(made.status).toBe(200);
    expect(made.body).toMatchObject({
      user_id: 'ann',
      user_email: 'ann@x.org',
      max_budget: 3,
      token: null,
      teams: [],
      user_role: 'internal_user',
    });
    expect(made.body['key']).toMatch(/^sk-/);
    const info = await get('/user/info?user_id=ann');
    expect(info.body).toMatchObject({
      user_id: 'ann',
      user_info: { max_budget: 3 },
      keys: [{ user_id: 'ann', team_alias: 'None' }],
      teams: [],
    });
    const again = await post('/user/new', { user_id: 'ann' });
    expect(again.status).toBe(409);
    expect(again.body['error'].message).toContain('User with id ann already exists');
    expect((await post('/user/new', { user_id: 'b', auto_create_key: false })).body['key']).toBe('');
    expect((await post('/user/new', { password: 'x' })).status).toBe(422);
    expect((await get('/user/info')).body['keys']).toHaveLength(1);
    expect((await get('/user/info?user_id=zed')).status).toBe(404);
  });

  it('makes, shows and blocks a team', async () => {
    const body = {
      team_id: 't1',
      team_alias: 'T',
      members_with_roles: [{ role: 'user', user_id: 'ann' }],
      model_aliases: { a: 'b' },
      max_budget: 5,
      tags: ['x'],
    };
    const made = await post('/team/new', body);
    expect(made.body).toMatchObject({
      team_id: 't1',
      max_budget: 5,
      blocked: false,
      litellm_model_table: { aliases: { a: 'b' } },
      metadata: { tags: ['x'] },
    });
    expect((await post('/team/new', body)).status).toBe(400);
    await post('/key/generate', { team_id: 't1' });
    const info = await get('/team/info?team_id=t1');
    expect(
      info.body['team_info'].members_with_roles.map(({ user_id }: { user_id: string }) => user_id),
    ).toContain('ann');
    expect(info.body['keys'][0].token).toMatch(/^[0-9a-f]{64}$/);
    caller = principal({ user: { id: 'ann' } });
    expect((await get('/team/info?team_id=t1')).body['keys'][0].token).toBeNull();
    caller = admin.principal;
    expect((await post('/team/block', { team_id: 't1' })).body).toMatchObject({ blocked: true });
    expect((await post('/team/unblock', { team_id: 't1' })).body).toMatchObject({ blocked: false });
    const missing = await post('/team/block', { team_id: 'zzz' });
    expect(missing.status).toBe(404);
    expect(missing.body['detail']).toEqual({ error: missing.body['error'].message });
    expect((await get('/team/info')).status).toBe(422);
    expect((await post('/team/new', { team_member_budget: 5 })).status).toBe(400);
  });
});

describe('spend, probes and metrics', () => {
  it('shows calls, and sums by day', async () => {
    const day = new Date().toISOString().slice(0, 10);
    await ensureLedgerPartitions(test.dataSource.manager, day, 2);
    await test.dataSource.query(
      `INSERT INTO ledger_entries (day, id, request_id, response_id, started_at, ended_at, endpoint, stream, status, model_group, model, provider, deployment_id, api_base, key_hash, user_id,
         input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, cache_write_hour_tokens, reasoning_tokens, input_audio_tokens, output_audio_tokens, usage_source, cost_nano, input_cost_nano, output_cost_nano, crash_charge_nano, price_version)
       SELECT $1::date, 'e' || i, 'r' || i, 'chatcmpl-' || i, $1::timestamptz + i * interval '1 second', $1::timestamptz + i * interval '2 seconds', 'chat', false, 'success', 'demo', 'openai/demo', 'openai', 'd', 'http://u', 'hash', CASE WHEN i = 1 THEN 'ann' ELSE 'bob' END,
         10, 5, 0, 0, 0, 0, 0, 0, 'provider', 1500000000, 1000000000, 500000000, 0, 'v' FROM generate_series(1, 3) i`,
      [day],
    );
    const all = (await get('/spend/logs')).body as unknown as Record<string, unknown>[];
    expect(all.map(({ request_id }) => request_id)).toEqual(['chatcmpl-3', 'chatcmpl-2', 'chatcmpl-1']);
    expect(all[0]).toMatchObject({
      spend: 1.5,
      total_tokens: 15,
      call_type: 'acompletion',
      messages: {},
      user: 'bob',
      status: 'success',
    });
    expect(await get('/spend/logs?request_id=r2').then(({ body }) => body)).toHaveLength(1);
    const next = new Date(Date.parse(day) + 86_400_000).toISOString().slice(0, 10);
    const daily = (await get(`/spend/logs?start_date=${day}&end_date=${next}`)).body as unknown as Record<
      string,
      unknown
    >[];
    expect(daily[0]).toMatchObject({
      startTime: day,
      spend: 4.5,
      users: { ann: 1.5, bob: 3 },
      models: { demo: 4.5 },
      hash: 4.5,
    });
    expect(daily[1]).toMatchObject({ startTime: next, spend: 0 });
    expect((await get('/spend/logs?start_date=2026-02-31')).status).toBe(400);
    caller = principal({ user: { id: 'ann' } });
    expect((await get('/spend/logs?user_id=bob')).body).toHaveLength(0);
    expect((await get('/spend/logs')).body).toHaveLength(1);
    caller = principal();
    expect((await get('/spend/logs')).body).toHaveLength(0);
  });

  it('answers probes', async () => {
    expect((await get('/health/liveliness')).body).toBe("I'm alive!");
    expect((await get('/health/readiness')).body).toEqual({ status: 'healthy', db: 'connected' });
    draining.isDraining = true;
    expect((await get('/health/liveness')).status).toBe(503);
    expect((await get('/health/readiness')).status).toBe(503);
    expect((await get('/test')).body).toEqual({ route: '/test' });
    expect((await get('/routes')).body['routes'].length).toBeGreaterThan(20);
    const page = await fetch(`${base}/metrics`);
    expect(page.headers.get('content-type')).toContain('text/plain');
  });
});
