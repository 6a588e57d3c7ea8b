import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, GovernedProduct, modelEntry } from '../harness/governed-product.js';
import { runTollgate } from '../harness/command.js';
import { Product } from '../harness/product.js';

const SALT = 'salt-of-the-models-test-0123456789abcdef';
/** Without the shape of any provider's key: no filter for shapes may be what keeps it in. */
const CANARY = 'Odd.shape_canary+9f8e7d6c5b4a39281706';

let tested: GovernedProduct;
/** A process without a data plane, on the same database: what it changes, the other one serves. */
let admin: Product;

const on = (product: Product, method: string, path: string, body?: object): Promise<Response> =>
  product.request(method, path, body);

const added = (name: string, params: object = {}): object => ({
  model_name: name,
  litellm_params: {
    model: 'openai/up',
    api_base: tested.provider.url,
    api_key: CANARY,
    input_cost_per_token: 0,
    output_cost_per_token: 0.001,
    ...params,
  },
});

beforeAll(async () => {
  const config = (provider: GovernedProduct['provider']): object => ({
    model_list: [modelEntry('m', provider, {}, { id: 'file-m' })],
    general_settings: { enforce_user_param: false },
    credential_list: [{ credential_name: 'of-file', credential_values: { api_key: `${CANARY}-file` } }],
  });
  tested = await GovernedProduct.start(config, { env: { LITELLM_SALT_KEY: SALT } });
  admin = await Product.start({
    config: config(tested.provider),
    databaseUrl: tested.database.url.reveal(),
    env: { LITELLM_SALT_KEY: SALT },
    args: ['--role', 'admin'],
  });
}, 180_000);
afterAll(async () => {
  await admin?.dispose();
  await tested?.dispose();
});

describe('a model added at run time', () => {
  it('is called with its own key at once, and is gone at once when it is deleted', async () => {
    const key = await tested.makeKey();
    const row = await tested.admin('/model/new', added('fresh'));
    expect(row).toMatchObject({ model_name: 'fresh', model_info: { id: row.model_id, db_model: true } });
    expect((await tested.chat(key, { model: 'fresh' })).status).toBe(200);
    expect(tested.provider.requests.at(-1)?.headers['authorization']).toBe(`Bearer ${CANARY}`);
    const listed = (await tested.ask('GET', '/v1/models', undefined, key)).body.data as { id: string }[];
    expect(listed.map(({ id }) => id)).toContain('fresh');
    await tested.admin('/model/delete', { id: row.model_id });
    const gone = await tested.chat(key, { model: 'fresh' });
    expect(gone.status).toBe(400);
    expect(gone.body.error.message).toContain('fresh');
    expect((await tested.ask('POST', '/model/delete', { id: row.model_id })).status).toBe(400);
  });

  it('is served within a second by a process that did not add it, changed and removed too', async () => {
    const key = await tested.makeKey();
    const answer = await on(admin, 'POST', '/model/new', added('remote'));
    expect(answer.status).toBe(200);
    const { model_id: id } = (await answer.json()) as { model_id: string };
    await eventually(
      'the model is served',
      async () => (await tested.chat(key, { model: 'remote' })).status === 200,
    );
    await on(admin, 'PATCH', `/model/${id}/update`, { model_name: 'renamed' });
    await eventually(
      'the new name is served',
      async () => (await tested.chat(key, { model: 'renamed' })).status === 200,
    );
    await on(admin, 'POST', '/model/block', { model_id: id });
    await eventually(
      'the block holds',
      async () => (await tested.chat(key, { model: 'renamed' })).status === 400,
    );
    await on(admin, 'POST', '/model/delete', { id });
  });

  it('survives a restart, and opens with the same salt key', async () => {
    const key = await tested.makeKey();
    const { model_id: id } = await tested.admin('/model/new', added('lasting'));
    await tested.product.restart();
    expect((await tested.chat(key, { model: 'lasting' })).status).toBe(200);
    expect(tested.provider.requests.at(-1)?.headers['authorization']).toBe(`Bearer ${CANARY}`);
    await tested.admin('/model/delete', { id });
  });

  it.each([
    ['a limit that is no number', { rpm: 'many' }, 'litellm_params.rpm'],
    ['no address where one is needed', { model: 'nonesuch-model', api_base: null }, 'litellm_params'],
    [
      'the variable that holds the master key',
      { api_key: 'os.environ/LITELLM_MASTER_KEY' },
      'litellm_params',
    ],
    ['a credential that is not there', { litellm_credential_name: 'nobody' }, 'litellm_credential_name'],
  ])('is refused by name for %s', async (_, params, named) => {
    const answer = await tested.ask('POST', '/model/new', added('wrong', params));
    expect(answer.status).toBe(400);
    expect(answer.body.error.param ?? answer.body.error.message).toContain(named);
  });

  it('never takes the place of one of the file, whose models cannot be changed', async () => {
    const taken = await tested.ask('POST', '/model/new', { ...added('x'), model_info: { id: 'file-m' } });
    expect(taken.status).toBe(400);
    expect(
      (await tested.ask('POST', '/model/update', { id: 'file-m', litellm_params: { rpm: 1 } })).status,
    ).toBe(400);
  });
});

