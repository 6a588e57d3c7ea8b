import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { adminForThisFile } from '../../../../test/harness/admin.js';
import { principal } from '../../../../test/harness/caller.js';

const own = adminForThisFile();
const { post, get } = own;

describe('customers', () => {
  it('are made, changed, shown, listed and deleted, under both names', async () => {
    const made = await post('/customer/new', {
      user_id: 'c1',
      alias: 'One',
      max_budget: 5,
      spend: 1,
      rpm_limit: 3,
    });
    expect(made.body).toMatchObject({
      user_id: 'c1',
      alias: 'One',
      blocked: false,
      spend: 1,
      models: [],
      budget_id: null,
      litellm_budget_table: { max_budget: 5, rpm_limit: 3 },
    });
    const again = await post('/end_user/new', { user_id: 'c1' });
    expect(again.status).toBe(400);
    expect(again.body['error']).toMatchObject({ type: 'bad_request', param: 'user_id' });

    const changed = await post('/end_user/update', {
      user_id: 'c1',
      alias: '',
      max_budget: null,
      rpm_limit: 0,
    });
    expect(changed.body).toMatchObject({
      alias: 'One',
      litellm_budget_table: { max_budget: 5, rpm_limit: 0 },
    });
    expect((await get('/customer/info?end_user_id=c1')).body).toEqual(changed.body);
    expect((await get('/customer/info?end_user_id=c2')).body['error'].type).toBe('not_found');
    expect((await post('/customer/update', { user_id: 'c2' })).status).toBe(404);
    expect((await get('/end_user/list')).body).toEqual([changed.body]);

    const missing = await post('/customer/delete', { user_ids: ['c1', 'c9'] });
    expect(missing.status).toBe(404);
    expect(missing.body['error'].message).toContain('c9');
    expect((await post('/customer/delete', { user_ids: ['c1'] })).body).toMatchObject({
      deleted_customers: 1,
    });
    expect((await get('/customer/list')).body).toEqual([]);
  });

  it('are blocked whether they were known or not, and let in again', async () => {
    const blocked = await post('/customer/block', { user_ids: ['x', 'y'] });
    expect(blocked.body['blocked_users']).toMatchObject([
      { user_id: 'x', blocked: true },
      { user_id: 'y', blocked: true },
    ]);
    const open = await post('/customer/unblock', { user_ids: ['x', 'nobody'] });
    expect(open.body['blocked_users']).toMatchObject([{ user_id: 'x', blocked: false }]);
    expect((await get('/customer/info?end_user_id=y')).body['blocked']).toBe(true);
  });

  it('take a budget of their own or a shared one, not both', async () => {
    expect((await post('/customer/new', { user_id: 'c', max_budget: 1, budget_id: 'b' })).status).toBe(422);
    expect((await post('/customer/new', { user_id: 'c', budget_id: 'b' })).status).toBe(400);
    await post('/budget/new', { budget_id: 'b', max_budget: 7, budget_duration: '1d' });
    const { body } = await post('/customer/new', { user_id: 'c', budget_id: 'b' });
    expect(body).toMatchObject({
      budget_id: 'b',
      litellm_budget_table: { max_budget: 7, budget_duration: '1d' },
    });
  });

  it('refuse what nothing would hold them to', async () => {
    for (const field of ['allowed_model_region', 'default_model', 'object_permission', 'tpd_limit']) {
      const { status, body } = await post('/customer/new', { user_id: 'c', [field]: 'eu' });
      expect([status, body['error'].param]).toEqual([400, field]);
    }
  });
});

describe('budgets', () => {
  it('are made, changed, shown and deleted; what pointed to one is free then', async () => {
    const made = await post('/budget/new', { max_budget: 5, soft_budget: 4, budget_duration: '30d' });
    const id = made.body['budget_id'];
    expect(made.body).toMatchObject({ max_budget: 5, soft_budget: 4, created_by: 'default_user_id' });
    const reset = Date.parse(made.body['budget_reset_at']);
    expect(reset).toBeGreaterThan(Date.now());

    const changed = await post('/budget/update', { budget_id: id, max_budget: null, budget_duration: '1d' });
    expect(changed.body).toMatchObject({ max_budget: null, soft_budget: 4, budget_duration: '1d' });
    expect(Date.parse(changed.body['budget_reset_at'])).toBeLessThanOrEqual(Date.now() + 86_400_000);
    expect((await post('/budget/update', { budget_id: 'nobody' })).status).toBe(404);
    expect((await post('/budget/update', { max_budget: 1 })).status).toBe(400);
    expect((await post('/budget/info', { budgets: ['nobody', id] })).body).toEqual([changed.body]);
    expect((await post('/budget/info', { budgets: [] })).status).toBe(400);
    expect((await get('/budget/list')).body).toEqual([changed.body]);
    const settings = (await get(`/budget/settings?budget_id=${id}`)).body as unknown as object[];
    expect(settings).toContainEqual(expect.objectContaining({ field_name: 'soft_budget', field_value: 4 }));

    const key = await post('/key/generate', { budget_id: id, end_user_budget_id: id });
    expect((await post('/budget/delete', { id })).body['budget_id']).toBe(id);
    expect((await post('/budget/delete', { id })).status).toBe(404);
    expect((await get(`/key/info?key=${key.body['token']}`)).body['info']).toMatchObject({
      budget_id: null,
      metadata: {},
    });
  });

  it('of one id are made once, however many ask together', async () => {
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => post('/budget/new', { budget_id: 'same', max_budget: 1 })),
    );
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    const refused = answers.find(({ status }) => status === 400);
    expect(refused?.body['detail'].error).toBe("Budget with id 'same' already exists.");
  });
});

