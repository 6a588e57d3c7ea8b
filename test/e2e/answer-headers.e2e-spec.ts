import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { FakeProvider } from '../harness/fake-provider.js';
import { GovernedProduct } from '../harness/governed-product.js';
import type { Product } from '../harness/product.js';

/** Which headers a caller gets in which situation (contract/limits 1.7 and 4.3, contract/auth 2.1). */
let gate: GovernedProduct;
let provider: FakeProvider;
let product: Product;
let key: string;

const PRICE = { input_cost_per_token: 0.000_001, output_cost_per_token: 0.000_002 };
const LIMITS = { rpm_limit: 1_000, tpm_limit: 1_000_000, max_budget: 2 };

beforeAll(async () => {
  gate = await GovernedProduct.start(({ url }) => {
    const model = (name: string, more: object = {}) => ({
      model_name: name,
      litellm_params: {
        model: `openai/up-${name}`,
        api_base: url,
        api_key: 'sk-up',
        cooldown_time: 0,
        ...PRICE,
        ...more,
      },
      model_info: { id: `id-${name}` },
    });
    return {
      model_list: [
        model('gpt'),
        model('broken'),
        model('slow', { timeout: 0.2 }),
        model('claude', { model: 'anthropic/up' }),
      ],
      router_settings: { fallbacks: [{ broken: ['gpt'] }], num_retries: 1 },
    };
  });
  ({ product, provider } = gate);
  key = await product.makeKey(LIMITS);
});

beforeEach(() => {
  provider.reset();
  provider.behave({ promptTokens: 10, completionTokens: 5 });
});

afterAll(() => gate?.dispose());

const messages = [{ role: 'user', content: 'hi' }];
const chat = async (body: object, bearer = key) => {
  const sent = { model: 'gpt', max_tokens: 20, messages, ...body };
  const response = await product.request('POST', '/v1/chat/completions', sent, bearer);
  return {
    status: response.status,
    headers: Object.fromEntries(response.headers),
    text: await response.text(),
  };
};

const OF_KEY = {
  'x-litellm-key-rpm-limit': '1000',
  'x-litellm-key-tpm-limit': '1000000',
  'x-litellm-key-max-budget': '2',
  'x-litellm-key-spend': expect.stringMatching(/^0(\.\d+)?$/),
};
const ANSWERED = {
  'x-litellm-call-id': expect.stringMatching(/^req_/),
  'x-litellm-version': expect.any(String),
  'x-litellm-model-id': 'id-gpt',
  'x-litellm-model-name': 'openai/up-gpt',
  'x-litellm-model-group': 'gpt',
  'x-litellm-attempted-retries': '0',
  'x-litellm-attempted-fallbacks': '0',
  'x-ratelimit-api_key-limit-requests': '1000',
  'x-ratelimit-limit-requests': '1000',
  'x-ratelimit-limit-tokens': '1000000',
  ...OF_KEY,
};
const PAID = {
  'x-litellm-response-cost': '0.00002',
  'x-litellm-response-cost-original': '0.00002',
  'x-litellm-response-cost-input': '0.00001',
  'x-litellm-response-cost-output': '0.00001',
  'x-litellm-response-duration-ms': expect.stringMatching(/^\d+\.\d{3}$/),
  'x-litellm-overhead-duration-ms': expect.stringMatching(/^\d+\.\d{3}$/),
};

describe('the headers of an answer', () => {
  it('say who served it, how the key stands and what it cost', async () => {
    const { headers } = await chat({});
    expect(headers).toMatchObject({
      ...ANSWERED,
      ...PAID,
      'x-litellm-model-api-base': provider.url,
    });
  });

  it('say the same of a stream, but for what is only known at its end', async () => {
    const { headers } = await chat({ stream: true });
    expect(headers).toMatchObject(ANSWERED);
    expect(Object.keys(headers).filter((name) => name.startsWith('x-litellm-response-'))).toEqual([]);
  });

  it('repeat the provider’s under its prefix, and its limits as they are where we have none of that name', async () => {
    const theirs = {
      'x-request-id': 'req_theirs',
      'openai-processing-ms': '12',
      'x-ratelimit-remaining-requests': '3',
      'x-ratelimit-reset-requests': '6ms',
      'set-cookie': 'a=1',
    };
    provider.behaveNext({ promptTokens: 10, headers: theirs });
    const { headers } = await chat({});
    expect(headers).toMatchObject({
      'llm_provider-x-request-id': 'req_theirs',
      'llm_provider-openai-processing-ms': '12',
      'llm_provider-x-ratelimit-remaining-requests': '3',
      'x-ratelimit-reset-requests': '6ms',
    });
    expect(Number(headers['x-ratelimit-remaining-requests'])).toBeGreaterThan(900);
    expect(headers).not.toHaveProperty('set-cookie');
    expect(headers).not.toHaveProperty('llm_provider-set-cookie');
  });

  it('count what was tried again, and name who stood in', async () => {
    provider.behaveNext({ status: 500 });
    expect((await chat({})).headers).toMatchObject({ 'x-litellm-attempted-retries': '1' });
    provider.behaveFor('up-broken', { status: 500 });
    expect((await chat({ model: 'broken' })).headers).toMatchObject({
      ...ANSWERED,
      'x-litellm-attempted-retries': '1',
      'x-litellm-attempted-fallbacks': '1',
    });
  });
});

