import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type Answer, GovernedProduct, modelEntry } from '../harness/governed-product.js';

let gate: GovernedProduct;

beforeAll(async () => {
  gate = await GovernedProduct.start((provider) => ({
    model_list: [modelEntry('m', provider)],
    general_settings: {
      enforced_params: ['user'],
      service_account_settings: { enforced_params: ['metadata.job'] },
    },
  }));
});
afterAll(() => gate?.dispose());
afterEach(() => gate.provider.reset());

const missing = (answer: Answer): unknown => {
  expect(answer.status).toBe(400);
  expect(answer.body.error.type).toBe('invalid_request_error');
  return answer.body.error.param;
};

describe('enforced_params', () => {
  it('of the file bind everybody, on every completion route, before anything is sent or counted', async () => {
    const key = await gate.makeKey({ rpm_limit: 1 });
    const bodies: [string, object][] = [
      ['/v1/chat/completions', { messages: [{ role: 'user', content: 'hi' }] }],
      ['/v1/chat/completions', { messages: [{ role: 'user', content: 'hi' }], stream: true }],
      ['/engines/m/chat/completions', { messages: [{ role: 'user', content: 'hi' }] }],
      ['/v1/completions', { prompt: 'hi' }],
      ['/v1/embeddings', { input: 'hi' }],
      ['/v1/responses', { input: 'hi' }],
    ];
    for (const [path, body] of bodies)
      expect(missing(await gate.ask('POST', path, { model: 'm', ...body }, key))).toBe('user');
    expect(missing(await gate.chat(gate.product.masterKey))).toBe('user');
    const messages = { model: 'm', max_tokens: 5, messages: [{ role: 'user', content: 'hi' }] };
    const anthropic = await gate.ask('POST', '/v1/messages', messages, key);
    expect(anthropic.status).toBe(400);
    expect(anthropic.body.error.message).toContain('`user`');
    expect(gate.provider.requests).toHaveLength(0);
    expect((await gate.chat(key, { user: 'u' })).status).toBe(200);
    expect((await gate.chat(key, {}, { 'x-litellm-customer-id': 'u' })).status).toBe(429);
  });

  it('of a key, its team and service accounts come on top, and reach nobody else', async () => {
    await gate.admin('/team/new', {
      team_id: 'strict',
      metadata: { enforced_params: ['metadata.cost_center'] },
    });
    await gate.admin('/team/new', { team_id: 'lax' });
    const both = await gate.makeKey({ team_id: 'strict', enforced_params: ['metadata.generation_name'] });
    const lax = await gate.makeKey({ team_id: 'lax' });
    const ask = (key: string, metadata: object) => gate.chat(key, { user: 'u', metadata });
    for (let i = 0; i < 3; i += 1) {
      expect(missing(await ask(both, {}))).toBe('metadata.generation_name');
      expect(missing(await ask(both, { generation_name: 'g' }))).toBe('metadata.cost_center');
      expect((await ask(both, { generation_name: 'g', cost_center: 7 })).status).toBe(200);
      expect((await ask(lax, {})).status).toBe(200);
    }
    const { key: robot } = await gate.admin('/key/service-account/generate', {
      team_id: 'lax',
      key_alias: 'robot',
    });
    expect(missing(await ask(robot, {}))).toBe('metadata.job');
    expect((await ask(robot, { job: 'nightly' })).status).toBe(200);
  });

  it('are read back, stay when other metadata is replaced, and end when they are taken away', async () => {
    const key = await gate.makeKey({ metadata: { enforced_params: ['metadata.a'], note: 1 } });
    const made = (await gate.admin(`/key/info?key=${key}`)).info;
    expect(made.metadata).toEqual({ note: 1, enforced_params: ['metadata.a'] });
    await gate.admin('/key/update', { key, metadata: { note: 2 } });
    expect(missing(await gate.chat(key, { user: 'u' }))).toBe('metadata.a');
    await gate.admin('/key/update', { key, enforced_params: [] });
    expect((await gate.chat(key, { user: 'u' })).status).toBe(200);
  });

  it('can be changed by proxy administrators alone', async () => {
    await gate.admin('/user/new', { user_id: 'owner', user_role: 'internal_user', auto_create_key: false });
    const own = await gate.makeKey({ user_id: 'owner', enforced_params: ['metadata.a'] });
    const freed = await gate.ask('POST', '/key/update', { key: own, enforced_params: [] }, own);
    expect(freed.status).toBe(403);
    // What binds a key binds the keys made with it.
    const made = await gate.admin('/key/generate', { models: ['m'] }, own);
    expect(missing(await gate.chat(made.key, { user: 'u' }))).toBe('metadata.a');
    expect(missing(await gate.chat(own, { user: 'u' }))).toBe('metadata.a');
  });

  it.each([['metadata..a'], ['a b'], ['*'], ['metadata.*'], [''], ['.a'], [5], ['a'.repeat(65)]])(
    'are 400 where no request could satisfy them: %j',
    async (path) => {
      for (const body of [{ enforced_params: [path] }, { metadata: { enforced_params: [path] } }]) {
        const answer = await gate.ask('POST', '/key/generate', body);
        expect([400, 422]).toContain(answer.status);
        expect(answer.text).toContain('enforced_params');
      }
    },
  );

  it('do not stand in the way of an explanation, which asks about a call without members', async () => {
    const key = await gate.makeKey({ enforced_params: ['metadata.a'] });
    const question = { route: 'POST /v1/chat/completions', model: 'm', user: 'u' };
    const answer = await gate.ask('POST', '/explain', question, key);
    expect(answer.status).toBe(200);
    expect(answer.body.allowed).toBe(true);
  });
});
