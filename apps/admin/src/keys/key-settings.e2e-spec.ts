import { describe, expect, it } from 'vitest';
import { adminForThisFile } from '../../../../test/harness/admin.js';
import { principal } from '../../../../test/harness/caller.js';

const own = adminForThisFile();
const { post, get } = own;
const info = async (token: string) => (await get(`/key/info?key=${token}`)).body['info'];

const EVERYTHING = {
  max_budget: 10.5,
  soft_budget: 8,
  budget_duration: '30d',
  budget_limits: [
    { budget_duration: '1d', max_budget: 1 },
    { budget_duration: '1w', max_budget: 4 },
  ],
  model_max_budget: {
    'gpt-4o': { budget_limit: 2, time_period: '1d', rpm_limit: 3 },
    mini: { max_budget: 1, budget_duration: '1mo', tpm_limit: 500 },
  },
  rpm_limit: 60,
  tpm_limit: 100_000,
  max_parallel_requests: 5,
  rpm_limit_type: 'best_effort_throughput',
  temp_budget_increase: 5,
  temp_budget_expiry: '2099-01-01T00:00:00Z',
  auto_rotate: true,
  rotation_interval: '30d',
  throttle_on_budget_exceeded: true,
  tags: ['team-a'],
};

describe('limits and budgets of a key', () => {
  it('are stored, and shown in every answer under the names of the contract', async () => {
    const made = await post('/key/generate', EVERYTHING);
    expect(made.status).toBe(200);
    expect(made.headers.get('x-ignored-fields')).toBeNull();
    expect(made.body).toMatchObject({
      max_budget: 10.5,
      rpm_limit: 60,
      model_rpm_limit: { 'gpt-4o': 3 },
      model_tpm_limit: { mini: 500 },
      rpm_limit_type: 'best_effort_throughput',
      litellm_budget_table: { soft_budget: 8 },
    });
    const row = await info(made.body['token']);
    expect(row).toMatchObject({
      budget_limits: [
        { budget_duration: '1d', max_budget: 1 },
        { budget_duration: '1w', max_budget: 4 },
      ],
      model_max_budget: { 'gpt-4o': { budget_limit: 2, time_period: '1d' }, mini: { max_budget: 1 } },
      auto_rotate: true,
      rotation_interval: '30d',
      metadata: {
        temp_budget_increase: 5,
        temp_budget_expiry: '2099-01-01T00:00:00.000000Z',
        model_rpm_limit: { 'gpt-4o': 3 },
        throttle_on_budget_exceeded: true,
        tags: ['team-a'],
      },
    });
    expect(Date.parse(row.key_rotation_at)).toBeGreaterThan(Date.now() + 29 * 86_400_000);
    expect(Date.parse(row.budget_limits[0].reset_at)).toBeGreaterThan(Date.now());
  });

  it('come back unharmed when a client writes back the metadata it has read', async () => {
    const { body } = await post('/key/generate', EVERYTHING);
    const before = await info(body['token']);
    const update = await post('/key/update', {
      key: body['token'],
      metadata: { ...before.metadata, note: 1 },
    });
    expect(update.status).toBe(200);
    const after = await info(body['token']);
    expect(after.metadata).toEqual({ ...before.metadata, note: 1 });
    expect(after.model_max_budget).toEqual(before.model_max_budget);
  });

  it('are cleared by null, and only what is sent changes', async () => {
    const { body } = await post('/key/generate', EVERYTHING);
    const cleared = { budget_limits: [], model_max_budget: null, soft_budget: null, max_budget: null };
    expect((await post('/key/update', { key: body['token'], ...cleared })).status).toBe(200);
    expect(await info(body['token'])).toMatchObject({
      budget_limits: null,
      model_max_budget: {},
      max_budget: null,
      litellm_budget_table: null,
      rpm_limit: 60,
      tags: ['team-a'],
    });
  });

  it.each([
    [{ budget_limits: [{ budget_duration: '1d' }] }, 400, 'budget_limits'],
    [{ budget_limits: [{ budget_duration: 'soon', max_budget: 1 }] }, 400, 'budget_limits'],
    [{ budget_limits: [{ budget_duration: '1d', max_budget: -1 }] }, 400, 'budget_limits'],
    [
      {
        budget_limits: [
          { budget_duration: 'daily', max_budget: 1 },
          { budget_duration: '1d', max_budget: 2 },
        ],
      },
      400,
      'budget_limits',
    ],
    [{ model_max_budget: { m: {} } }, 400, 'model_max_budget'],
    [{ model_max_budget: { m: { max_budgt: 1 } } }, 422, 'model_max_budget'],
    [{ model_max_budget: { m: { max_budget: 1e308 } } }, 400, 'model_max_budget'],
    [{ temp_budget_increase: 5 }, 422, null],
    [{ temp_budget_increase: 5, temp_budget_expiry: 'tomorrow' }, 400, 'temp_budget_expiry'],
    [{ auto_rotate: true }, 400, 'rotation_interval'],
    [{ rpm_limit_type: 'sometimes' }, 422, 'rpm_limit_type'],
    [{ budget_id: 'nobody-made-it' }, 400, 'budget_id'],
    [{ end_user_budget_id: 'nobody-made-it' }, 400, 'end_user_budget_id'],
    [{ project_id: 'nobody-made-it' }, 400, 'project_id'],
    [{ temp_budget_incrase: 5, temp_budget_expiry: '2099-01-01' }, 400, 'temp_budget_incrase'],
  ])('refuses %j', async (sent, status, param) => {
    const answer = await post('/key/generate', sent);
    expect(answer.status).toBe(status);
    expect(answer.body['error'].param).toBe(param);
    expect(await own.running.dataSource.query('SELECT 1 FROM virtual_keys')).toHaveLength(0);
  });

  it('may be those of a shared budget, which the key shows and can override', async () => {
    await post('/budget/new', { budget_id: 'shared', max_budget: 50, rpm_limit: 5, soft_budget: 40 });
    const { body } = await post('/key/generate', { budget_id: 'shared', rpm_limit: 9 });
    expect(body).toMatchObject({
      budget_id: 'shared',
      litellm_budget_table: { budget_id: 'shared', max_budget: 50, soft_budget: 40, rpm_limit: 9 },
    });
  });
});