describe('a model of a team', () => {
  it('is its members’ under its public name, and nobody else’s under any', async () => {
    const { team_id: team } = await tested.admin('/team/new', { team_alias: 'owners' });
    const { user_id: lead } = await tested.admin('/user/new', { user_role: 'internal_user' });
    await tested.database.dataSource.query(
      `INSERT INTO team_members (team_id, user_id, role) VALUES ($1, $2, 'admin')`,
      [team, lead],
    );
    const leadKey = await tested.makeKey({ user_id: lead });
    const memberKey = await tested.makeKey({ team_id: team, models: [] });
    const strangerKey = await tested.makeKey();
    const own = {
      model_name: 'ours',
      litellm_params: { model: 'openai/gpt-4o', api_key: 'team-key', mock_response: 'x' },
      model_info: { team_id: team },
    };
    // Attack: where the call goes, what it costs and which stored secret it carries are not a team's to say.
    for (const bad of [
      { mock_response: 'x' },
      { api_base: 'http://169.254.169.254' },
      { input_cost_per_token: 0 },
      { litellm_credential_name: 'of-file' },
      { api_key: 'os.environ/PROVIDER_KEY' },
    ]) {
      const { mock_response: _, ...params } = own.litellm_params;
      const refused = await tested.ask(
        'POST',
        '/model/new',
        { ...own, litellm_params: { ...params, ...bad } },
        leadKey,
      );
      expect([400, 403], JSON.stringify(bad)).toContain(refused.status);
    }
    expect((await tested.ask('POST', '/model/new', own, strangerKey)).status).toBe(403);
    const made = await tested.admin('/model/new', own);
    expect((await tested.chat(memberKey, { model: 'ours' })).status).toBe(200);
    expect((await tested.chat(strangerKey, { model: 'ours' })).status).toBe(400);
    expect((await tested.chat(strangerKey, { model: String(made.model_id) })).status).toBe(400);
    const others = await tested.ask('POST', '/model/delete', { id: made.model_id }, strangerKey);
    const missing = await tested.ask('POST', '/model/delete', { id: 'no-such-id' }, strangerKey);
    expect([others.status, others.body.error.message]).toEqual([missing.status, missing.body.error.message]);
    // What the proxy's administrator made for the team is his; what the lead made is the lead's.
    const id = String(made.model_id);
    for (const [method, path, body] of [
      ['POST', '/model/delete', { id }],
      ['PATCH', `/model/${id}/update`, { litellm_params: { rpm: 9 } }],
      ['POST', '/model/unblock', { model_id: id }],
    ] as const)
      expect((await tested.ask(method, path, body, leadKey)).status, path).toBe(403);
    const local = { model: 'ollama/llama3', api_key: 'team-key' };
    expect((await tested.ask('POST', '/model/new', { ...own, litellm_params: local }, leadKey)).status).toBe(
      403,
    );
    const theirs = { model: 'openai/gpt-4o', api_key: 'team-key' };
    const led = await tested.ask('POST', '/model/new', { ...own, litellm_params: theirs }, leadKey);
    expect(led.status).toBe(200);
    expect((await tested.ask('POST', '/model/delete', { id: led.body.model_id }, leadKey)).status).toBe(200);
  });
});

describe('access groups', () => {
  it('let a key call the models that carry their name, file or not', async () => {
    await tested.admin('/access_group/new', { access_group: 'beta', model_names: ['m'] });
    const key = await tested.makeKey({ models: ['beta'] });
    expect((await tested.chat(key)).status).toBe(200);
    expect(
      (await tested.ask('POST', '/access_group/new', { access_group: 'beta', model_names: ['m'] })).status,
    ).toBe(409);
    expect(
      (await tested.ask('POST', '/access_group/new', { access_group: 'b2', model_names: ['no'] })).status,
    ).toBe(400);
    expect((await tested.ask('DELETE', '/access_group/beta/delete')).status).toBe(200);
    expect((await tested.chat(key)).status).toBe(403);
  });

  it('give what a key’s own list refuses, until they are taken away', async () => {
    const key = await tested.makeKey({ models: ['other'] });
    expect((await tested.chat(key)).status).toBe(403);
    const made = await tested.ask('POST', '/v1/access_group', {
      access_group_name: 'gifts',
      access_model_names: ['m'],
      assigned_key_ids: [key],
    });
    expect(made.status).toBe(201);
    expect((await tested.chat(key)).status).toBe(200);
    const listed = (await tested.ask('GET', '/v1/models', undefined, key)).body.data as { id: string }[];
    expect(listed.map(({ id }) => id)).toEqual(['m']);
    const path = `/v1/access_group/${String(made.body.access_group_id)}`;
    expect((await tested.ask('PUT', path, { assigned_key_ids: [] })).status).toBe(200);
    expect((await tested.chat(key)).status).toBe(403);
    expect((await tested.ask('DELETE', path)).status).toBe(204);
    expect((await tested.ask('GET', path)).status).toBe(404);
  });
});

