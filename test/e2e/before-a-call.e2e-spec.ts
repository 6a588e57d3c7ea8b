import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { GovernedProduct, type Json, modelEntry } from '../harness/governed-product.js';

const CANARY = 'canary-of-the-target-7f31';
let tested: GovernedProduct;

beforeAll(async () => {
  tested = await GovernedProduct.start((provider) => ({
    model_list: [
      modelEntry('m', provider, { input_cost_per_token: 0.001, output_cost_per_token: 0.002 }),
      modelEntry('hidden', provider),
    ],
    general_settings: {
      pass_through_endpoints: [
        {
          path: '/svc',
          target: `${provider.url}/base`,
          headers: { Authorization: `bearer ${CANARY}` },
          cost_per_request: 0.5,
        },
        { path: '/plain', target: 'https://hooks.example/T0/a-long-and-secret-name' },
      ],
    },
    litellm_settings: {
      public_model_groups: ['m'],
      public_model_groups_links: { Help: 'https://help.example' },
      cost_margin_config: { global: 0.5 },
    },
  }));
}, 120_000);
afterAll(() => tested?.dispose());

async function ask(
  method: string,
  path: string,
  body?: object,
  key?: string | null,
): Promise<{ status: number; body: Json; text: string }> {
  const response = await tested.product.request(method, path, body, key);
  const text = await response.text();
  return { status: response.status, body: JSON.parse(text) as Json, text };
}

const hello = [{ role: 'user', content: 'Hello, how are you today?' }];

describe('counting tokens', () => {
  it('asks no provider, costs nothing, and answers in the shape of either world', async () => {
    const key = await tested.makeKey({ models: ['m'], max_budget: 0.0001 });
    const before = tested.provider.requests.length;
    const counted = await ask('POST', '/utils/token_counter', { model: 'm', messages: hello }, key);
    expect(counted.body).toEqual({
      total_tokens: expect.any(Number),
      request_model: 'm',
      model_used: 'up-m',
      tokenizer_type: 'openai_tokenizer',
    });
    expect(counted.body['total_tokens']).toBeGreaterThan(8);
    expect(counted.body['total_tokens']).toBeLessThan(20);
    const prompt = await ask('POST', '/utils/token_counter', { model: 'm', prompt: 'Hello there' }, key);
    expect(prompt.body['total_tokens']).toBe(2);
    const messages = await ask('POST', '/v1/messages/count_tokens', { model: 'm', messages: hello }, key);
    expect(messages.body).toEqual({ input_tokens: counted.body['total_tokens'] });
    expect(tested.provider.requests.length).toBe(before);
    expect((await ask('GET', `/key/info?key=${key}`)).body['info'].spend).toBe(0);
  });

  it('counts only for models the caller may call, and refuses as a call would be', async () => {
    const key = await tested.makeKey({ models: ['m'] });
    const hidden = await ask('POST', '/utils/token_counter', { model: 'hidden', messages: hello }, key);
    expect([hidden.status, hidden.body['error'].type]).toEqual([403, 'key_model_access_denied']);
    const unknown = await ask('POST', '/v1/messages/count_tokens', { model: 'nope', messages: hello });
    expect(unknown.status).toBe(400);
    expect(unknown.body).toMatchObject({ type: 'error', error: { type: 'invalid_request_error' } });
    expect((await ask('POST', '/utils/token_counter', { model: 'm' }, key)).status).toBe(400);
    expect((await ask('POST', '/utils/token_counter', { model: 'm', messages: hello }, null)).status).toBe(
      401,
    );
  });

  it('comes to an end with a very long text', async () => {
    const messages = [{ role: 'user', content: 'word '.repeat(350_000) }];
    const { body } = await ask('POST', '/utils/token_counter', { model: 'm', messages });
    expect(body['total_tokens']).toBeGreaterThan(300_000);
    expect(body['total_tokens']).toBeLessThan(500_000);
  });
});

