import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CookieClient } from '../harness/browser-client.js';
import { CLIENT, OpenIdTestProvider } from '../harness/openid-provider.js';
import { createTestDatabase, type TestDatabase } from '../harness/postgres.js';
import { Product } from '../harness/product.js';
import { signInWith, throughProvider, whoAmI } from '../harness/sso.js';

let database: TestDatabase;
let provider: OpenIdTestProvider;
let product: Product;

const SSO = `export const decide = async ({ openid, findUser }) => {
  if (openid.claims.role === 'refused') throw new Error('not you');
  if (openid.extra_fields['org.unit'] === 'closed') throw new Error('nobody works there any more');
  if (openid.claims.role === 'odd') return { user_role: 'king' };
  if (openid.claims.role === 'custom')
    return { user_id: 'made-by-hand', user_role: 'internal_user', models: ['demo'], max_budget: 2.5, budget_duration: '30d' };
  const known = await findUser(openid.id);
  return known ? {} : { user_email: openid.email };
};`;

beforeAll(async () => {
  database = await createTestDatabase();
  provider = await OpenIdTestProvider.start();
  product = await Product.start({
    databaseUrl: database.url.reveal(),
    files: { 'sso.mjs': SSO },
    env: {
      GENERIC_CLIENT_ID: CLIENT.id,
      GENERIC_CLIENT_SECRET: CLIENT.secret,
      // As LiteLLM's users have them; whose they are is found out.
      GENERIC_AUTHORIZATION_ENDPOINT: `${provider.issuer}/auth`,
      GENERIC_TOKEN_ENDPOINT: `${provider.issuer}/token`,
      GENERIC_USERINFO_ENDPOINT: `${provider.issuer}/me`,
      ALLOWED_EMAIL_DOMAINS: 'My-Co.com, sister.example',
      PROXY_ADMIN_ID: 'the-boss',
      ENABLE_SSO_DEBUG: 'true',
      GENERIC_USER_EXTRA_ATTRIBUTES: 'org.unit, employment',
      CLI_SSO_CLAIM_MAP: 'employment->kind,org.unit->metadata.work.unit,tokens->nothing',
    },
    config: {
      general_settings: {
        custom_sso: './sso.mjs:decide',
        litellm_jwtauth: { team_ids_jwt_field: 'groups' },
      },
      litellm_settings: {
        default_internal_user_params: { user_role: 'internal_user', max_budget: 7, models: ['demo'] },
      },
    },
  });
  provider.redirectUris.add(`${product.url}/sso/callback`);
  provider.redirectUris.add(`${product.url}/sso/debug/callback`);
  await admin('POST', '/team/new', { team_id: 'blue', models: ['demo'] });
});

afterAll(async () => {
  await product?.dispose();
  await provider?.close();
  await database?.drop();
});

async function admin(method: string, path: string, body?: object): Promise<Record<string, unknown>> {
  const response = await product.request(method, path, body);
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
  return JSON.parse(text) as Record<string, unknown>;
}

async function userOf(id: string): Promise<Record<string, unknown>> {
  const { user_info: user } = await admin('GET', `/user/info?user_id=${encodeURIComponent(id)}`);
  return user as Record<string, unknown>;
}

function account(name: string, claims: Record<string, unknown> = {}): string {
  const email = `${name}@my-co.com`;
  provider.accounts.set(name, { preferred_username: name, email, email_verified: true, ...claims });
  return name;
}

