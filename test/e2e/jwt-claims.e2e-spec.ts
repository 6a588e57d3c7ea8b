import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { IdentityProvider } from '../harness/identity-provider.js';
import { createTestDatabase, type TestDatabase } from '../harness/postgres.js';
import { callAs, DEAR, MODEL } from '../harness/priced-demo.js';
import { Product } from '../harness/product.js';

const now = (): number => Math.floor(Date.now() / 1000);

let database: TestDatabase;
let provider: IdentityProvider;
let partner: IdentityProvider;
let fleeting: IdentityProvider;
let product: Product;

beforeAll(async () => {
  database = await createTestDatabase();
  [provider, partner, fleeting] = await Promise.all([
    IdentityProvider.start(['RS256', 'ES256']),
    IdentityProvider.start(),
    IdentityProvider.start(),
  ]);
  product = await Product.start({
    databaseUrl: database.url.reveal(),
    env: { JWT_PUBLIC_KEY_URL: provider.keysUrl, JWT_ISSUER: provider.issuer, JWT_LEEWAY: '2' },
    config: {
      model_list: [MODEL, { ...MODEL, model_name: 'dear' }],
      litellm_settings: { default_team_params: { models: ['demo'], max_budget: 5, organization_id: 'home' } },
      general_settings: {
        enable_jwt_auth: true,
        enforce_rbac: true,
        custom_roles: [{ name: 'clerk', base: 'internal_user', routes: ['/v1/models'] }],
        role_permissions: [{ role: 'team', models: ['demo'], routes: ['openai_routes'] }],
        litellm_jwtauth: {
          user_id_jwt_field: 'sub',
          user_email_jwt_field: 'contact.mail',
          team_id_jwt_field: 'team',
          team_ids_jwt_field: 'groups',
          org_alias_jwt_field: 'company',
          roles_jwt_field: 'resource_access.app.roles',
          role_mappings: [{ role: 'filing', internal_role: 'clerk' }],
          jwt_litellm_role_map: [{ jwt_role: 'see-*', litellm_role: 'proxy_admin_viewer' }],
          sync_user_role_and_teams: true,
          team_claim_fallback: true,
          user_id_upsert: true,
          team_id_upsert: true,
          team_allowed_routes: ['/v1/chat/completions', 'info_routes'],
          scope_mappings: [
            { scope: 'all', models: ['demo', 'dear'] },
            { scope: 'one', models: ['demo'], routes: ['/v1/chat/completions'] },
          ],
          enforce_scope_based_access: true,
          public_key_ttl: 1,
          issuers: [
            {
              issuer: partner.issuer,
              audience: ['tollgate', 'other'],
              user_id_jwt_field: 'uid',
              team_ids_jwt_field: 'nothing',
            },
            { issuer: fleeting.issuer, disable_audience_validation: true },
          ],
        },
      },
    },
  });
  await admin('/organization/new', { organization_id: 'home', organization_alias: 'home' });
  await admin('/team/new', { team_id: 'red', models: ['demo', 'dear'], organization_id: null });
  await admin('/team/new', { team_id: 'blue', models: ['dear'], organization_id: null });
});

afterAll(async () => {
  await product?.dispose();
  for (const one of [provider, partner, fleeting]) await one?.close();
  await database?.drop();
});

const call = (token: string, path?: string, body?: object | null) => callAs(product.url, token, path, body);
const admin = (path: string, body?: object) => call(product.masterKey, path, body ?? null);
const tokenOf = (claims: JWTPayload): Promise<string> => provider.token({ scope: 'all', ...claims });
const roles = (...names: string[]): JWTPayload => ({ resource_access: { app: { roles: names } } });

