import { createHash, randomBytes } from 'node:crypto';
import { decodeJwt } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Keycloak, whyNoKeycloak } from '../harness/keycloak.js';
import { createTestDatabase, type TestDatabase } from '../harness/postgres.js';
import { CHAT, DEAR, MODEL } from '../harness/priced-demo.js';
import { Product } from '../harness/product.js';

const REALM = 'company';
const SECRET = 'a-secret-of-the-realm';
const PASSWORD = 'correct horse battery';

const GROUPS = {
  name: 'groups',
  protocol: 'openid-connect',
  protocolMapper: 'oidc-group-membership-mapper',
  config: { 'claim.name': 'groups', 'full.path': 'false', 'access.token.claim': 'true' },
};
const AUDIENCE = {
  name: 'audience',
  protocol: 'openid-connect',
  protocolMapper: 'oidc-audience-mapper',
  config: { 'included.custom.audience': 'tollgate', 'access.token.claim': 'true' },
};
const client = (clientId: string, more: object = {}): object => ({
  clientId,
  secret: SECRET,
  publicClient: false,
  directAccessGrantsEnabled: true,
  serviceAccountsEnabled: true,
  standardFlowEnabled: true,
  redirectUris: ['http://127.0.0.1/back'],
  protocolMappers: [GROUPS, AUDIENCE],
  ...more,
});
const person = (username: string, more: object = {}): object => ({
  username,
  email: `${username}@my-co.com`,
  emailVerified: true,
  enabled: true,
  firstName: username,
  lastName: 'Test',
  credentials: [{ type: 'password', value: PASSWORD, temporary: false }],
  ...more,
});

const reason = await whyNoKeycloak();
if (reason !== undefined) process.stdout.write(`Keycloak is not tried: ${reason}\n`);