describe('somebody who signs in for the first time', () => {
  it('is an account with the operator defaults, in the teams that exist, and has a session', async () => {
    const client = new CookieClient();
    account('ada', { email: 'Ada@MY-CO.com', groups: ['blue', 'no-such-team'], first_name: 'Ada' });
    const response = await signInWith(client, product.url, 'ada');
    expect(response.status).toBe(303);
    expect(response.headers.get('location')).toBe('/ui/');
    expect(response.headers.getSetCookie().join('\n')).toMatch(/tollgate_session=[\w-]{43};.*HttpOnly/);
    expect(await whoAmI(client, product.url)).toMatchObject({ status: 200 });
    expect(await userOf('ada')).toMatchObject({
      user_email: 'ada@my-co.com',
      user_role: 'internal_user',
      max_budget: 7,
      models: ['demo'],
      sso_user_id: 'ada',
    });
    const team = await admin('GET', '/team/info?team_id=blue');
    expect(JSON.stringify(team)).toContain('"ada"');
  });

  it('goes where it wanted to go', async () => {
    account('grace');
    const response = await signInWith(
      new CookieClient(),
      product.url,
      'grace',
      `?return_to=${encodeURIComponent('/ui/?page=keys')}`,
    );
    expect(response.headers.get('location')).toBe('/ui/?page=keys');
  });

  it('sends nothing to the provider but what the protocol asks for', async () => {
    const start = await new CookieClient().get(`${product.url}/sso/key/generate`);
    expect(start.status).toBe(303);
    const url = new URL(start.headers.get('location') ?? '');
    expect(url.origin).toBe(provider.issuer);
    expect(Object.fromEntries(url.searchParams)).toEqual({
      client_id: CLIENT.id,
      redirect_uri: `${product.url}/sso/callback`,
      response_type: 'code',
      scope: 'openid email profile',
      state: expect.stringMatching(/^[\w-]{43}$/),
      nonce: expect.stringMatching(/^[\w-]{43}$/),
      code_challenge: expect.stringMatching(/^[\w-]{43}$/),
      code_challenge_method: 'S256',
    });
    const [cookie = ''] = start.headers.getSetCookie();
    expect(cookie).toMatch(/^tollgate_sign_in=[\w-]{43}; Path=\/sso; Max-Age=600; HttpOnly; SameSite=Lax$/);
    for (const name of ['state', 'nonce']) expect(cookie).not.toContain(url.searchParams.get(name));
  });

  it('is who the function of the operator says', async () => {
    account('linus', { role: 'custom' });
    expect((await signInWith(new CookieClient(), product.url, 'linus')).status).toBe(303);
    expect(await userOf('made-by-hand')).toMatchObject({
      user_role: 'internal_user',
      max_budget: 2.5,
      sso_user_id: 'linus',
    });
  });

  it.each(['refused', 'odd'])('is nobody where that function says no, or nonsense (%s)', async (role) => {
    account(`no-${role}`, { role });
    const client = new CookieClient();
    const response = await signInWith(client, product.url, `no-${role}`);
    expect(response.status).toBe(401);
    expect(await response.text()).not.toContain('not you');
    expect((await whoAmI(client, product.url)).status).toBe(401);
    expect((await product.request('GET', `/user/info?user_id=no-${role}`)).status).toBe(404);
  });

  it('is known by what the operator wants to know, and keeps of it what the operator wants to keep', async () => {
    account('kim', { org: { unit: 'closed' } });
    expect((await signInWith(new CookieClient(), product.url, 'kim')).status).toBe(401);
    account('kim', { org: { unit: 'R&D' }, employment: 'staff', tokens: ['x'] });
    const client = new CookieClient();
    await signInWith(client, product.url, 'kim');
    const { metadata } = (await userOf('kim')) as { metadata: object };
    expect(metadata).toMatchObject({ kind: 'staff', work: { unit: 'R&D' }, auth_provider: 'generic' });
    expect(metadata).not.toHaveProperty('nothing');
    // A command line that signs in as this person is told, as LiteLLM's is.
    const started = (await admin('POST', '/sso/cli/start')) as Record<
      'login_id' | 'poll_secret' | 'user_code',
      string
    >;
    const { csrf_token: token } = JSON.parse((await whoAmI(client, product.url)).text) as {
      csrf_token: string;
    };
    await client.post(
      `${product.url}/sso/cli/complete/${started.login_id}`,
      { user_code: started.user_code, browser_complete_token: token },
      { origin: product.url },
    );
    const polled = await fetch(`${product.url}/sso/cli/poll/${started.login_id}`, {
      headers: { 'x-litellm-cli-poll-secret': started.poll_secret },
    });
    expect(await polled.json()).toMatchObject({
      status: 'ready',
      user_id: 'kim',
      attribution_metadata: { kind: 'staff', 'work.unit': 'R&D' },
    });
  });

  it('is a proxy administrator by PROXY_ADMIN_ID, and by the role its provider gives', async () => {
    account('the-boss');
    await signInWith(new CookieClient(), product.url, 'the-boss');
    expect((await userOf('the-boss'))['user_role']).toBe('proxy_admin');
    account('viewer', { role: ['nonsense', 'PROXY_ADMIN_VIEWER'] });
    await signInWith(new CookieClient(), product.url, 'viewer');
    expect((await userOf('viewer'))['user_role']).toBe('proxy_admin_viewer');
  });
});

