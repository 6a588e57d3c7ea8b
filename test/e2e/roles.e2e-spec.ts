import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Answer, answerOf, GovernedProduct, modelEntry } from '../harness/governed-product.js';
import { IdentityProvider } from '../harness/identity-provider.js';
import { Product } from '../harness/product.js';
import { type RedisServer, startPrivateRedis } from '../harness/redis.js';

/** A role of one's own, made while the proxy runs: it can do exactly what it says, on every replica, and never what administrators do. */
let gate: GovernedProduct;
let second: Product;
let provider: IdentityProvider;
let redis: RedisServer;

beforeAll(async () => {
  [provider, redis] = await Promise.all([IdentityProvider.start(), startPrivateRedis()]);
  const env = { REDIS_URL: redis.url, JWT_PUBLIC_KEY_URL: provider.keysUrl, JWT_ISSUER: provider.issuer };
  let config = {};
  gate = await GovernedProduct.start(
    (upstream) =>
      (config = {
        model_list: [modelEntry('m', upstream), modelEntry('dear', upstream)],
        general_settings: {
          enable_jwt_auth: true,
          custom_roles: [{ name: 'filed', routes: ['/v1/models'] }],
          litellm_jwtauth: {
            user_id_jwt_field: 'sub',
            user_id_upsert: true,
            roles_jwt_field: 'roles',
            role_mappings: [{ role: 'filing', internal_role: 'clerk' }],
          },
        },
      }),
    { env },
  );
  second = await Product.start({
    databaseUrl: gate.database.url.reveal(),
    config,
    env: { ...env, LITELLM_MASTER_KEY: gate.product.masterKey },
    args: ['--role', 'proxy'],
  });
});
afterAll(async () => {
  await second?.dispose();
  await gate?.dispose();
  await provider?.close();
  await redis?.stop();
});

const post = (path: string, body: object, bearer?: string): Promise<Answer> =>
  gate.ask('POST', path, body, bearer);
const get = (path: string, bearer?: string): Promise<Answer> => gate.ask('GET', path, undefined, bearer);

async function holderOf(role: string, fields: object = {}): Promise<{ id: string; key: string }> {
  const { user_id: id, key } = await gate.admin('/user/new', { user_role: role, ...fields });
  return { id: String(id), key: String(key) };
}