describe.skipIf(reason !== undefined)('with a real Keycloak', () => {
  let keycloak: Keycloak;
  let database: TestDatabase;
  let product: Product;

  beforeAll(async () => {
    [keycloak, database] = await Promise.all([
      Keycloak.start({
        realm: REALM,
        enabled: true,
        sslRequired: 'none',
        groups: [{ name: 'research' }, { name: 'kitchen' }],
        clients: [
          client('people'),
          client('project-one'),
          client('stranger', { protocolMappers: [GROUPS] }),
          client('introspected'),
        ],
        users: [
          person('ada', { groups: ['/research'] }),
          person('bob', { groups: ['/kitchen'] }),
          person('root'),
        ],
      }),
      createTestDatabase(),
    ]);
    await addAdminScope();
    const certificates = `${keycloak.issuer(REALM)}/protocol/openid-connect/certs`;
    product = await Product.start({
      databaseUrl: database.url.reveal(),
      env: {
        JWT_PUBLIC_KEY_URL: certificates,
        JWT_AUDIENCE: 'tollgate',
        JWT_ISSUER: keycloak.issuer(REALM),
        OAUTH_TOKEN_INFO_ENDPOINT: `${keycloak.issuer(REALM)}/protocol/openid-connect/token/introspect`,
        OAUTH_CLIENT_ID: 'introspected',
        OAUTH_CLIENT_SECRET: SECRET,
        OAUTH_USER_ID_FIELD_NAME: 'username',
      },
      config: {
        model_list: [MODEL, { ...MODEL, model_name: 'dear' }],
        general_settings: {
          enable_jwt_auth: true,
          enable_oauth2_auth: true,
          oauth_cache_ttl: 1,
          litellm_jwtauth: {
            user_id_jwt_field: 'preferred_username',
            team_ids_jwt_field: 'groups',
            user_id_upsert: true,
            routing_overrides: [{ iss: keycloak.issuer(REALM), client_id: 'introspected', path: 'oauth2' }],
          },
        },
      },
    });
    await admin('/team/new', { team_id: 'research', models: ['demo'] });
    await admin('/team/new', { team_id: 'kitchen', models: ['dear'] });
    await admin('/team/new', { team_id: 'project-one', models: ['demo'] });
  }, 240_000);

  afterAll(async () => {
    await product?.dispose();
    await keycloak?.stop();
    await database?.drop();
  });

  async function addAdminScope(): Promise<void> {
    await keycloak.admin('POST', `/${REALM}/client-scopes`, {
      name: 'litellm_proxy_admin',
      protocol: 'openid-connect',
      attributes: { 'include.in.token.scope': 'true' },
    });
    const scopes = (await keycloak.admin('GET', `/${REALM}/client-scopes`)) as { id: string; name: string }[];
    const [people] = await keycloak.admin('GET', `/${REALM}/clients?clientId=people`);
    const scope = scopes.find(({ name }) => name === 'litellm_proxy_admin');
    await keycloak.admin('PUT', `/${REALM}/clients/${people.id}/optional-client-scopes/${scope?.id}`);
  }

  const admin = (path: string, body?: object) => call(product.masterKey, path, body ?? null);

  async function call(
    token: string,
    path = '/v1/chat/completions',
    body: object | null = CHAT,
  ): Promise<{ status: number; text: string }> {
    const response = await fetch(product.url + path, {
      method: body === null ? 'GET' : 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      ...(body === null ? {} : { body: JSON.stringify(body) }),
    });
    return { status: response.status, text: await response.text() };
  }

  const withPassword = async (username: string, more: Record<string, string> = {}): Promise<string> => {
    const form = { client_id: 'people', client_secret: SECRET, grant_type: 'password', scope: 'openid' };
    return (await keycloak.token(REALM, { ...form, username, password: PASSWORD, ...more })).access_token;
  };
  const ofClient = async (clientId: string): Promise<string> => {
    const form = { client_id: clientId, client_secret: SECRET, grant_type: 'client_credentials' };
    return (await keycloak.token(REALM, form)).access_token;
  };

  it('a person’s password brings a token that acts for the group’s team, and is paid by it', async () => {
    const ada = await withPassword('ada');
    expect(decodeJwt(ada)['groups']).toEqual(['research']);
    expect(await call(ada)).toMatchObject({ status: 200 });
    expect((await call(ada, undefined, DEAR)).status).toBe(403);
    expect((await call(await withPassword('bob'), undefined, DEAR)).status).toBe(200);
    const spend = async (): Promise<number> =>
      (JSON.parse((await admin('/team/info?team_id=research')).text) as { team_info: { spend: number } })
        .team_info.spend;
    await expect.poll(spend, { timeout: 10_000 }).toBeGreaterThan(0);
    expect((await admin('/user/info?user_id=ada')).text).toContain('ada@my-co.com');
  });

  it('the scope litellm_proxy_admin manages, and only where it was asked for', async () => {
    const plain = await withPassword('root');
    expect((await call(plain, '/team/new', { team_id: 'by-root' })).status).toBeGreaterThanOrEqual(401);
    const token = await withPassword('root', { scope: 'litellm_proxy_admin' });
    expect((await call(token, '/key/generate', {})).status).toBe(200);
    expect((await call(token)).status).toBe(401);
  });

  it('a project’s client credentials act for the team of that name', async () => {
    const token = await ofClient('project-one');
    expect(decodeJwt(token)['client_id']).toBe('project-one');
    expect(await call(token)).toMatchObject({ status: 200 });
    expect((await call(token, undefined, DEAR)).status).toBe(403);
    await admin('/team/block', { team_id: 'project-one' });
    expect((await call(token)).status).toBe(401);
  });

  it('an authorization code brings a token that works, once', async () => {
    const verifier = randomBytes(32).toString('base64url');
    const code = await signInAtKeycloak('ada', createHash('sha256').update(verifier).digest('base64url'));
    const form = {
      client_id: 'people',
      client_secret: SECRET,
      grant_type: 'authorization_code',
      redirect_uri: 'http://127.0.0.1/back',
      code_verifier: verifier,
      code,
    };
    expect((await call((await keycloak.token(REALM, form)).access_token)).status).toBe(200);
    await expect(keycloak.token(REALM, form)).rejects.toThrow(/400/);
  });

  it('a token for another audience stays out', async () => {
    const stranger = { client_id: 'stranger' };
    expect((await call(await withPassword('ada', stranger))).text).toMatch(/Validation fails/);
  });

  it('introspection ends with the session at the provider, though the token itself has not', async () => {
    const form = { client_id: 'introspected', scope: 'openid' };
    const token = await withPassword('bob', form);
    expect(await call(token)).toMatchObject({ status: 200 });
    const [bob] = await keycloak.admin('GET', `/${REALM}/users?username=bob&exact=true`);
    await keycloak.admin('POST', `/${REALM}/users/${bob.id}/logout`);
    await expect.poll(async () => (await call(token)).status, { timeout: 10_000 }).toBe(401);
  });

  it('after a rotation of keys new tokens work at once, and the old key’s end', async () => {
    const before = await withPassword('ada');
    expect((await call(before)).status).toBe(200);
    await keycloak.rotate(REALM);
    expect((await call(await withPassword('ada'))).status).toBe(200);
    expect((await call(before)).status).toBe(401);
  });

  /** As a browser does it: the form, the password, the way back with a code. */
  async function signInAtKeycloak(username: string, challenge: string): Promise<string> {
    const query = new URLSearchParams({
      client_id: 'people',
      response_type: 'code',
      scope: 'openid',
      redirect_uri: 'http://127.0.0.1/back',
      code_challenge: challenge,
      code_challenge_method: 'S256',
    });
    const page = await fetch(`${keycloak.issuer(REALM)}/protocol/openid-connect/auth?${query}`);
    const action = /action="([^"]+)"/.exec(await page.text())?.[1]?.replaceAll('&amp;', '&') ?? '';
    const answer = await fetch(action, {
      method: 'POST',
      redirect: 'manual',
      headers: {
        cookie: page.headers
          .getSetCookie()
          .map((one) => one.split(';')[0])
          .join('; '),
      },
      body: new URLSearchParams({ username, password: PASSWORD }),
    });
    return new URL(answer.headers.get('location') ?? '').searchParams.get('code') ?? '';
  }
});
