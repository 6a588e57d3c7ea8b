import { addToDailyActivity, ensureLedgerPartitions } from '#libs/database';
import { describe, expect, it } from 'vitest';
import { adminForThisFile } from '../../../test/harness/admin.js';
import { principal } from '../../../test/harness/caller.js';
import { admin } from '../../../test/harness/tenancy.js';

const own = adminForThisFile();
const { post, get } = own;

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
    own.running.state.caller = principal({ user: { id: 'ann' } });
    expect((await get('/team/info?team_id=t1')).body['keys'][0].token).toBeNull();
    own.running.state.caller = admin.principal;
    expect((await post('/team/block', { team_id: 't1' })).body).toMatchObject({ blocked: true });
    expect((await post('/team/unblock', { team_id: 't1' })).body).toMatchObject({ blocked: false });
    const missing = await post('/team/block', { team_id: 'zzz' });
    expect(missing.status).toBe(404);
    expect(missing.body['detail']).toEqual({ error: missing.body['error'].message });
    expect((await get('/team/info')).status).toBe(422);
    expect((await post('/team/new', { guardrails: ['x'] })).status).toBe(400);
  });
});

describe('spend, probes and metrics', () => {
  it('shows calls, and sums by day', async () => {
    const day = new Date().toISOString().slice(0, 10);
    await ensureLedgerPartitions(own.running.dataSource.manager, day, 2);
    const { token } = (await post('/key/generate', {})).body as { token: string };
    const [{ id: keyId }] = await own.running.dataSource.query(
      'SELECT id FROM virtual_keys WHERE token_hash = $1',
      [token],
    );
    await own.running.dataSource.query(
      `INSERT INTO ledger_entries (day, id, request_id, response_id, started_at, ended_at, endpoint, stream, status, model_group, model, provider, deployment_id, api_base, key_id, key_hash, user_id,
         input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, cache_write_hour_tokens, reasoning_tokens, input_audio_tokens, output_audio_tokens, usage_source, cost_nano, input_cost_nano, output_cost_nano, crash_charge_nano, price_version)
       SELECT $1::date, 'e' || i, 'r' || i, 'chatcmpl-' || i, $1::timestamptz + i * interval '1 second', $1::timestamptz + i * interval '2 seconds', 'chat', false, 'success', 'demo', 'openai/demo', 'openai', 'd', 'http://u', $2, $3, CASE WHEN i = 1 THEN 'ann' ELSE 'bob' END,
         10, 5, 0, 0, 0, 0, 0, 0, 'provider', 1500000000, 1000000000, 500000000, 0, 'v' FROM generate_series(1, 3) i`,
      [day, keyId, token],
    );
    // The drain adds what it stores to its day and to the balances in the same statement.
    await own.running.dataSource.query(addToDailyActivity('ledger_entries'));
    await own.running.dataSource.query(
      `INSERT INTO balances (scope_type, scope_id, budget, period_id, settled_nano) VALUES
       ('user', 'ann', 'total', 'total', 1500000000), ('user', 'bob', 'total', 'total', 3000000000), ('key', $1, 'total', 'total', 4500000000)`,
      [keyId],
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
      [token]: 4.5,
    });
    expect(daily[1]).toMatchObject({ startTime: next, spend: 0 });
    expect((await get('/spend/logs?start_date=2026-02-31')).status).toBe(422);
    own.running.state.caller = principal({ user: { id: 'ann' } });
    expect((await get('/spend/logs?user_id=bob')).body).toHaveLength(0);
    expect((await get('/spend/logs')).body).toHaveLength(1);
    own.running.state.caller = principal();
    expect((await get('/spend/logs')).body).toHaveLength(0);
  });

  it('answers probes', async () => {
    expect((await get('/health/liveliness')).body).toBe("I'm alive!");
    expect((await get('/health/readiness')).body).toEqual({ status: 'healthy', db: 'connected' });
    own.running.state.isDraining = true;
    expect((await get('/health/liveness')).status).toBe(503);
    expect((await get('/health/readiness')).status).toBe(503);
    expect((await get('/test')).body).toEqual({ route: '/test' });
    expect((await get('/routes')).body['routes'].length).toBeGreaterThan(20);
    const page = await fetch(`${own.running.base}/metrics`);
    expect(page.headers.get('content-type')).toContain('text/plain');
  });
});
