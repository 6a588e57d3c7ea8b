import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { IdentityProvider } from '../harness/identity-provider.js';
import { createTestDatabase, type TestDatabase } from '../harness/postgres.js';
import { callAs, DEAR, MODEL } from '../harness/priced-demo.js';
import { Product } from '../harness/product.js';

let database: TestDatabase;
let provider: IdentityProvider;
let strict: IdentityProvider;
let registering: IdentityProvider;
let product: Product;

beforeAll(async () => {
  database = await createTestDatabase();
  [provider, strict, registering] = await Promise.all([
    IdentityProvider.start(),
    IdentityProvider.start(),
    IdentityProvider.start(),
  ]);
  product = await Product.start({
    databaseUrl: database.url.reveal(),
    env: { JWT_PUBLIC_KEY_URL: provider.keysUrl },
    config: {
      model_list: [MODEL, { ...MODEL, model_name: 'dear' }],
      general_settings: {
        enable_jwt_auth: true,
        litellm_jwtauth: {
          user_id_jwt_field: 'sub',
          user_id_upsert: true,
          virtual_key_claim_field: 'client',
          auto_register_map_existing_key: true,
          issuers: [
            {
              issuer: strict.issuer,
              disable_audience_validation: true,
              unregistered_jwt_client_behavior: 'reject',
            },
            {
              issuer: registering.issuer,
              jwks_url: registering.keysUrl,
              audience: ['tollgate'],
              virtual_key_claim_field: 'sub',
              unregistered_jwt_client_behavior: 'auto_register',
            },
          ],
        },
      },
    },
  });
});

afterAll(async () => {
  await product?.dispose();
  for (const one of [provider, strict, registering]) await one?.close();
  await database?.drop();
});

const call = (token: string, path?: string, body?: object | null) => callAs(product.url, token, path, body);
const admin = (path: string, body?: object) => call(product.masterKey, path, body ?? null);
const map = (key: string, value: string, more: object = {}) =>
  admin('/jwt/key/mapping/new', { jwt_claim_name: 'client', jwt_claim_value: value, key, ...more });

describe('a token whose claim stands for a key', () => {
  it('is that key: its models, its budget, its block, its end', async () => {
    const key = await product.makeKey({ models: ['demo'], max_budget: 1 });
    const token = await provider.token({ sub: 'ada', client: 'shop' });
    expect((await call(token, undefined, DEAR)).status).toBe(200);
    const made = await map(key, 'shop', { description: 'the web shop' });
    expect(made).toMatchObject({
      status: 200,
      json: { jwt_claim_value: 'shop', is_active: true, jwt_issuer: '' },
    });
    expect(made.text).not.toMatch(/[0-9a-f]{64}|sk-/);
    expect((await call(token)).status).toBe(200);
    expect((await call(token, undefined, DEAR)).status).toBe(403);
    const spend = async (): Promise<number> => (await call(key, '/key/info', null)).json.info.spend;
    await expect.poll(spend, { timeout: 10_000 }).toBeGreaterThan(0);
    await admin('/key/update', { key, max_budget: 0 });
    expect((await call(token)).status).toBe(422);
    await admin('/key/update', { key, max_budget: 1 });
    await admin('/key/block', { key });
    expect((await call(token)).status).toBe(401);
    await admin('/key/unblock', { key });
    expect((await call(token)).status).toBe(200);
    await admin('/key/update', { key, duration: '1s' });
    await expect.poll(async () => (await call(token)).status, { timeout: 5_000 }).toBe(401);
  });

  it('outlives a rotation of the key, and not the key itself: it does not come back as its user', async () => {
    const key = await product.makeKey({ models: ['demo'] });
    const token = await provider.token({ sub: 'eve', client: 'rotating' });
    await map(key, 'rotating');
    expect((await call(token)).status).toBe(200);
    const rotated = await admin('/key/regenerate', { key });
    expect((await call(token)).status).toBe(200);
    await admin('/key/delete', { keys: [rotated.json.key] });
    expect((await call(token)).status).toBe(401);
    expect((await call(token, undefined, DEAR)).status).toBe(401);
  });

  it('follows changes of the mapping at once: another key, switched off, taken back', async () => {
    const [one, other] = [
      await product.makeKey({ models: ['demo'] }),
      await product.makeKey({ models: ['dear'] }),
    ];
    const token = await provider.token({ sub: 'kay', client: 'moving' });
    const { id } = (await map(one, 'moving')).json;
    expect((await call(token, undefined, DEAR)).status).toBe(403);
    expect((await admin('/jwt/key/mapping/update', { id, key: other })).status).toBe(200);
    expect((await call(token, undefined, DEAR)).status).toBe(200);
    expect((await call(token)).status).toBe(403);
    await admin('/jwt/key/mapping/update', { id, is_active: false });
    expect((await call(token)).status).toBe(200);
    await admin('/jwt/key/mapping/update', { id, is_active: true });
    expect((await call(token)).status).toBe(403);
    expect((await admin('/jwt/key/mapping/delete', { id })).json).toEqual({ status: 'success' });
    expect((await call(token)).status).toBe(200);
    expect((await admin(`/jwt/key/mapping/info?id=${id}`)).status).toBe(404);
  });

  it('of its own issuer counts before one for everybody', async () => {
    const [every, own] = [
      await product.makeKey({ models: ['demo'] }),
      await product.makeKey({ models: ['dear'] }),
    ];
    await map(every, 'shared');
    await map(own, 'shared', { jwt_issuer: provider.issuer });
    const token = await provider.token({ sub: 'zoe', client: 'shared' });
    expect((await call(token, undefined, DEAR)).status).toBe(200);
    expect((await call(token)).status).toBe(403);
  });
});