describe('guaranteed throughput', () => {
  it('never promises more than the team has, however many ask at once', async () => {
    await post('/team/new', { team_id: 't', rpm_limit: 100 });
    const promise = { team_id: 't', rpm_limit: 30, rpm_limit_type: 'guaranteed_throughput' };
    const answers = await Promise.all(Array.from({ length: 10 }, () => post('/key/generate', promise)));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(3);
    const refused = answers.find(({ status }) => status !== 200);
    expect(refused?.body['error']).toMatchObject({ param: 'rpm_limit', code: '400' });
  });
});

describe('a service account', () => {
  it("is a team's key without a person, and keeps its name", async () => {
    await post('/team/new', { team_id: 't' });
    expect((await post('/key/service-account/generate', {})).status).toBe(400);
    const { body } = await post('/key/service-account/generate', {
      team_id: 't',
      key_alias: 'ci',
      user_id: 'x',
    });
    expect(body).toMatchObject({ user_id: null, metadata: { service_account_id: 'ci' } });
    const renamed = { key: body['token'], metadata: { service_account_id: 'other' } };
    expect((await post('/key/update', renamed)).status).toBe(400);
    expect((await info(body['token'])).metadata['service_account_id']).toBe('ci');
  });

  it('is of a team that is there', async () => {
    const { status, body } = await post('/key/service-account/generate', { team_id: 'nowhere' });
    expect(status).toBe(400);
    expect(body).toMatchObject({ error: { param: 'team_id' }, detail: { error: expect.any(String) } });
    expect((await get('/key/list')).body['total_count']).toBe(0);
  });
});

describe('many keys at once', () => {
  it('are updated each for itself', async () => {
    const keys = await Promise.all([1, 2].map(() => post('/key/generate', {})));
    const tokens = keys.map(({ body }) => body['token']);
    const { status, body } = await post('/key/bulk_update', {
      keys: [
        { key: tokens[0], max_budget: 5, tags: ['a'] },
        { key: 'f'.repeat(64), max_budget: 5 },
        { key: tokens[1], max_budget: -5 },
        { key: tokens[1], max_budgt: 5 },
      ],
    });
    expect(status).toBe(200);
    expect(body).toMatchObject({ total_requested: 4, successful_updates: [{ key: tokens[0] }] });
    expect(body['failed_updates']).toHaveLength(3);
    expect((await info(tokens[0])).max_budget).toBe(5);
    expect((await info(tokens[1])).max_budget).toBeNull();
    expect((await post('/key/bulk_update', { keys: [] })).status).toBe(400);
    const many = Array.from({ length: 501 }, () => ({ key: 'f'.repeat(64) }));
    expect((await post('/key/bulk_update', { keys: many })).status).toBe(400);
  });

  it('are blocked by one call, which nobody makes by mistake', async () => {
    await Promise.all([1, 2, 3].map(() => post('/key/generate', {})));
    expect((await post('/key/block_all', {})).status).toBe(422);
    expect((await post('/key/block_all', { confirm: 'block all keys' })).body).toEqual({ blocked: 3 });
    expect((await get('/key/list?status=revoked')).body['total_count']).toBe(3);
    expect((await get('/key/list?status=active')).body['total_count']).toBe(0);
  });
});

