import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type Answer, GovernedProduct, modelEntry } from '../harness/governed-product.js';

let gate: GovernedProduct;

beforeAll(async () => {
  gate = await GovernedProduct.start((provider) => ({
    model_list: [
      modelEntry('m', provider),
      modelEntry('other', provider),
      modelEntry('secret-model', provider),
      modelEntry('beta-1', provider, {}, { access_groups: ['beta'] }),
    ],
    router_settings: { num_retries: 0, disable_cooldowns: true },
  }));
});
afterAll(() => gate?.dispose());
afterEach(() => gate.provider.reset());

/** Refused, in the error shape, without a call upstream and without a cent. */
async function expectRefused(key: string, answer: Answer, status: number, type: string): Promise<void> {
  expect(answer.status, answer.text).toBe(status);
  expect(answer.body.error).toMatchObject({ type, code: String(status) });
  expect(gate.provider.requests).toHaveLength(0);
  expect(await gate.entriesOf(key)).toHaveLength(0);
}

describe('who may use which model', () => {
  it('is decided by the key', async () => {
    const key = await gate.makeKey({ models: ['other'] });
    await expectRefused(key, await gate.chat(key), 403, 'key_model_access_denied');
    expect((await gate.chat(key, { model: 'other' })).status).toBe(200);
  });

  it('is decided by the team', async () => {
    const { team_id } = await gate.admin('/team/new', { models: ['other'] });
    const key = await gate.makeKey({ team_id });
    await expectRefused(key, await gate.chat(key), 403, 'team_model_access_denied');
    expect((await gate.chat(key, { model: 'other' })).status).toBe(200);
  });

  it('is decided by the user, and a team key cannot be wider than its team', async () => {
    await gate.admin('/user/new', { user_id: 'narrow', models: ['other'], auto_create_key: false });
    const key = await gate.makeKey({ user_id: 'narrow' });
    await expectRefused(key, await gate.chat(key), 403, 'user_model_access_denied');
  });

  it('knows access groups', async () => {
    const key = await gate.makeKey({ models: ['beta'] });
    expect((await gate.chat(key, { model: 'beta-1' })).status).toBe(200);
    expect((await gate.chat(key, { model: 'm' })).status).toBe(403);
  });

  it('tells a stranger nothing about models that exist: a forbidden and an unknown name read the same', async () => {
    const key = await gate.makeKey({ models: ['other'] });
    const [forbidden, unknown] = await Promise.all([
      gate.chat(key, { model: 'secret-model' }),
      gate.chat(key, { model: 'absent-model' }),
    ]);
    expect(forbidden.status).toBe(unknown.status);
    const anonymous = ({ text }: { text: string }): string =>
      text.replaceAll(/(secret|absent)-model/g, 'X').replaceAll(/dec_\w+/g, 'dec');
    expect(anonymous(forbidden)).toBe(anonymous(unknown));
    expect(forbidden.text).not.toContain('other');
  });

  it('holds on every endpoint and every way to name a model', async () => {
    const key = await gate.makeKey({ models: ['other'] });
    const messages = [{ role: 'user', content: 'hi' }];
    for (const [path, body] of [
      ['/v1/completions', { model: 'm', prompt: 'hi' }],
      ['/v1/embeddings', { model: 'm', input: 'hi' }],
      ['/v1/responses', { model: 'm', input: 'hi' }],
      ['/v1/messages', { model: 'm', max_tokens: 5, messages }],
      ['/openai/deployments/m/chat/completions', { messages }],
      // The path decides; a body that says otherwise must not open the door.
      ['/openai/deployments/m/chat/completions', { model: 'other', messages }],
      ['/engines/m/chat/completions', { model: 'other', messages }],
      ['/v1/chat/completions', { model: 'other', messages, fallbacks: ['m'] }],
    ] as const) {
      expect((await gate.ask('POST', path, body, key)).status, `${path} ${JSON.stringify(body)}`).toBe(403);
    }
    expect(gate.provider.requests).toHaveLength(0);
  });

  it.each(['M', ' m', 'm ', 'm\u0000', 'm/', '*', 'openai/up-m', 'up-m', './m', 'm?', '%6d'])(
    'does not take %j for m',
    async (model) => {
      const key = await gate.makeKey({ models: ['other'] });
      expect((await gate.chat(key, { model })).status).toBe(403);
      expect(gate.provider.requests).toHaveLength(0);
    },
  );

  it('shows a key only its own models', async () => {
    const { body } = await gate.ask(
      'GET',
      '/v1/models',
      undefined,
      await gate.makeKey({ models: ['other'] }),
    );
    expect(body.data.map(({ id }: { id: string }) => id)).toEqual(['other']);
  });
});