describe('somebody who is known', () => {
  it('keeps its role and models when the provider says nothing of them', async () => {
    await admin('POST', '/user/new', {
      user_id: 'known',
      user_email: 'known@my-co.com',
      user_role: 'internal_user_viewer',
      models: ['special'],
      auto_create_key: false,
    });
    account('other-name', { preferred_username: 'other-name', email: 'KNOWN@my-co.com' });
    expect((await signInWith(new CookieClient(), product.url, 'other-name')).status).toBe(303);
    expect(await userOf('known')).toMatchObject({
      user_role: 'internal_user_viewer',
      models: ['special'],
      sso_user_id: 'other-name',
    });
  });

  it('loses what it had open when its role changes', async () => {
    account('climber');
    const before = new CookieClient();
    await signInWith(before, product.url, 'climber');
    account('climber', { role: 'proxy_admin_viewer' });
    await signInWith(new CookieClient(), product.url, 'climber');
    expect((await whoAmI(before, product.url)).status).toBe(401);
  });

  it('does not come in while it is blocked', async () => {
    account('blocked');
    await signInWith(new CookieClient(), product.url, 'blocked');
    await admin('POST', '/user/update', { user_id: 'blocked', blocked: true });
    const client = new CookieClient();
    expect((await signInWith(client, product.url, 'blocked')).status).toBe(401);
    expect((await whoAmI(client, product.url)).status).toBe(401);
  });
});

/** Provisioning takes people out; the provider that still knows them must not bring them back. */
describe('somebody whom provisioning has deactivated', () => {
  it('does not come in, and is not let in again by it', async () => {
    account('leaver');
    await signInWith(new CookieClient(), product.url, 'leaver');
    const gone = await product.request('PATCH', '/scim/v2/Users/leaver', {
      schemas: ['urn:ietf:params:scim:api:messages:2.0:PatchOp'],
      Operations: [{ op: 'replace', path: 'active', value: false }],
    });
    expect(gone.status).toBe(200);
    const client = new CookieClient();
    expect((await signInWith(client, product.url, 'leaver')).status).toBe(401);
    expect((await whoAmI(client, product.url)).status).toBe(401);
  });
});

describe('what administrators see', () => {
  it('is the settings without their secrets, and no way to change them', async () => {
    const { values } = (await admin('GET', '/get/sso_settings')) as { values: Record<string, unknown> };
    expect(values).toMatchObject({
      generic_client_id: CLIENT.id,
      generic_client_secret: '********',
      google_client_id: null,
      team_mappings: { team_ids_jwt_field: 'groups' },
    });
    const update = await product.request('PATCH', '/update/sso_settings', { generic_client_id: 'mine' });
    expect(update.status).toBe(400);
    expect(await update.text()).toContain('never by API');
    const field = await product.request('POST', '/config/update', {
      environment_variables: { GENERIC_ISSUER: 'https://evil.example' },
    });
    expect(field.status).toBe(400);
  });

  it('is whether sign-in is ready', async () => {
    expect(await admin('GET', '/sso/readiness')).toMatchObject({
      status: 'healthy',
      sso_configured: true,
      provider: 'generic',
    });
  });

  it('is, with debugging on, what the provider says; nobody is signed in by it', async () => {
    account('debugged', { groups: ['blue'] });
    const client = new CookieClient();
    const back = await throughProvider(client, `${product.url}/sso/debug/login`, 'debugged');
    const response = await client.get(back);
    expect(await response.json()).toMatchObject({
      openid: { id: 'debugged', email: 'debugged@my-co.com', team_ids: ['blue'] },
      issuer: provider.issuer,
    });
    expect((await whoAmI(client, product.url)).status).toBe(401);
    expect((await product.request('GET', '/user/info?user_id=debugged')).status).toBe(404);
  });
});

/** The provider is away: nobody is told that he is not who he is. */
describe('while the provider does not answer', () => {
  it('the answer is 503, and then it works again', async () => {
    account('patient');
    const client = new CookieClient();
    const back = await throughProvider(client, `${product.url}/sso/key/generate`, 'patient');
    provider.broken.set('/token', 502);
    const response = await client.get(back);
    provider.broken.clear();
    expect(response.status).toBe(503);
    expect((await signInWith(client, product.url, 'patient')).status).toBe(303);
  });
});