async function onSecond(path: string, bearer: string, body?: object): Promise<Answer> {
  const response = await fetch(second.url + path, {
    method: body === undefined ? 'GET' : 'POST',
    headers: { authorization: `Bearer ${bearer}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return answerOf(response.status, response.headers, await response.text());
}

describe('a role that was made by API', () => {
  it('lets its holder do exactly what it lists', async () => {
    const made = await post('/role/new', {
      role: 'caller',
      routes: ['/v1/chat/completions', '/v1/models', '/key/info'],
      models: ['m'],
      description: 'calls one model',
    });
    expect(made.body).toMatchObject({ role: 'caller', base: 'internal_user', source: 'db', models: ['m'] });
    const { key } = await holderOf('caller');
    expect((await gate.chat(key)).status).toBe(200);
    const { body: models } = await get('/v1/models', key);
    expect(models['data']).toMatchObject([{ id: 'm' }]);
    expect(models['data']).toHaveLength(1);
    expect((await get('/key/info', key)).status).toBe(200);
    const dear = await gate.chat(key, { model: 'dear' });
    expect([dear.status, dear.body['error']?.type]).toEqual([403, 'role_model_access_denied']);
    for (const path of ['/key/list', '/user/info', '/team/list', '/spend/logs'])
      expect([path, (await get(path, key)).status]).toEqual([path, 401]);
    expect((await post('/key/generate', {}, key)).status).toBe(401);
  });

  it('gives nothing that it does not list: without lists, nothing at all', async () => {
    await gate.admin('/role/new', { role: 'empty' });
    const { key } = await holderOf('empty');
    expect((await gate.chat(key)).status).toBe(401);
    expect((await get('/v1/models', key)).status).toBe(401);
    expect((await get('/key/info', key)).status).toBe(401);
  });

  it('changes on this replica and the other one at once, keys that are known included', async () => {
    await gate.admin('/role/new', { role: 'mover', routes: ['llm_api_routes'], models: ['m'] });
    const { key } = await holderOf('mover');
    const chat = (model: string) =>
      onSecond('/v1/chat/completions', key, { model, messages: [{ role: 'user', content: 'x' }] });
    expect((await chat('m')).status).toBe(200);
    expect((await chat('dear')).status).toBe(403);
    // Answered once every replica knows.
    const updated = await post('/role/update', { role: 'mover', models: ['dear'] });
    expect(updated.headers.get('x-tollgate-revocation')).toContain('fenced=0');
    expect((await chat('m')).status).toBe(403);
    expect((await chat('dear')).status).toBe(200);
    const deleted = await post('/role/delete', { role: 'mover' });
    expect(deleted.body).toMatchObject({ role: 'mover', holders: 1 });
    expect(deleted.body['message']).toMatch(/no rights/);
    expect((await chat('dear')).status).toBe(401);
    expect((await gate.chat(key)).status).toBe(401);
    await gate.admin('/role/new', { role: 'mover', routes: ['llm_api_routes'], models: ['m'] });
    await expect.poll(async () => (await chat('m')).status).toBe(200);
  });

  it('is the reason that /explain gives', async () => {
    await gate.admin('/role/new', { role: 'asked', routes: ['/v1/models'], models: ['m'] });
    const { id } = await holderOf('asked');
    const told = await gate.admin('/explain', { user_id: id, model: 'dear' });
    expect(told).toMatchObject({ allowed: false, subject: { role: 'asked' } });
    expect(told['would_allow'].changes).toMatchObject([
      { action: 'allow_route', field: 'role asked', value: '/v1/chat/completions' },
      { action: 'grant_model', field: 'role asked', value: 'dear' },
    ]);
    const thought = await gate.admin('/explain', { user_id: id, role: 'caller', model: 'm' });
    expect(thought['allowed']).toBe(true);
  });

  it('is in the audit trail, shown to readers and listed beside those of the file', async () => {
    const reader = await holderOf('proxy_admin_viewer');
    const { roles } = (await get('/role/list', reader.key)).body;
    expect(roles).toContainEqual(expect.objectContaining({ role: 'filed', source: 'config', models: ['*'] }));
    expect(roles).toContainEqual(expect.objectContaining({ role: 'caller', source: 'db' }));
    expect((await get('/role/info?role=caller', reader.key)).body).toMatchObject({ holders: 1 });
    expect((await post('/role/new', { role: 'mine' }, reader.key)).status).toBe(403);
    const { audit_logs: rows } = await gate.admin('/audit?object_id=mover&page_size=50');
    expect(rows.map((row: { action: string }) => row.action).toSorted()).toEqual([
      'created',
      'created',
      'deleted',
      'updated',
    ]);
  });
});

describe('nobody becomes more by a role', () => {
  it.each([
    ['a built-in name', { role: 'proxy_admin', routes: ['*'] }, 400],
    ['another built-in name', { role: 'org_admin', routes: ['*'] }, 400],
    ['a name that begins like one', { role: 'proxy_admin_2', routes: ['*'] }, 400],
    ['a scope that everybody has', { role: 'openid', routes: ['*'] }, 400],
    ['the base of administrators', { role: 'x', base: 'proxy_admin', routes: ['*'] }, 422],
    ['the base of an organization’s', { role: 'x', base: 'org_admin', routes: ['*'] }, 422],
    ['a route of administrators', { role: 'x', routes: ['/config/update'] }, 400],
    [
      'a route of administrators for readers',
      { role: 'x', base: 'proxy_admin_viewer', routes: ['/role/new'] },
      400,
    ],
    ['a route that is none', { role: 'x', routes: ['/key/inof'] }, 400],
    ['a misspelt list', { role: 'x', model: ['m'] }, 400],
    ['a name of the file', { role: 'filed', routes: ['*'] }, 409],
    ['a name that is there', { role: 'caller', routes: ['*'] }, 409],
  ])('%s is refused', async (_, body, status) => {
    const answer = await post('/role/new', body);
    expect([answer.status, (await get('/role/info?role=x')).status]).toEqual([status, 404]);
  });

  it('everything of its base is not the administrators’ part', async () => {
    await gate.admin('/role/new', { role: 'all', base: 'proxy_admin_viewer', routes: ['*'], models: ['*'] });
    const { id, key } = await holderOf('all');
    expect((await get('/user/list', key)).status).toBe(200);
    for (const [path, body] of [
      ['/role/update', { role: 'all', base: 'internal_user' }],
      ['/user/update', { user_id: id, user_role: 'proxy_admin' }],
      ['/user/new', { user_role: 'proxy_admin' }],
      ['/key/generate', { user_id: 'default_user_id' }],
      ['/config/update', { general_settings: {} }],
    ] as const) {
      const { status } = await post(path, body, key);
      expect([path, status === 401 || status === 403]).toEqual([path, true]);
    }
  });

  /** Giving or taking a role of the operator's own can widen what somebody may: it is nobody's but the proxy administrators'. */
  it('organization administrators neither give nor take one', async () => {
    await gate.admin('/organization/new', { organization_id: 'acme', organization_alias: 'acme' });
    const chief = await holderOf('internal_user', { organizations: ['acme'] });
    await gate.ask('PATCH', '/organization/member_update', {
      organization_id: 'acme',
      user_id: chief.id,
      role: 'org_admin',
    });
    const clerk = await gate.admin('/user/new', { user_role: 'internal_user', organization_id: 'acme' });
    const plain = { user_id: clerk['user_id'], user_role: 'internal_user_viewer' };
    expect((await post('/user/update', plain, chief.key)).status).toBe(200);
    const given = await post('/user/update', { user_id: clerk['user_id'], user_role: 'all' }, chief.key);
    expect([given.status, given.body['error']?.param]).toEqual([403, 'user_role']);
    const made = await post('/user/new', { user_role: 'all', organizations: ['acme'] }, chief.key);
    expect(made.status).toBe(403);
    await gate.admin('/user/update', { user_id: clerk['user_id'], user_role: 'empty' });
    const taken = await post(
      '/user/update',
      { user_id: clerk['user_id'], user_role: 'internal_user' },
      chief.key,
    );
    expect(taken.status).toBeGreaterThanOrEqual(400);
    expect((await get(`/user/info?user_id=${clerk['user_id']}`)).body['user_info'].user_role).toBe('empty');
  });

  it('a name that is nobody’s cannot be given, and one that was deleted gives nothing', async () => {
    const refused = await post('/user/new', { user_role: 'never_made' });
    expect([refused.status, refused.body['error']?.param]).toEqual([422, 'user_role']);
    await gate.admin('/role/new', { role: 'short', routes: ['*'], models: ['*'] });
    await gate.admin('/role/delete', { role: 'short' });
    expect((await post('/user/new', { user_role: 'short' })).status).toBe(422);
    expect((await post('/role/update', { role: 'short', routes: ['*'] })).status).toBe(404);
    expect((await post('/role/delete', { role: 'short' })).status).toBe(404);
  });
});

describe('tokens that carry a role', () => {
  const models = async (claims: object): Promise<number> => {
    const token = await provider.token({ sub: 'ada', ...claims });
    return (await get('/v1/models', token)).status;
  };

  it('have it by a scope, lose everything with it, and are as before once its name is forgotten', async () => {
    const token = await provider.token({ sub: 'ada', scope: 'openid lister' });
    const status = async (path = '/v1/models') => (await get(path, token)).status;
    expect([await status(), await status('/key/list')]).toEqual([200, 200]);
    await gate.admin('/role/new', { role: 'lister', routes: ['/v1/models'] });
    await expect.poll(() => status('/key/list')).toBe(401);
    expect(await status()).toBe(200);
    await gate.admin('/role/delete', { role: 'lister' });
    expect([await status(), await status('/key/list')]).toEqual([401, 401]);
    await gate.admin('/role/delete', { role: 'lister', forget: true });
    expect([await status(), await status('/key/list')]).toEqual([200, 200]);
  });

  it('have it by a mapping, and nothing while there is no such role', async () => {
    expect(await models({ roles: ['filing'] })).toBe(401);
    await gate.admin('/role/new', { role: 'clerk', routes: ['/v1/models'] });
    await expect.poll(() => models({ roles: ['filing'] })).toBe(200);
    await gate.admin('/role/delete', { role: 'clerk', forget: true });
    expect(await models({ roles: ['filing'] })).toBe(401);
    expect(await models({})).toBe(200);
  });
});