describe('claims', () => {
  it('make a team with the template’s models and budget, and hold its token to the team’s routes', async () => {
    const token = await tokenOf({ team: 'made-by-token' });
    expect(await call(token)).toMatchObject({ status: 200 });
    expect((await call(token, undefined, DEAR)).status).toBe(403);
    expect((await call(token, '/v1/embeddings', { model: 'demo', input: 'x' })).status).toBe(403);
    const { team_info: team } = (await admin('/team/info?team_id=made-by-token')).json;
    expect(team).toMatchObject({ models: ['demo'], max_budget: 5, organization_id: 'home' });
    const { team_info: own } = (await admin('/team/info?team_id=red')).json;
    expect(own.organization_id).toBeNull();
  });

  it('hold a person’s token to the team’s routes too, and make it a member', async () => {
    const token = await tokenOf({ sub: 'ann', groups: ['red'] });
    expect((await call(token, undefined, DEAR)).status).toBe(200);
    expect((await call(token, '/key/generate', {})).status).toBe(403);
    expect((await admin('/team/info?team_id=red')).text).toContain('"ann"');
  });

  it('move a person between teams and change its role, as the token says', async () => {
    const first = await tokenOf({ sub: 'mia', groups: ['red', 'blue'], jti: '1' });
    expect((await call(first)).status).toBe(200);
    const teams = async (): Promise<string[]> =>
      (await admin('/user/info?user_id=mia')).json.teams
        .map((team: { team_id: string }) => team.team_id)
        .sort();
    expect(await teams()).toEqual(['blue', 'red']);
    const later = await tokenOf({ sub: 'mia', groups: ['blue'], jti: '2', ...roles('see-all') });
    expect((await call(later, undefined, DEAR)).status).toBe(200);
    expect(await teams()).toEqual(['blue']);
    const { user_info: user } = (await admin('/user/info?user_id=mia')).json;
    expect(user.user_role).toBe('proxy_admin_viewer');
  });

  it('narrow to models and routes of scopes; a scope that is not mapped may call nothing', async () => {
    const one = await tokenOf({ sub: 'kim', scope: 'one' });
    expect((await call(one)).status).toBe(200);
    expect((await call(one, undefined, DEAR)).status).toBe(403);
    expect((await call(one, '/v1/models', null)).status).toBe(403);
    expect((await call(await tokenOf({ sub: 'kim', scope: 'unknown' }))).status).toBe(403);
    expect((await call(await tokenOf({ sub: 'kim', scope: ['all'] }), undefined, DEAR)).status).toBe(200);
    expect((await call(await tokenOf({ sub: 'kim', scope: 7 }))).status).toBe(401);
  });

  it('may give a role of the operator’s own, which only narrows', async () => {
    const clerk = await tokenOf({ sub: 'cle', ...roles('filing') });
    expect((await call(clerk, '/v1/models', null)).status).toBe(200);
    expect((await call(clerk)).status).toBeGreaterThanOrEqual(401);
  });

  it('that name nobody are refused', async () => {
    expect((await call(await tokenOf({}))).status).toBe(403);
  });

  it('lead to an organization by its alias, and to none by one that is not there', async () => {
    await admin('/organization/new', { organization_alias: 'acme', models: ['dear'] });
    const token = await tokenOf({ sub: 'org', company: 'acme' });
    expect((await call(token, undefined, DEAR)).status).toBe(200);
    expect((await call(token)).status).toBe(403);
    expect((await call(await tokenOf({ sub: 'org', company: 'nobody' }))).status).toBe(401);
  });

  it('that reach into a list, or name a role of another type, are refused', async () => {
    expect((await call(await tokenOf({ sub: 'x', resource_access: [] }))).status).toBe(401);
    expect((await call(await tokenOf({ sub: 'x', resource_access: { app: { roles: 3 } } }))).status).toBe(
      401,
    );
  });

  it('with an address nobody verified do not lead to the person who has it', async () => {
    await admin('/user/new', { user_id: 'owner', user_email: 'owner@my-co.com', user_role: 'proxy_admin' });
    const claims = { sub: 'thief', contact: { mail: 'owner@my-co.com' } };
    const thief = await tokenOf({ ...claims, email_verified: false });
    expect((await call(thief, '/user/new', { user_id: 'planted' })).status).toBe(401);
    const owner = await tokenOf({ ...claims, sub: 'owner-at-the-provider' });
    expect((await call(owner, '/user/list', null)).status).toBe(200);
  });
});

