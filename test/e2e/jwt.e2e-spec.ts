import { generateKeyPair, SignJWT, UnsecuredJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { IdentityProvider } from '../harness/identity-provider.js';
import { createTestDatabase, type TestDatabase } from '../harness/postgres.js';
import { MODEL } from '../harness/priced-demo.js';
import { Product } from '../harness/product.js';

let database: TestDatabase;
let provider: IdentityProvider;
let product: Product;

beforeAll(async () => {
  database = await createTestDatabase();
  provider = await IdentityProvider.start(['RS256', 'PS256', 'ES256', 'EdDSA']);
  product = await Product.start({
    databaseUrl: database.url.reveal(),
    env: {
      JWT_PUBLIC_KEY_URL: `${provider.issuer}/.well-known/openid-configuration`,
      JWT_AUDIENCE: 'tollgate',
    },
    config: {
      model_list: [MODEL, { ...MODEL, model_name: 'dear' }],
      general_settings: {
        enable_jwt_auth: true,
        litellm_jwtauth: {
          user_id_jwt_field: 'sub',
          team_ids_jwt_field: 'groups',
          org_id_jwt_field: 'org',
          end_user_id_jwt_field: 'customer',
          user_allowed_email_domain: 'my-co.com',
          user_id_upsert: true,
        },
      },
    },
  });
  await admin('/team/new', { team_id: 'cheap-team', models: ['demo'] });
  await admin('/team/new', { team_id: 'dear-team', models: ['dear'] });
});

afterAll(async () => {
  await product?.dispose();
  await provider?.close();
  await database?.drop();
});

const person = { aud: 'tollgate', sub: 'ada', email: 'ada@my-co.com' };

async function admin(path: string, body?: object): Promise<{ status: number; text: string }> {
  return call(product.masterKey, path, body ?? null);
}

async function call(
  token: string,
  path = '/v1/chat/completions',
  body: unknown = { model: 'demo', messages: [{ role: 'user', content: 'x' }] },
) {
  const response = await fetch(product.url + path, {
    method: body === null ? 'GET' : 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    ...(body === null ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, text };
}

describe('a token of the identity provider', () => {
  it.each(['RS256', 'PS256', 'ES256', 'EdDSA'])('signed with %s lets its user call models', async (alg) => {
    expect(await call(await provider.token(person, alg))).toMatchObject({ status: 200 });
  });

  it('is verified once, and asks nobody after that', async () => {
    const token = await provider.token({ ...person, jti: 'warm' });
    await call(token);
    const before = provider.asked.length;
    for (let index = 0; index < 20; index += 1) expect((await call(token)).status).toBe(200);
    expect(provider.asked.length).toBe(before);
  });

  it('speaks for the first of its teams that may call the model', async () => {
    const token = await provider.token({ ...person, groups: ['unknown', 'cheap-team', 'dear-team'] });
    const dear = { model: 'dear', messages: [{ role: 'user', content: 'x' }] };
    expect((await call(token)).status).toBe(200);
    expect((await call(token, '/v1/chat/completions', dear)).status).toBe(200);
    const other = await provider.token({ ...person, groups: ['cheap-team'] });
    expect((await call(other, '/v1/chat/completions', dear)).status).toBe(403);
    await expect
      .poll(async () => (await admin('/team/info?team_id=dear-team')).text)
      .toMatch(/"spend":0\.0000/);
  });

  it('that names no team speaks for the only one its person is in, and for none of several', async () => {
    const member = { members_with_roles: [{ user_id: 'loner', role: 'user' }] };
    const dear = { model: 'dear', messages: [{ role: 'user', content: 'x' }] };
    const token = (): Promise<string> =>
      provider.token({ aud: 'tollgate', sub: 'loner', email: 'loner@my-co.com' });
    await admin('/user/new', { user_id: 'loner', auto_create_key: false });
    await admin('/team/new', { team_id: 'solo', models: ['dear'], ...member });
    const one = await token();
    expect((await call(one)).status).toBe(403);
    expect((await call(one, '/v1/chat/completions', dear)).status).toBe(200);
    await admin('/team/new', { team_id: 'second', models: ['dear'], ...member });
    // The same token: what it means changed with the rows.
    expect((await call(one)).status).toBe(200);
    await expect.poll(async () => (await admin('/user/info?user_id=loner')).text).toMatch(/"spend":0\.0000/);
  });

  it('makes its user, and is dead the moment that user is blocked', async () => {
    const token = await provider.token({ ...person, sub: 'to-be-blocked', email: 'b@my-co.com' });
    expect((await call(token)).status).toBe(200);
    expect((await admin('/user/info?user_id=to-be-blocked')).status).toBe(200);
    await admin('/user/update', { user_id: 'to-be-blocked', blocked: true });
    expect((await call(token)).status).toBe(401);
  });

  it('with the admin scope manages, and calls no models', async () => {
    const token = await provider.token({ ...person, scope: 'openid litellm_proxy_admin' });
    expect((await call(token, '/key/generate', {})).status).toBe(200);
    expect((await call(token)).status).toBe(401);
    const list = await provider.token({ ...person, scope: ['litellm_proxy_admin'] });
    expect((await call(list, '/key/list', null)).status).toBe(200);
  });

  it('without it manages nothing of others', async () => {
    const token = await provider.token({
      ...person,
      sub: 'eve',
      email: 'eve@my-co.com',
      user_role: 'proxy_admin',
      role: 'proxy_admin',
    });
    expect((await call(token, '/user/new', { user_id: 'x' })).status).toBe(401);
    const inTeam = await provider.token({ ...person, sub: 'eve', groups: ['cheap-team'] });
    expect((await call(inTeam, '/user/new', { user_id: 'x' })).status).toBe(403);
  });

  it('takes effect at once after a rotation of keys, and the old key’s tokens end with it', async () => {
    const before = await provider.token(person);
    expect((await call(before)).status).toBe(200);
    await provider.rotate();
    expect((await call(await provider.token(person))).status).toBe(200);
    expect((await call(before)).status).toBe(401);
  });
});

describe('a token that is not good', () => {
  const refused = async (token: string): Promise<string> => {
    const answer = await call(token);
    expect(answer.status).toBe(401);
    expect(answer.text).not.toMatch(/at .*\.js|jwks|127\.0\.0\.1/);
    return answer.text;
  };

  it('is refused when it has expired, by one second', async () => {
    const token = await provider.token({ ...person, exp: Math.floor(Date.now() / 1000) - 1 });
    expect(await refused(token)).toMatch(/Token Expired/);
  });

  it.each([
    ['another audience', { aud: 'other' }],
    ['no audience', { aud: [] }],
    ['a time that has not come', { nbf: Math.floor(Date.now() / 1000) + 600 }],
    ['a user id that is no text', { sub: { $ne: null } as never }],
    ['groups that are no list of texts', { groups: [{ id: 'cheap-team' }] }],
  ])('is refused for %s', async (_name, claims) => {
    expect(await refused(await provider.token({ ...person, ...claims }))).toMatch(/Validation fails/);
  });

  it('is refused for another e-mail domain, however much it looks like the right one; upper case is the same', async () => {
    for (const email of ['a@my-co.com.evil.org', 'a@evil-my-co.com', 'a@my-co.com@evil.org', 'my-co.com'])
      expect((await call(await provider.token({ ...person, sub: email, email }))).status).toBe(403);
    expect((await call(await provider.token({ ...person, sub: 'up', email: 'Up@MY-CO.COM' }))).status).toBe(
      200,
    );
  });

  it('is refused without a signature, with a shared secret, and with a stranger’s key under a known id', async () => {
    await refused(new UnsecuredJWT({ ...person, exp: 9_999_999_999 }).encode());
    const published = JSON.stringify(await (await fetch(provider.keysUrl)).json());
    const shared = new SignJWT(person)
      .setProtectedHeader({ alg: 'HS256', kid: 'rotated' })
      .setExpirationTime('1h');
    await refused(await shared.sign(new TextEncoder().encode(published)));
    const { privateKey } = await generateKeyPair('RS256');
    const { kid } = (JSON.parse(published) as { keys: { kid: string }[] }).keys[0] ?? { kid: '' };
    const forged = new SignJWT(person).setProtectedHeader({ alg: 'RS256', kid }).setExpirationTime('1h');
    await refused(await forged.sign(privateKey));
  });

  it.each(['../../etc/passwd', "' OR 1=1 --", 'x'.repeat(2_000), '__proto__'])(
    'is refused for a key id like %s',
    async (kid) => {
      await refused(await provider.token(person, undefined, { kid }));
    },
  );

  it('is refused when it is huge, or no token at all', async () => {
    expect((await call(`${'a'.repeat(10_000)}.b.c`)).status).toBe(401);
    await refused('a.b.c');
  });

  it('leaves virtual keys and the master key as they were', async () => {
    const key = await product.makeKey();
    expect((await call(key)).status).toBe(200);
    expect((await call('sk-unknown-0123456789')).status).toBe(401);
  });
});

describe('while the identity provider is away', () => {
  it('tokens of known keys go on, first-seen ones too; of unknown keys nobody can tell', async () => {
    const known = await provider.token({ ...person, jti: 'known' });
    expect((await call(known)).status).toBe(200);
    const firstSeen = await provider.token({ ...person, jti: 'first-seen' });
    const stranger = await provider.token({ ...person, jti: 'strange' }, undefined, { kid: 'nobody-knows' });
    provider.setDown(true);
    try {
      expect((await call(known)).status).toBe(200);
      expect((await call(firstSeen)).status).toBe(200);
      await expect.poll(async () => (await call(stranger)).status, { timeout: 15_000 }).toBe(503);
    } finally {
      provider.setDown(false);
    }
  }, 30_000);
});