describe('credentials', () => {
  it('are what models point at, and shown to nobody', async () => {
    await tested.admin('/credentials', {
      credential_name: 'shared',
      credential_values: { api_key: CANARY, api_base: tested.provider.url },
      credential_info: { custom_llm_provider: 'openai' },
    });
    const made = await tested.admin('/model/new', {
      model_name: 'borrowing',
      litellm_params: { model: 'openai/up', litellm_credential_name: 'shared', output_cost_per_token: 0.001 },
    });
    const key = await tested.makeKey();
    expect((await tested.chat(key, { model: 'borrowing' })).status).toBe(200);
    expect(tested.provider.requests.at(-1)?.headers['authorization']).toBe(`Bearer ${CANARY}`);
    await tested.ask('PATCH', '/credentials/shared', {
      credential_values: { api_key: `${CANARY}-2` },
      credential_info: {},
    });
    await tested.chat(key, { model: 'borrowing' });
    expect(tested.provider.requests.at(-1)?.headers['authorization']).toBe(`Bearer ${CANARY}-2`);
    expect((await tested.ask('DELETE', '/credentials/of-file')).status).toBe(409);
    await tested.admin('/model/delete', { id: made.model_id });
    expect((await tested.ask('DELETE', '/credentials/shared')).status).toBe(200);
    expect((await tested.ask('GET', '/credentials/by_name/shared')).status).toBe(404);
  });
});

describe('settings', () => {
  it('count at once where they can, say so where they cannot, and never over the file', async () => {
    const key = await tested.makeKey();
    expect((await tested.chat(key, { model: 'nick' })).status).toBe(400);
    const answer = await tested.admin('/config/update', {
      router_settings: { model_group_alias: { nick: 'm' } },
      litellm_settings: { rpm: 100_000 },
    });
    expect(answer.restart_required).toEqual(['litellm_settings.rpm']);
    expect((await tested.chat(key, { model: 'nick' })).status).toBe(200);
    const owned = await tested.ask('POST', '/config/field/update', {
      field_name: 'enforce_user_param',
      field_value: true,
    });
    expect([owned.status, owned.body.error.message]).toEqual([
      400,
      expect.stringContaining('configuration file'),
    ]);
    for (const field_name of ['model_group_alias']) {
      const removed = await tested.ask('POST', '/config/field/delete', {
        field_name,
        config_type: 'router_settings',
      });
      expect(removed.status).toBe(200);
    }
    expect((await tested.chat(key, { model: 'nick' })).status).toBe(400);
  });

  it('say what new users get', async () => {
    const patched = await tested.ask('PATCH', '/update/internal_user_settings', { max_budget: 7.5 });
    expect([patched.status, patched.body.settings]).toEqual([200, { max_budget: 7.5 }]);
    expect((await tested.admin('/user/new', { user_role: 'internal_user' })).max_budget).toBe(7.5);
    expect((await tested.ask('PATCH', '/update/internal_user_settings', { max_budget: 'lots' })).status).toBe(
      400,
    );
    expect((await tested.admin('/get/internal_user_settings')).values).toEqual({ max_budget: 7.5 });
    await tested.ask('PATCH', '/update/internal_user_settings', { max_budget: null });
  });

  it('keep the door open for the administrator who closes it', async () => {
    const locked = await tested.ask('POST', '/config/field/update', {
      field_name: 'allowed_ips',
      field_value: ['192.0.2.1'],
    });
    expect(locked.status).toBe(400);
    await tested.admin('/add/allowed_ip', { ip: '192.0.2.0/24' });
    expect((await tested.admin('/get/allowed_ips')).data).toEqual(['127.0.0.1', '192.0.2.0/24']);
    expect((await tested.ask('POST', '/delete/allowed_ip', { ip: '127.0.0.1' })).status).toBe(400);
    expect((await tested.ask('POST', '/config/field/delete', { field_name: 'allowed_ips' })).status).toBe(
      200,
    );
    expect((await tested.admin('/get/allowed_ips')).data).toBeNull();
  });
});