describe('a mistake in a request', () => {
  it('in its method is 405 and names the right ones; in its path 404', async () => {
    const wrong = await own.running.send('PUT', '/key/generate', {});
    expect([wrong.status, wrong.headers.get('allow'), wrong.body['detail']]).toEqual([
      405,
      'POST',
      'Method Not Allowed',
    ]);
    expect((await own.running.send('PUT', '/key/generation', {})).status).toBe(404);
  });

  it('is told in `detail` as well, on the routes whose clients read that', async () => {
    const { body } = await post('/key/bulk_update', { keys: [] });
    expect(body['detail']).toEqual({ error: body['error'].message });
    expect((await post('/key/generate', { max_budget: -1 })).body).not.toHaveProperty('detail');
  });
});

describe('looking at keys', () => {
  it('lists aliases in order, in part, page by page', async () => {
    for (const alias of ['charlie', 'alpha', 'bravo']) await post('/key/generate', { key_alias: alias });
    expect((await get('/key/aliases')).body).toEqual({
      aliases: ['alpha', 'bravo', 'charlie'],
      total_count: 3,
      current_page: 1,
      total_pages: 1,
      size: 50,
    });
    expect((await get('/key/aliases?size=1&page=2')).body['aliases']).toEqual(['bravo']);
    expect((await get('/key/aliases?search=HA')).body['aliases']).toEqual(['alpha', 'charlie']);
    expect((await get('/key/aliases?size=101')).status).toBe(422);
    expect((await get('/key/aliases?search=%25')).body['aliases']).toEqual([]);
  });

  it('refuses to list what belongs to others, whether it is there or not', async () => {
    await post('/team/new', { team_id: 'theirs' });
    await post('/key/generate', { team_id: 'theirs', key_alias: 'hidden' });
    own.running.state.caller = principal({ user: { id: 'ann' } });
    for (const [field, there] of [
      ['team_id', 'theirs'],
      ['user_id', 'bob'],
      ['organization_id', 'o'],
    ]) {
      const foreign = await get(`/key/list?${field}=${there}`);
      const missing = await get(`/key/list?${field}=nowhere`);
      expect(foreign.status).toBe(403);
      const named = { ...foreign.body['error'], decision_id: missing.body['error'].decision_id };
      expect({ ...foreign.body, error: named }).toEqual(missing.body);
    }
    expect((await get('/key/list?search=hidden')).body['total_count']).toBe(0);
    expect((await get('/key/aliases')).body['aliases']).toEqual([]);
  });

  it('says that the calling key works', async () => {
    expect((await post('/key/health')).body).toEqual({ key: 'healthy', logging_callbacks: null });
  });

  it('shows people when asked to', async () => {
    await post('/user/new', { user_id: 'ann', user_email: 'ann@example.com', auto_create_key: false });
    await post('/key/generate', { user_id: 'ann' });
    const { body } = await get('/key/list?return_full_object=true&expand=user');
    expect(body['keys'][0]).toMatchObject({
      user: { user_id: 'ann', user_email: 'ann@example.com' },
      created_by_user: null,
    });
  });
});

describe('spend that somebody sets', () => {
  it('goes down to what is asked, never up by a reset', async () => {
    const { body } = await post('/key/generate', { max_budget: 10, spend: 4 });
    expect(body['spend']).toBe(4);
    const reset = await post(`/key/${body['token']}/reset_spend`, { reset_to: 1.5 });
    expect(reset.body).toEqual({
      key_hash: body['token'],
      spend: 1.5,
      previous_spend: 4,
      max_budget: 10,
      budget_reset_at: null,
    });
    expect((await post(`/key/${body['token']}/reset_spend`, { reset_to: 11 })).status).toBe(400);
    for (const reset_to of [true, '1', null]) {
      expect((await post(`/key/${body['token']}/reset_spend`, { reset_to })).status).toBe(422);
    }
    expect((await post(`/key/${body['token']}/reset_spend`, { reset_to: -1 })).status).toBe(400);
    expect((await post(`/key/${'f'.repeat(64)}/reset_spend`, { reset_to: 0 })).status).toBe(404);
  });
});

describe('races', () => {
  it('update and delete of one key end in one of the two orders', async () => {
    const { body } = await post('/key/generate', {});
    const key = body['token'];
    const [update, removal] = await Promise.all([
      post('/key/update', { key, max_budget: 3 }),
      post('/key/delete', { keys: [key] }),
    ]);
    expect(removal.status).toBe(200);
    expect([200, 404]).toContain(update.status);
    expect(await info(key)).toMatchObject({
      status: 'deleted',
      max_budget: update.status === 200 ? 3 : null,
    });
  });

  it('of two who give two keys one alias, one does', async () => {
    const made = await Promise.all([1, 2].map(() => post('/key/generate', {})));
    const answers = await Promise.all(
      made.map(({ body }) => post('/key/update', { key: body['token'], key_alias: 'same' })),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 400]);
  });
});
