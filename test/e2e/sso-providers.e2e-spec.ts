import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { CookieClient } from '../harness/browser-client.js';
import { GraphStandIn } from '../harness/graph.js';
import { FORM_CLIENT, OpenIdTestProvider } from '../harness/openid-provider.js';
import { createTestDatabase } from '../harness/postgres.js';
import { Product } from '../harness/product.js';
import { signInWith, whoAmI } from '../harness/sso.js';

/** Tokens and answers in the shapes of Google and Microsoft Entra ID. */
let provider: OpenIdTestProvider;
let graph: GraphStandIn;

beforeAll(async () => {
  provider = await OpenIdTestProvider.start();
  graph = await GraphStandIn.start();
});
afterAll(async () => {
  await provider?.close();
  await graph?.close();
});

async function started(env: Record<string, string>, config: object = {}) {
  const database = await createTestDatabase();
  const product = await Product.start({ databaseUrl: database.url.reveal(), env, config });
  provider.redirectUris.add(`${product.url}/sso/callback`);
  const json = async (path: string): Promise<Record<string, unknown>> => {
    const response = await product.request('GET', path);
    const text = await response.text();
    if (!response.ok) throw new Error(`${path}: ${response.status} ${text}`);
    return JSON.parse(text) as Record<string, unknown>;
  };
  const userOf = async (id: string) =>
    (await json(`/user/info?user_id=${id}`))['user_info'] as Record<string, unknown>;
  return {
    product,
    json,
    userOf,
    stop: async () => {
      await product.dispose();
      await database.drop();
    },
  };
}

describe('Google', () => {
  let one: Awaited<ReturnType<typeof started>>;
  beforeAll(async () => {
    one = await started(
      {
        GOOGLE_CLIENT_ID: FORM_CLIENT.id,
        GOOGLE_CLIENT_SECRET: FORM_CLIENT.secret,
        GOOGLE_ISSUER: provider.issuer,
        // Not asked: there is one provider at a time.
        GENERIC_CLIENT_ID: 'another',
        ALLOWED_EMAIL_DOMAINS: 'my-co.com',
      },
      { general_settings: { ui_access_mode: 'admin_only' } },
    );
  });
  afterAll(() => one?.stop());

  const person = (claims: object = {}) =>
    provider.accounts.set('107691503500061506', {
      email: 'ada@my-co.com',
      email_verified: true,
      hd: 'my-co.com',
      name: 'Ada Lovelace',
      given_name: 'Ada',
      family_name: 'Lovelace',
      picture: 'https://lh3.googleusercontent.com/a',
      ...claims,
    });

  it('signs administrators in where only they may use the console', async () => {
    person();
    const client = new CookieClient();
    const refused = await signInWith(client, one.product.url, '107691503500061506');
    expect(refused.status).toBe(401);
    expect(await refused.json()).toMatchObject({
      detail: { error: expect.stringContaining('administrators') },
    });
    // Whoever is refused leaves no account behind.
    expect((await one.product.request('GET', '/user/info?user_id=107691503500061506')).status).toBe(404);
    await one.product.request('POST', '/user/new', {
      user_id: 'ada',
      user_email: 'ADA@my-co.com',
      user_role: 'proxy_admin',
      auto_create_key: false,
    });
    expect((await signInWith(client, one.product.url, '107691503500061506')).status).toBe(303);
    expect((await whoAmI(client, one.product.url)).status).toBe(200);
    expect(await one.userOf('ada')).toMatchObject({
      user_role: 'proxy_admin',
      user_alias: 'Ada Lovelace',
      sso_user_id: '107691503500061506',
      metadata: { auth_provider: 'google' },
    });
  });
});