describe('a change takes effect with the next request', () => {
  const cases: [string, (key: string) => Promise<unknown>, number][] = [
    ['blocked', (key) => gate.admin('/key/block', { key }), 401],
    ['deleted', (key) => gate.admin('/key/delete', { keys: [key] }), 401],
    ['regenerated', (key) => gate.admin(`/key/${key}/regenerate`, {}), 401],
    ['narrowed', (key) => gate.admin('/key/update', { key, models: ['other'] }), 403],
    ['limited', (key) => gate.admin('/key/update', { key, rpm_limit: 0 }), 429],
    ['capped', (key) => gate.admin('/key/update', { key, max_budget: 0 }), 422],
  ];
  it.each(cases)('of a key that is %s', async (_what, change, status) => {
    const key = await gate.makeKey();
    expect((await gate.chat(key)).status).toBe(200);
    await change(key);
    expect((await gate.chat(key)).status).toBe(status);
    expect(gate.provider.requests).toHaveLength(1);
  });

  it('of a key that is unblocked, and of the new secret of a regenerated one', async () => {
    const key = await gate.makeKey({ blocked: true });
    expect((await gate.chat(key)).status).toBe(401);
    await gate.admin('/key/unblock', { key });
    expect((await gate.chat(key)).status).toBe(200);
    const { key: next } = await gate.admin(`/key/${key}/regenerate`, {});
    expect(next).not.toBe(key);
    expect((await gate.chat(next)).status).toBe(200);
    expect((await gate.chat(key)).status).toBe(401);
  });

  it('of a team that is blocked: all its keys, at once', async () => {
    const { team_id } = await gate.admin('/team/new', {});
    const keys = await Promise.all([gate.makeKey({ team_id }), gate.makeKey({ team_id })]);
    for (const key of keys) expect((await gate.chat(key)).status).toBe(200);
    await gate.admin('/team/block', { team_id });
    for (const key of keys) {
      const answer = await gate.chat(key);
      expect(answer.status).toBe(401);
      expect(answer.body.error.message).toMatch(/is blocked/);
    }
    await gate.admin('/team/unblock', { team_id });
    for (const key of keys) expect((await gate.chat(key)).status).toBe(200);
  });

  it('of a key whose time has come, without anybody doing anything', async () => {
    const key = await gate.makeKey({ duration: '1s' });
    expect((await gate.chat(key)).status).toBe(200);
    await expect.poll(async () => (await gate.chat(key)).status, { timeout: 2_000 }).toBe(401);
    expect((await gate.chat(key)).body.error).toMatchObject({ type: 'expired_key' });
    expect(gate.product.logs).toContain('Token Expired');
  });

  it('for a call that already waits for its answer: it ends, the next one is refused', async () => {
    gate.provider.behave({ firstByteDelayMs: 300 });
    const key = await gate.makeKey();
    const running = gate.chat(key);
    await expect.poll(() => gate.provider.requests.length).toBe(1);
    await gate.admin('/key/block', { key });
    expect((await gate.chat(key)).status).toBe(401);
    expect((await running).status).toBe(200);
    expect(await gate.entriesOf(key)).toHaveLength(1);
  });
});

describe('a body cannot buy authority', () => {
  it.each([
    ['api_base', 'http://169.254.169.254/'],
    ['base_url', 'http://127.0.0.1:1/'],
    ['model_list', []],
    ['input_cost_per_token', 0],
    ['output_cost_per_token', 0],
    ['aws_role_name', 'x'],
    ['callbacks', ['x']],
    ['extra_body', { api_base: 'http://127.0.0.1:1/' }],
    ['metadata', { api_base: 'http://127.0.0.1:1/' }],
    ['metadata', '{"api_base":"http://127.0.0.1:1/"}'],
    ['litellm_params', { metadata: { api_base: 'http://127.0.0.1:1/' } }],
    ['fallbacks', [{ model: 'm', api_base: 'http://127.0.0.1:1/' }]],
  ])('with %s: %j', async (field, value) => {
    const key = await gate.makeKey();
    const answer = await gate.chat(key, { [field]: value });
    await expectRefused(key, answer, 401, 'auth_error');
    expect(answer.body.error.message).toMatch(/Rejected Request/);
  });

  it('with fields that steer the proxy: they do nothing, and the provider does not see them', async () => {
    const key = await gate.makeKey({ user_id: 'payer' });
    const inert = {
      'no-log': true,
      no_log: true,
      mock_response: 'free of charge',
      api_key: 'sk-of-somebody-else-0123456789',
      user_api_key_hash: 'x',
      max_budget: 100,
      litellm_metadata: { user_api_key_user_id: 'somebody-else', user_api_key_team_id: 't' },
      proxy_server_request: {},
      num_retries: 0,
      cache: { 'no-store': true },
    };
    const metadata = {
      user_api_key_user_id: 'somebody-else',
      user_api_key: 'x',
      user_api_key_team_id: 't',
      trace: 'kept',
    };
    const answer = await gate.chat(key, { ...inert, metadata });
    expect(answer.status).toBe(200);
    expect(answer.text).not.toContain('free of charge');
    const sent = String(gate.provider.requests[0]?.body);
    for (const name of Object.keys(inert)) {
      if (name !== 'max_budget' && name !== 'user_api_key_hash')
        expect(sent, name).not.toContain(`"${name}"`);
    }
    const [entry] = await gate.entriesOf(key);
    expect(entry).toMatchObject({ userId: 'payer', teamId: null, status: 'success', costNano: 5_000_000n });
    expect(gate.provider.requests[0]?.headers.authorization).not.toContain('somebody');
  });

  it('with `user`: a key that is pinned to a customer stays that customer’s', async () => {
    const key = await gate.makeKey({ end_user_id: 'pinned' });
    await gate.chat(
      key,
      { user: 'another', metadata: { user_id: 'third' } },
      { 'x-litellm-customer-id': 'fourth' },
    );
    expect((await gate.entriesOf(key))[0]?.customerId).toBe('pinned');
  });

  it('with headers that name a caller', async () => {
    const key = await gate.makeKey({ user_id: 'plain' });
    const forged = {
      'x-litellm-user-id': 'default_user_id',
      'x-user-role': 'proxy_admin',
      'x-forwarded-user': 'admin',
      'litellm-changed-by': 'admin',
    };
    await gate.chat(key, {}, forged);
    expect((await gate.entriesOf(key))[0]).toMatchObject({ userId: 'plain' });
    expect((await gate.ask('POST', '/key/generate', {}, key, forged)).status).toBe(401);
  });
});