describe('issuers', () => {
  it('are judged each by its own keys, audience and claims', async () => {
    const good = { scope: 'all', aud: 'tollgate', uid: 'pat', sub: 'not-pat' };
    expect((await call(await partner.token(good))).status).toBe(200);
    expect((await admin('/user/info?user_id=pat')).status).toBe(200);
    expect((await call(await partner.token({ ...good, aud: 'elsewhere' }))).status).toBe(401);
    // Signed by one, said to be of the other.
    expect((await call(await provider.token({ ...good, iss: partner.issuer }))).status).toBe(401);
    expect((await call(await partner.token({ ...good, iss: provider.issuer }))).status).toBe(401);
    expect((await call(await provider.token({ ...good, iss: 'https://nobody.example' }))).status).toBe(401);
  });

  it('that are away do not take the others with them', async () => {
    const known = await fleeting.token({ scope: 'all', sub: 'flo' });
    expect((await call(known)).status).toBe(200);
    fleeting.setDown(true);
    try {
      await expect.poll(async () => (await call(known)).status).toBe(200);
      expect((await call(await fleeting.token({ scope: 'all', sub: 'flo', jti: 'new' }))).status).toBe(200);
      const strange = await fleeting.token({ scope: 'all', sub: 'flo' }, undefined, { kid: 'strange' });
      for (let time = 0; time < 3; time += 1) expect((await call(strange)).status).toBe(503);
      expect((await call(await tokenOf({ sub: 'kim', jti: 'meanwhile' }))).status).toBe(200);
    } finally {
      fleeting.setDown(false);
    }
  }, 60_000);
});

describe('keys', () => {
  it('that are withdrawn end tokens that were verified with them, though nobody brings a new one', async () => {
    const token = await partner.token({ scope: 'all', aud: 'tollgate', uid: 'pat', jti: 'warm' });
    expect((await call(token)).status).toBe(200);
    await partner.rotate();
    await expect.poll(async () => (await call(token)).status, { timeout: 15_000 }).toBe(401);
  });

  it('under one id that could both be meant refuse; a token cannot bring its own', async () => {
    const { publicKey, privateKey } = await generateKeyPair('RS256');
    const jwk = await exportJWK(publicKey);
    const sign = (header: object) =>
      new SignJWT({ iss: provider.issuer, sub: 'kim', scope: 'all' })
        .setProtectedHeader({ alg: 'RS256', ...header })
        .setExpirationTime('1h')
        .sign(privateKey);
    expect((await call(await sign({ kid: 'mine', jwk, jku: fleeting.keysUrl }))).status).toBe(401);
    provider.publish({ ...jwk, kid: 'twice' });
    provider.publish({ ...(await exportJWK((await generateKeyPair('RS256')).publicKey)), kid: 'twice' });
    const refused = await call(await sign({ kid: 'twice' }));
    expect(refused.status).toBe(401);
    expect(refused.text).toMatch(/more than one key/);
  });

  it('of another type than the token says refuse', async () => {
    const { keys } = (await (await fetch(provider.keysUrl)).json()) as {
      keys: { kid: string; kty: string }[];
    };
    const elliptic = keys.find(({ kty }) => kty === 'EC');
    const token = await provider.token({ sub: 'kim', scope: 'all' }, 'RS256', { kid: elliptic?.kid });
    expect((await call(token)).status).toBe(401);
  });
});

describe('times', () => {
  it('may be missed by the leeway, not by more', async () => {
    expect((await call(await tokenOf({ sub: 'kim', exp: now() - 1 }))).status).toBe(200);
    const late = await call(await tokenOf({ sub: 'kim', exp: now() - 4 }));
    expect(late).toMatchObject({ status: 401, json: { error: { type: 'expired_key', param: null } } });
    expect((await call(await tokenOf({ sub: 'kim', nbf: now() + 1 }))).status).toBe(200);
    expect((await call(await tokenOf({ sub: 'kim', nbf: now() + 10 }))).status).toBe(401);
    expect((await call(await tokenOf({ sub: 'kim', nbf: 'soon' as never }))).status).toBe(401);
  });
});
