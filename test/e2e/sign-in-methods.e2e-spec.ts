import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { IdentityProvider } from '../harness/identity-provider.js';
import { createTestDatabase, type TestDatabase } from '../harness/postgres.js';
import { CHAT, MODEL } from '../harness/priced-demo.js';
import { Product } from '../harness/product.js';

/** The operator's own function: one magic key, one that is refused, one that stands for a virtual key, everything else is not its business. */
const CUSTOM_AUTH = `
export async function authenticate(request, key) {
  if (key === 'badge-7') return { user_id: 'from-badge', user_role: 'internal_user', models: ['demo'], metadata: { path: request.path } };
  if (key === 'badge-admin') return { user_id: 'boss', user_role: 'proxy_admin' };
  if (key === 'badge-odd') return { user_id: 'x', user_role: 'emperor' };
  if (key === 'stolen') throw new Error('secret detail: stolen badge');
  if (key.startsWith('ticket:')) return key.slice('ticket:'.length);
  return null;
}
`;

let database: TestDatabase;
let provider: IdentityProvider;
let product: Product;

beforeAll(async () => {
  database = await createTestDatabase();
  provider = await IdentityProvider.start();
  product = await Product.start({
    databaseUrl: database.url.reveal(),
    files: { 'my_auth.mjs': CUSTOM_AUTH },
    env: { OAUTH_CLIENT_ID: 'tollgate', OAUTH_CLIENT_SECRET: 'a secret: with colon' },
    config: {
      model_list: [MODEL, { ...MODEL, model_name: 'dear' }],
      general_settings: {
        custom_auth: './my_auth.mjs:authenticate',
        custom_auth_settings: { mode: 'on' },
        enable_oauth2_auth: true,
        custom_roles: [{ name: 'clerk', base: 'internal_user', routes: ['/v1/models'] }],
        litellm_jwtauth: {
          enforce_scope_based_access: true,
          scope_mappings: [
            { scope: 'chat', models: ['demo'] },
            { scope: 'read', models: ['demo'] },
          ],
        },
        oauth_token_info_endpoint: `${provider.issuer}/introspect`,
        enable_oauth2_proxy_auth: true,
        trusted_proxy_ranges: ['127.0.0.1/32'],
        oauth2_config_mappings: {
          user_id: 'X-Goog-Authenticated-User-ID',
          user_email: 'X-Goog-Authenticated-User-Email',
          models: 'X-Custom-Models',
          max_budget: 'X-Custom-Budget',
        },
      },
    },
  });
});

afterAll(async () => {
  await product?.dispose();
  await provider?.close();
  await database?.drop();
});

async function call(
  headers: Record<string, string>,
  path = '/v1/chat/completions',
  body: object | null = CHAT,
) {
  const response = await fetch(product.url + path, {
    method: body === null ? 'GET' : 'POST',
    headers: { ...headers, 'content-type': 'application/json' },
    ...(body === null ? {} : { body: JSON.stringify(body) }),
  });
  return { status: response.status, text: await response.text() };
}

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