describe('what anybody may read', () => {
  it('is the models that the operator made public, and nothing about the others', async () => {
    const { body, text } = await ask('GET', '/public/model_hub', undefined, null);
    expect(body).toMatchObject([{ model_group: 'm', is_public_model_group: true }]);
    expect(text).not.toContain('hidden');
    expect(text).not.toContain(tested.provider.url);
    const info = await ask('GET', '/public/model_hub/info', undefined, null);
    expect(info.body).toMatchObject({
      useful_links: { Help: 'https://help.example' },
      litellm_version: null,
    });
  });

  it('is the providers and the published prices, not the ones of the operator', async () => {
    expect((await ask('GET', '/public/providers', undefined, null)).body).toContain('openai');
    for (const path of ['/public/litellm_model_cost_map', '/get/litellm_model_cost_map']) {
      const { status, body } = await ask('GET', path, undefined, null);
      expect(status).toBe(200);
      expect(body['gpt-4o']).toMatchObject({ litellm_provider: 'openai' });
      expect(body['gpt-4o'].input_cost_per_token).toBeGreaterThan(0);
      expect(body).not.toHaveProperty('m');
    }
  });
});

describe('an estimate', () => {
  it('is what a call costs, the margin included, and what many of them do', async () => {
    const { status, body } = await ask('POST', '/cost/estimate', {
      model: 'm',
      input_tokens: 10,
      output_tokens: 5,
      num_requests_per_day: 10,
    });
    expect(status).toBe(200);
    expect(body).toMatchObject({
      cost_per_request: 0.03,
      input_cost_per_request: 0.015,
      output_cost_per_request: 0.015,
      margin_cost_per_request: 0.01,
      daily_cost: 0.3,
      monthly_cost: null,
      input_cost_per_token: 0.0015,
      provider: 'openai',
    });
    expect((await ask('GET', '/config/cost_margin_config')).body).toEqual({ values: { global: 0.5 } });
    expect((await ask('GET', '/config/cost_discount_config')).body).toEqual({ values: {} });
  });

  it('of a model without a price is 400, and so is a size below nothing', async () => {
    const sizes = { input_tokens: 1, output_tokens: 1 };
    expect((await ask('POST', '/cost/estimate', { model: 'nobody/knows', ...sizes })).status).toBe(400);
    expect((await ask('POST', '/cost/estimate', { model: 'm', ...sizes, input_tokens: -1 })).status).toBe(
      400,
    );
  });
});

describe('what there is, and how it is', () => {
  it('is told to whoever has a key; alerts are tried by administrators', async () => {
    const key = await tested.makeKey();
    expect((await ask('GET', '/health/backlog', undefined, key)).body).toEqual({
      in_flight_requests: expect.any(Number),
      admitted_requests: 0,
      queued_requests: 0,
      rejected_requests: 0,
    });
    expect((await ask('GET', '/health/readiness/details', undefined, key)).body).toMatchObject({
      status: 'healthy',
      db: 'connected',
    });
    expect((await ask('GET', '/health/license', undefined, key)).body['has_license']).toBe(true);
    expect((await ask('GET', '/guardrails/list', undefined, key)).body).toEqual({ guardrails: [] });
    expect((await ask('GET', '/cache/ping')).body['error']).toMatchObject({
      type: 'cache_ping_error',
      code: '503',
    });
    expect((await ask('GET', '/health/services?service=slack', undefined, key)).status).toBe(401);
    expect((await ask('GET', '/health/services?service=slack')).status).toBe(400);
    expect((await ask('GET', '/health/services?service=nonsense')).body['error'].param).toBe('service');
  });

  it('answers scrapers with and without a slash', async () => {
    for (const path of ['/metrics', '/metrics/'])
      expect((await tested.product.request('GET', path)).status).toBe(200);
  });
});

describe('looking at pass-through endpoints', () => {
  it('shows administrators where they go, and nobody the credential', async () => {
    const { body, text } = await ask('GET', '/config/pass_through_endpoint');
    expect(text).not.toContain(CANARY);
    expect(body['endpoints']).toMatchObject([
      {
        path: '/svc',
        target: `${tested.provider.url}/base`,
        headers: { authorization: '*****' },
        include_subpath: false,
        cost_per_request: 0.5,
        auth: true,
        is_from_config: true,
      },
      { path: '/plain', target: 'https://hooks.example/T0/*****' },
    ]);
    const second = body['endpoints'][1].id as string;
    const one = await ask('GET', `/config/pass_through_endpoint?endpoint_id=${second}`);
    expect(one.body).toMatchObject({ endpoints: [{ path: '/plain' }] });
    expect((await ask('GET', '/config/pass_through_endpoint?endpoint_id=none')).status).toBe(404);
    const key = await tested.makeKey();
    expect((await ask('GET', '/config/pass_through_endpoint', undefined, key)).status).toBe(401);
  });
});