describe('Microsoft Entra ID', () => {
  let one: Awaited<ReturnType<typeof started>>;
  beforeAll(async () => {
    one = await started(
      {
        MICROSOFT_CLIENT_ID: FORM_CLIENT.id,
        MICROSOFT_CLIENT_SECRET: FORM_CLIENT.secret,
        MICROSOFT_TENANT: 'b1f7e5a4-0000-4000-8000-000000000001',
        MICROSOFT_ISSUER: provider.issuer,
        MICROSOFT_GRAPH_ENDPOINT: `${graph.url}/v1.0`,
        MICROSOFT_SERVICE_PRINCIPAL_ID: 'sp-1',
      },
      {
        general_settings: {
          litellm_jwtauth: { sync_user_role_and_teams: true },
          ui_access_mode: { type: 'restricted_sso_group', restricted_sso_group: 'g-1' },
        },
        litellm_settings: { default_team_params: { models: ['demo'], max_budget: 5 } },
      },
    );
  });
  afterAll(() => one?.stop());

  const TYPE = '#microsoft.graph.group';
  beforeEach(() => {
    provider.accounts.set('subject-of-ada', {
      oid: 'oid-ada',
      tid: 'b1f7e5a4-0000-4000-8000-000000000001',
      preferred_username: 'ada@my-co.com',
      roles: ['internal_user', 'Some.Other.App'],
    });
    graph.user = {
      '@odata.context': 'https://graph.microsoft.com/v1.0/$metadata#users/$entity',
      id: 'oid-ada',
      userPrincipalName: 'Ada@my-co.com',
      mail: null,
      displayName: 'Ada Lovelace',
      givenName: 'Ada',
      surname: 'Lovelace',
    };
    graph.groups = [
      { '@odata.type': TYPE, id: 'g-1', displayName: 'One' },
      { '@odata.type': '#microsoft.graph.directoryRole', id: 'role-1', displayName: 'Global Reader' },
      { '@odata.type': TYPE, id: 'g-2', displayName: 'Two' },
      { '@odata.type': TYPE, id: 'g-3', displayName: 'Three' },
      { '@odata.type': TYPE, id: 'g-unassigned', displayName: 'Lunch' },
    ];
    graph.assigned = [
      { principalId: 'g-1', principalDisplayName: 'Team One', principalType: 'Group' },
      { principalId: 'g-3', principalDisplayName: 'Team Three', principalType: 'Group' },
      { principalId: 'g-elsewhere', principalDisplayName: 'Not hers', principalType: 'Group' },
      { principalId: 'oid-ada', principalDisplayName: 'Ada', principalType: 'User' },
    ];
    graph.groupStatus = 200;
    graph.nextLink = undefined;
  });

  const teamsOf = async (): Promise<string[]> => {
    const answer = await one.json('/user/info?user_id=oid-ada');
    return (answer['teams'] as { team_id: string }[]).map(({ team_id: id }) => id).toSorted();
  };

  it('makes teams of the groups that are assigned to the service principal, page by page', async () => {
    expect((await signInWith(new CookieClient(), one.product.url, 'subject-of-ada')).status).toBe(303);
    expect(await one.userOf('oid-ada')).toMatchObject({
      user_email: 'ada@my-co.com',
      user_role: 'internal_user',
      user_alias: 'Ada Lovelace',
      sso_user_id: 'subject-of-ada',
    });
    expect(await teamsOf()).toEqual(['g-1', 'g-3']);
    expect((await one.json('/team/info?team_id=g-3'))['team_info']).toMatchObject({
      team_alias: 'Team Three',
      models: ['demo'],
      max_budget: 5,
    });
  });

  it('takes memberships away that are gone, where that is wished', async () => {
    graph.groups = graph.groups.filter(({ id }) => id !== 'g-3');
    expect((await signInWith(new CookieClient(), one.product.url, 'subject-of-ada')).status).toBe(303);
    expect(await teamsOf()).toEqual(['g-1']);
  });

  /** An outage of Graph must neither take anybody's teams away nor let anybody in who has to be in a group. */
  it('keeps memberships, and the door of a group shut, while Graph does not answer', async () => {
    graph.groupStatus = 503;
    const refused = await signInWith(new CookieClient(), one.product.url, 'subject-of-ada');
    expect(refused.status).toBe(403);
    expect(await refused.json()).toMatchObject({ error: { param: 'restricted_sso_group' } });
    expect(await teamsOf()).toEqual(['g-1']);
  });

  /** The access token opens the person's mail, too. */
  it('sends the token to no other host, whatever a page says', async () => {
    const other = await GraphStandIn.start();
    graph.nextLink = `${other.url}/v1.0/me/memberOf`;
    await signInWith(new CookieClient(), one.product.url, 'subject-of-ada');
    expect(other.asked).toEqual([]);
    await other.close();
    expect(graph.asked).toContain('/v1.0/me/memberOf Bearer ');
  });

  it('refuses whoever is not in the group', async () => {
    graph.groups = graph.groups.filter(({ id }) => id !== 'g-1');
    const client = new CookieClient();
    const response = await signInWith(client, one.product.url, 'subject-of-ada');
    expect(response.status).toBe(403);
    expect((await whoAmI(client, one.product.url)).status).toBe(401);
  });
});

describe('a proxy in front that has signed people in', () => {
  const HANDLER = `export const read = ({ headers }) => {
    if (headers['x-user'] === undefined) return null;
    return { id: headers['x-user'], email: headers['x-user'] + '@my-co.com', user_role: 'internal_user' };
  };`;
  it.each([
    ['127.0.0.1', 303],
    ['10.9.8.7', 401],
  ])('is believed from trusted ranges only (%s)', async (range, status) => {
    const database = await createTestDatabase();
    const product = await Product.start({
      databaseUrl: database.url.reveal(),
      files: { 'sso.mjs': HANDLER },
      config: {
        general_settings: {
          custom_ui_sso_sign_in_handler: './sso.mjs:read',
          trusted_proxy_ranges: [range],
        },
      },
    });
    const client = new CookieClient();
    const response = await client.get(`${product.url}/sso/key/generate`, { 'x-user': 'ada' });
    expect(response.status).toBe(status);
    expect((await whoAmI(client, product.url)).status).toBe(status === 303 ? 200 : 401);
    const nobody = await new CookieClient().get(`${product.url}/sso/key/generate`);
    expect(nobody.status).toBe(401);
    await product.dispose();
    await database.drop();
  });
});