describe('the headers of an error', () => {
  const NAMED = {
    'x-litellm-call-id': expect.stringMatching(/^req_/),
    'x-litellm-version': expect.any(String),
  };

  it.each([
    ['a model the key may not use', 403, { models: ['claude'] }, {}],
    ['a limit', 429, { rpm_limit: 0 }, { 'x-litellm-key-rpm-limit': '0', rate_limit_type: 'requests' }],
    ['a budget', 422, { max_budget: 0 }, { 'x-litellm-key-max-budget': '0' }],
  ])('tell how the key stands, and that nothing was paid: %s', async (_what, status, settings, more) => {
    const answer = await chat({}, await product.makeKey({ ...LIMITS, ...settings }));
    expect(answer.status).toBe(status);
    expect(answer.headers).toMatchObject({
      ...NAMED,
      ...OF_KEY,
      ...more,
      'x-litellm-response-cost': '0',
      'x-should-retry': 'false',
      'x-tollgate-decision-id': expect.stringMatching(/^dec_/),
    });
    expect(answer.headers).not.toHaveProperty('x-litellm-attempted-retries');
    expect(provider.requests).toHaveLength(0);
  });

  /** Nobody in particular learns nothing about any key. */
  it('tell who has no key of ours the id of the call, and nothing else', async () => {
    const { status, headers } = await chat({}, 'sk-nobody-made-this-one-0123');
    expect(status).toBe(401);
    expect(headers).toMatchObject({ ...NAMED, 'x-should-retry': 'false' });
    expect(Object.keys(headers).filter((name) => /key|cost|ratelimit/.test(name))).toEqual([]);
  });

  it('tell what the provider said about its own, under its prefix, and what was tried', async () => {
    const theirs = {
      'retry-after': '1',
      'x-request-id': 'req_theirs',
      'x-ratelimit-remaining-requests': '0',
    };
    provider.behaveNext({ status: 429, headers: theirs }, { status: 429, headers: theirs });
    const { status, headers } = await chat({});
    expect(status).toBe(429);
    expect(headers).toMatchObject({
      ...NAMED,
      ...OF_KEY,
      'x-litellm-response-cost': '0',
      'x-litellm-attempted-retries': '1',
      'x-litellm-attempted-fallbacks': '0',
      'llm_provider-retry-after': '1',
      'llm_provider-x-request-id': 'req_theirs',
      'llm_provider-x-ratelimit-remaining-requests': '0',
    });
    for (const bare of ['retry-after', 'x-should-retry', 'x-ratelimit-remaining-requests'])
      expect(headers).not.toHaveProperty(bare);
  });

  it('tell how long a provider had, and what its silence costs', async () => {
    provider.behaveFor('up-slow', { fault: 'silence' });
    const { status, headers } = await chat({ model: 'slow' });
    expect(status).toBe(408);
    expect(headers).toMatchObject({ 'x-litellm-timeout': '0.2', 'x-litellm-attempted-retries': '1' });
    expect(Number(headers['x-litellm-response-cost'])).toBeGreaterThan(0);
  });

  it('hold the call’s id where each client looks for one', async () => {
    const broke = await product.makeKey({ max_budget: 0 });
    const { headers } = await chat({}, broke);
    expect(headers['x-request-id']).toBe(headers['x-litellm-call-id']);
    const ask = { model: 'claude', max_tokens: 5, messages };
    const response = await product.request('POST', '/v1/messages', ask, broke);
    expect(response.headers.get('request-id')).toBe(response.headers.get('x-litellm-call-id'));
  });
});