describe('tags', () => {
  it('are made, changed, shown, listed and deleted', async () => {
    const made = await post('/tag/new', { name: 'red', description: 'Red things', max_budget: 3 });
    expect(made.body['tag']).toMatchObject({ name: 'red', description: 'Red things', models: [] });
    expect((await post('/tag/new', { name: 'red' })).status).toBe(400);
    await post('/tag/update', { name: 'red', rpm_limit: 2 });
    expect((await post('/tag/info', { names: ['red'] })).body).toMatchObject({
      red: { spend: 0, litellm_budget_table: { max_budget: 3, rpm_limit: 2 } },
    });
    const missing = await post('/tag/info', { names: ['red', 'blue'] });
    expect([missing.status, missing.body['detail']]).toEqual([404, 'Tag blue not found.']);
    await own.running.dataSource.query(
      `INSERT INTO balances (scope_type, scope_id, budget, period_id, settled_nano) VALUES ('tag', 'seen', 'total', 'total', 2000000000)`,
    );
    const list = (await get('/tag/list')).body as unknown as { name: string; description: string }[];
    expect(list).toMatchObject([{ name: 'red' }, { name: 'seen', spend: 2 }]);
    expect(list[1]?.description).toContain('dynamic');
    expect((await post('/tag/delete', { name: 'red' })).status).toBe(200);
    expect((await post('/tag/delete', { name: 'red' })).status).toBe(404);
    await own.running.dataSource.query(`DELETE FROM balances WHERE scope_type = 'tag'`);
  });
});

describe('whoever is no proxy administrator', () => {
  it('changes none of them, and sees none but itself', async () => {
    await post('/customer/new', { user_id: 'me' });
    await post('/customer/new', { user_id: 'other' });
    own.running.state.caller = principal({ role: 'customer', customerId: 'me' });
    expect((await get('/customer/info?end_user_id=me')).body['user_id']).toBe('me');
    const foreign = await get('/customer/info?end_user_id=other');
    const missing = await get('/customer/info?end_user_id=nobody');
    expect(foreign.status).toBe(404);
    expect(JSON.stringify(foreign.body).replaceAll('other', 'nobody')).toBe(JSON.stringify(missing.body));
    own.running.state.caller = principal({ user: { id: 'ann' } });
    for (const [path, body] of [
      ['/customer/new', { user_id: 'z' }],
      ['/customer/block', { user_ids: ['me'] }],
      ['/customer/delete', { user_ids: ['me'] }],
      ['/budget/new', { max_budget: 1 }],
      ['/budget/info', { budgets: ['b'] }],
      ['/tag/new', { name: 't' }],
      ['/tag/info', { names: ['t'] }],
    ] as const) {
      expect((await post(path, body)).status, path).toBe(401);
    }
    for (const path of ['/customer/list', '/budget/list', '/tag/list'])
      expect((await get(path)).status, path).toBe(401);
  });
});

/** Numbers and texts that break something somewhere. */
const HOSTILE = fc.oneof(
  fc.constantFrom<unknown>(
    -1,
    -0.000_000_001,
    1e308,
    Number.MAX_SAFE_INTEGER + 2,
    'NaN',
    'Infinity',
    '-Infinity',
    '1e999',
    "'; DROP TABLE budgets; --",
    '{{7*7}}${jndi:ldap://x}',
    'a\u0000b',
    'a\u202eb\r\nx-evil: 1',
    '\ud800',
    'x'.repeat(300_000),
    [],
    {},
    [[[[1]]]],
    true,
    { $gt: '' },
    { __proto__: { admin: true } },
  ),
  fc.jsonValue(),
);
const FIELDS = [
  'max_budget',
  'soft_budget',
  'budget_duration',
  'budget_limits',
  'model_max_budget',
  'rpm_limit',
  'tpm_limit',
  'max_parallel_requests',
  'model_rpm_limit',
  'temp_budget_increase',
  'user_id',
  'budget_id',
  'name',
  'description',
  'alias',
  'models',
  'spend',
  'blocked',
  'key_alias',
  'metadata',
  'tags',
  'duration',
  'rotation_interval',
  'team_id',
  'organization_id',
] as const;

describe('hostile values in any field', () => {
  it('are stored as text or refused by name, and never break anything', async () => {
    const paths = ['/customer/new', '/budget/new', '/tag/new', '/key/generate'] as const;
    let count = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...paths),
        fc.constantFrom(...FIELDS),
        HOSTILE,
        async (path, field, value) => {
          count += 1;
          const body = { user_id: `u${count}`, name: `n${count}`, [field]: value };
          if (path !== '/tag/new' && path !== '/customer/new') delete (body as { name?: string }).name;
          const { status, body: answer, headers } = await post(path, body);
          expect([200, 400, 403, 422]).toContain(status);
          expect(headers.get('x-evil')).toBeNull();
          expect(JSON.stringify(answer)).not.toMatch(/node_modules|at .*\.ts|QueryFailed|syntax error/);
        },
      ),
      { numRuns: 150 },
    );
    // Whatever was let in is finite and not negative, and the tables are all there.
    for (const table of ['virtual_keys', 'customers', 'budgets', 'tags']) {
      const wrong = await own.running.dataSource.query(
        `SELECT 1 FROM ${table} WHERE max_budget_nano < 0 OR soft_budget_nano < 0 OR rpm_limit < 0 OR tpm_limit < 0`,
      );
      expect(wrong).toEqual([]);
    }
  });
});