describe('an opaque token of an OAuth2 server', () => {
  it('is introspected once with the client’s own credentials, and lets its user in', async () => {
    provider.opaque.set('opaque-ada', {
      sub: 'ada',
      scope: 'read',
      exp: Math.floor(Date.now() / 1000) + 600,
    });
    expect((await call(bearer('opaque-ada'))).status).toBe(200);
    const asked = provider.asked.length;
    expect((await call(bearer('opaque-ada'))).status).toBe(200);
    expect(provider.asked.length).toBe(asked);
    const sent = Buffer.from(provider.lastAuthorization.replace('Basic ', ''), 'base64').toString();
    expect(sent).toBe('tollgate:a%20secret%3A%20with%20colon');
  });

  it('is refused when its server does not know it, and when it has ended', async () => {
    expect((await call(bearer('opaque-nobody'))).status).toBe(401);
    provider.opaque.set('opaque-old', { sub: 'ada', exp: Math.floor(Date.now() / 1000) - 1 });
    expect((await call(bearer('opaque-old'))).text).toMatch(/Token Expired/);
  });

  it('is refused for every answer that is no plain yes; an end may be written as text', async () => {
    provider.opaque.set('opaque-text', { sub: 'ada', active: 'false' });
    provider.opaque.set('opaque-odd-end', { sub: 'ada', exp: 'never' });
    provider.opaque.set('opaque-ended', { sub: 'ada', exp: String(Math.floor(Date.now() / 1000) - 5) });
    provider.opaque.set('opaque-list', { sub: { $ne: null } });
    for (const token of ['opaque-text', 'opaque-odd-end', 'opaque-ended', 'opaque-list'])
      expect((await call(bearer(token))).status).toBe(401);
    provider.opaque.set('opaque-lasting', {
      sub: 'ada',
      scope: 'read',
      exp: String(Math.floor(Date.now() / 1000) + 60),
    });
    expect((await call(bearer('opaque-lasting'))).status).toBe(200);
  });

  it('is asked about once, however many bring it at once', async () => {
    provider.opaque.set('opaque-crowd', { sub: 'ada', scope: 'read' });
    const asked = provider.asked.length;
    const answers = await Promise.all(Array.from({ length: 20 }, () => call(bearer('opaque-crowd'))));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    expect(provider.asked.length).toBe(asked + 1);
  });

  it('is narrowed by its scopes, to models and to a role of the operator’s own', async () => {
    const token = { sub: 'ada', scope: 'chat clerk' };
    provider.opaque.set('opaque-clerk', token);
    expect((await call(bearer('opaque-clerk'), '/v1/models', null)).status).toBe(200);
    expect((await call(bearer('opaque-clerk'))).status).toBeGreaterThanOrEqual(401);
    const dear = { ...CHAT, model: 'dear' };
    provider.opaque.set('opaque-chat', { sub: 'ada', scope: 'chat' });
    expect((await call(bearer('opaque-chat'))).status).toBe(200);
    expect((await call(bearer('opaque-chat'), '/v1/chat/completions', dear)).status).toBe(403);
  });

  it('makes an administrator only where it says so in a role of this proxy', async () => {
    provider.opaque.set('opaque-admin', { sub: 'root', role: 'proxy_admin' });
    provider.opaque.set('opaque-user', { sub: 'user', role: 'internal_user' });
    provider.opaque.set('opaque-odd', { sub: 'odd', role: 'emperor' });
    expect((await call(bearer('opaque-admin'), '/key/list', null)).status).toBe(200);
    expect((await call(bearer('opaque-user'), '/user/new', { user_id: 'x' })).status).toBe(401);
    expect((await call(bearer('opaque-odd'))).status).toBe(401);
  });

  /** A server that has too much to do, or has lost our client, says nothing about the token: whoever has a good one is not told to get another. */
  it.each([401, 403, 408, 429, 500, 503])(
    'is not called wrong when its server answers %i',
    async (status) => {
      provider.opaque.set(`opaque-${status}`, { sub: 'ada', scope: 'read' });
      provider.instead.set('/introspect', status);
      try {
        expect((await call(bearer(`opaque-${status}`))).status).toBe(503);
      } finally {
        provider.instead.clear();
      }
      expect((await call(bearer(`opaque-${status}`))).status).toBe(200);
    },
  );

  it('fails closed with 503 while its server is away; keys of our own never go there', async () => {
    const key = await product.makeKey();
    provider.setDown(true);
    const asked = provider.asked.length;
    try {
      expect((await call(bearer('opaque-unseen'))).status).toBe(503);
      const afterUnseen = provider.asked.length;
      expect(afterUnseen).toBeGreaterThan(asked);
      expect((await call(bearer(key))).status).toBe(200);
      expect((await call(bearer(product.masterKey), '/key/list', null)).status).toBe(200);
      expect(provider.asked.length).toBe(afterUnseen);
    } finally {
      provider.setDown(false);
    }
  });
});