describe('the health of models', () => {
  it('is asked of the provider, and what it costs is in the books', async () => {
    const { model_id: id } = await tested.admin('/model/new', added('sick', { model: 'openai/sick' }));
    tested.provider.behaveFor('sick', { status: 500 });
    const spent = await tested.admin('/health?model=m');
    expect(spent).toMatchObject({ healthy_count: 1, unhealthy_count: 0 });
    await tested.admin('/spend/logs?request_id=none');
    const entries: { tags: string[]; cost: string }[] = await tested.database.dataSource.query(
      `SELECT tags, cost_nano AS cost FROM ledger_entries WHERE 'health-check' = ANY (tags)`,
    );
    expect(entries.length).toBeGreaterThan(0);
    expect(entries.every(({ cost }) => Number(cost) > 0)).toBe(true);
    const sick = await tested.ask('GET', '/health?model=sick');
    expect([sick.status, sick.body.unhealthy_count]).toEqual([503, 1]);
    expect((await tested.ask('GET', '/health?model=nobody')).status).toBe(404);
    await tested.admin('/model/delete', { id });
    expect((await tested.ask('GET', '/health', undefined, await tested.makeKey())).status).toBe(401);
  });

  it('can be tried before a model is added', async () => {
    const { litellm_params: params } = added('x') as { litellm_params: object };
    const works = await tested.admin('/health/test_connection', { litellm_params: params });
    expect(works.status).toBe('success');
    const fails = await tested.admin('/health/test_connection', {
      litellm_params: { ...params, api_base: 'http://127.0.0.1:9' },
    });
    expect(fails).toMatchObject({ status: 'error', result: { error: expect.any(String) } });
    expect(JSON.stringify(fails)).not.toContain(CANARY);
  });
});

describe('tollgate secrets rotate', () => {
  it('seals everything anew while the product runs, under another salt key too', async () => {
    await tested.admin('/model/new', { ...added('turning'), model_info: { id: 'turning' } });
    const databaseUrl = tested.database.url.reveal();
    const run = (env: Record<string, string>, ...more: string[]): ReturnType<typeof runTollgate> =>
      runTollgate(['secrets', 'rotate', ...more], {
        env: { DATABASE_URL: databaseUrl, ...env },
        cwd: tested.product.folder,
      });
    const rotated = await run({ LITELLM_SALT_KEY: SALT });
    expect([rotated.exitCode, rotated.output]).toEqual([0, expect.stringContaining('proxy_models.secrets')]);
    const wrong = await run({ LITELLM_SALT_KEY: 'another' }, '--check');
    expect(wrong.exitCode).toBe(1);
    expect((await run({ LITELLM_SALT_KEY: SALT }, '--check')).exitCode).toBe(0);
    const key = await tested.makeKey();
    await tested.admin('/model/update', { id: 'turning', litellm_params: { rpm: 1_000 } });
    expect((await tested.chat(key, { model: 'turning' })).status).toBe(200);
    expect(tested.provider.requests.at(-1)?.headers['authorization']).toBe(`Bearer ${CANARY}`);
  });
});

describe('a provider’s key given to this product', () => {
  it('is in no dump of the database, no answer and no log line', async () => {
    await tested.admin('/model/new', { ...added('kept'), model_info: { id: 'kept' } });
    await tested.admin('/credentials', {
      credential_name: 'kept',
      credential_values: { api_key: CANARY },
      credential_info: {},
    });
    await tested.admin('/config/update', { environment_variables: { SOME_PROVIDER_KEY: CANARY } });
    await tested.admin('/model/update', { id: 'kept', litellm_params: { extra_body: { odd: CANARY } } });
    await tested.ask('POST', '/model/new', added('bad', { rpm: CANARY }));
    const answers: string[] = [];
    for (const path of [
      '/model/info',
      '/v1/model/info',
      '/v2/model/info',
      '/model_group/info',
      '/credentials',
      '/credentials/by_name/kept',
      '/credentials/by_model/kept',
      '/config/list',
      '/get/config/callbacks',
      '/v1/models',
      '/router/settings',
    ])
      // prettier-ignore
      answers.push((await tested.ask('GET', path)).text);
    answers.push(
      (await tested.ask('POST', '/model/update', { id: 'kept', litellm_params: { rpm: 5 } })).text,
    );
    const tables: { name: string }[] = await tested.database.dataSource.query(
      `SELECT quote_ident(table_name) AS name FROM information_schema.tables WHERE table_schema = 'public' AND table_type = 'BASE TABLE'`,
    );
    expect(tables.length).toBeGreaterThan(10);
    for (const { name } of tables)
      answers.push(JSON.stringify(await tested.database.dataSource.query(`SELECT t::text FROM ${name} t`)));
    answers.push(tested.product.logs, admin.logs);
    for (const text of answers) expect(text).not.toContain(CANARY);
  });
});