describe('a token whose claim stands for nothing', () => {
  it('is refused where the issuer’s clients must be registered', async () => {
    expect((await call(await strict.token({ sub: 'ada', client: 'nobody' }))).status).toBe(403);
    expect((await call(await strict.token({ sub: 'ada' }))).status).toBe(403);
    await map(await product.makeKey(), 'somebody', { jwt_issuer: strict.issuer });
    expect((await call(await strict.token({ sub: 'ada', client: 'somebody' }))).status).toBe(200);
    // Another issuer's client of the same name is another client.
    expect((await call(await strict.token({ sub: 'ada', client: 'shop' }))).status).toBe(401);
  });

  it('gets a key of its own where the issuer’s clients are registered by themselves, once for all who ask', async () => {
    const claims = { sub: 'robot', aud: 'tollgate' };
    const tokens = await Promise.all(
      [1, 2, 3, 4].map((jti) => registering.token({ ...claims, jti: String(jti) })),
    );
    const answers = await Promise.all(tokens.map((token) => call(token)));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    const { keys } = (await admin('/key/list?user_id=robot&return_full_object=true')).json;
    expect(keys).toHaveLength(1);
    expect(keys[0].metadata).toMatchObject({
      auto_registered: true,
      jwt_claim_field: 'sub',
      jwt_claim_value: 'robot',
    });
    await admin('/key/block', { key: keys[0].token });
    expect((await call(tokens[0] ?? '')).status).toBe(401);
  });

  it('takes the person’s own key instead, where there is one', async () => {
    await admin('/user/new', { user_id: 'person', auto_create_key: false });
    await product.makeKey({ user_id: 'person', models: ['demo'] });
    const token = await registering.token({ sub: 'person', aud: 'tollgate' });
    expect((await call(token, undefined, DEAR)).status).toBe(403);
    expect((await admin('/key/list?user_id=person')).json.total_count).toBe(1);
  });

  it('never puts an administrator’s rights into a key', async () => {
    const token = await registering.token({ sub: 'boss', aud: 'tollgate', scope: 'litellm_proxy_admin' });
    expect((await call(token, '/key/list', null)).status).toBe(200);
    expect((await admin('/key/list?user_id=boss')).json.total_count).toBe(0);
  });

  /** The key would be the person's, without the role that narrows the token. */
  it('never takes a token out of the role that it carries', async () => {
    await admin('/role/new', { role: 'guest', routes: ['/v1/models'], models: ['demo'] });
    const token = await registering.token({ sub: 'visitor', aud: 'tollgate', scope: 'guest' });
    expect((await call(token, '/v1/models', null)).status).toBe(200);
    expect((await call(token)).status).toBe(401);
    expect((await admin('/key/list?user_id=visitor')).json.total_count).toBe(0);
  });
});

describe('mappings', () => {
  it('are managed by administrators, read by those who see everything, and nobody’s business else', async () => {
    const key = await product.makeKey();
    const viewer = await makeUser('viewer', 'proxy_admin_viewer');
    const user = await makeUser('plain', 'internal_user');
    const body = { jwt_claim_name: 'client', jwt_claim_value: 'mine', key };
    for (const who of [viewer, user]) {
      expect([401, 403]).toContain((await call(who, '/jwt/key/mapping/new', body)).status);
      expect([401, 403]).toContain((await call(who, '/jwt/key/mapping/delete', { id: 'x' })).status);
    }
    expect((await call(viewer, '/jwt/key/mapping/list', null)).status).toBe(200);
    expect([401, 403]).toContain((await call(user, '/jwt/key/mapping/list', null)).status);
  });

  it('have a list by pages, an audit record each, and no second for one claim', async () => {
    const key = await product.makeKey();
    expect((await map(key, 'listed')).status).toBe(200);
    expect((await map(key, 'listed')).status).toBe(409);
    expect((await map('sk-no-such-key-0123456789', 'other')).status).toBe(400);
    expect(
      (await admin('/jwt/key/mapping/new', { jwt_claim_name: 'client', jwt_claim_value: 'x' })).status,
    ).toBe(400);
    expect((await admin('/jwt/key/mapping/update', { id: 'nothing', is_active: false })).status).toBe(404);
    const page = (await admin('/jwt/key/mapping/list?page=1&size=2')).json;
    expect(page).toMatchObject({ current_page: 1, mappings: [{ jwt_claim_value: 'listed' }, {}] });
    expect(page.total_pages).toBe(Math.ceil(page.total_count / 2));
    const audit = await admin('/audit?page_size=50');
    expect(audit.text).toContain('jwt_key_mapping');
  });

  async function makeUser(id: string, role: string): Promise<string> {
    await admin('/user/new', { user_id: id, user_role: role, auto_create_key: false });
    return product.makeKey({ user_id: id });
  }
});