describe('identity headers of a trusted proxy', () => {
  it('say who is calling, without the prefix of Google’s proxy', async () => {
    await product.request('POST', '/user/new', { user_id: '4711', user_email: 'ada@example.com' });
    const headers = { 'x-goog-authenticated-user-id': 'accounts.google.com:4711' };
    expect((await call(headers)).status).toBe(200);
    const spend = async (): Promise<number> => {
      const answer = await product.request('GET', '/user/info?user_id=4711');
      return ((await answer.json()) as { user_info: { spend: number } }).user_info.spend;
    };
    await expect.poll(spend, { timeout: 5_000 }).toBeGreaterThan(0);
  });

  it('can narrow what the user may call and spend, and nothing else', async () => {
    const headers = { 'x-goog-authenticated-user-email': 'ada@example.com', 'x-custom-models': 'dear' };
    expect((await call(headers)).status).toBe(403);
    expect((await call(headers, '/v1/chat/completions', { ...CHAT, model: 'dear' })).status).toBe(200);
    const poor = { 'x-goog-authenticated-user-email': 'ada@example.com', 'x-custom-budget': '0' };
    expect((await call(poor)).status).toBe(422);
    expect((await call({ ...poor, 'x-custom-budget': '1e9' })).status).toBe(401);
  });

  it('are nothing without an identity, and nobody’s when they are there twice', async () => {
    expect((await call({ 'x-custom-models': 'demo' })).status).toBe(401);
    const twice = await fetch(`${product.url}/v1/models`, {
      headers: [
        ['x-goog-authenticated-user-id', 'a'],
        ['x-goog-authenticated-user-id', 'b'],
      ],
    });
    // fetch joins the two; either way no single user is named by them.
    expect(twice.status).not.toBe(500);
  });

  it('do not count beside a credential', async () => {
    const headers = { ...bearer('sk-unknown-0123456789'), 'x-goog-authenticated-user-id': '4711' };
    expect((await call(headers)).status).toBe(401);
  });
});

describe('the operator’s own function', () => {
  it('lets in whom it names, with the models it names', async () => {
    expect((await call(bearer('badge-7'))).status).toBe(200);
    expect((await call(bearer('badge-7'), '/v1/chat/completions', { ...CHAT, model: 'dear' })).status).toBe(
      403,
    );
    expect((await call(bearer('badge-admin'), '/key/list', null)).status).toBe(200);
  });

  it('keeps out whom it refuses, and its words stay in the log', async () => {
    const answer = await call(bearer('stolen'));
    expect(answer.status).toBe(401);
    expect(answer.text).not.toMatch(/secret detail/);
    expect((await call(bearer('badge-odd'))).status).toBe(401);
  });

  it('may answer with a key, or leave the decision to the other ways in', async () => {
    const key = await product.makeKey();
    expect((await call(bearer(`ticket:${key}`))).status).toBe(200);
    expect((await call(bearer(key))).status).toBe(200);
    expect((await call({})).status).toBe(401);
  });

  it('does not stand above the rows: a blocked user stays out', async () => {
    await product.request('POST', '/user/new', { user_id: 'from-badge' });
    await product.request('POST', '/user/update', { user_id: 'from-badge', blocked: true });
    expect((await call(bearer('badge-7'))).status).toBe(401);
  });
});

it('does not start when its module has no such function', async () => {
  await expect(
    Product.start({
      files: { 'my_auth.mjs': 'export const other = 1;' },
      databaseUrl: database.url.reveal(),
      config: { model_list: [MODEL], general_settings: { custom_auth: './my_auth.mjs:authenticate' } },
      readyWithinMs: 15_000,
    }),
  ).rejects.toThrow();
});
