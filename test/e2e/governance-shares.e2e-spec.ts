import { Team } from '#libs/database';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type Answer, GovernedProduct, modelEntry } from '../harness/governed-product.js';

let gate: GovernedProduct;

beforeAll(async () => {
  gate = await GovernedProduct.start((provider) => ({
    model_list: [
      modelEntry('shared', provider, { rpm: 40 }),
      modelEntry('narrow', provider, { rpm: 3 }),
      modelEntry('narrow', provider, { rpm: 2, weight: 1 }),
      modelEntry('agent', provider, { input_cost_per_token: 0.000005, output_cost_per_token: 0.000025 }),
      modelEntry('dear', provider, { input_cost_per_token: 0.001 }),
    ],
    router_settings: { num_retries: 0, disable_cooldowns: true },
    litellm_settings: {
      callbacks: ['dynamic_rate_limiter_v3'],
      priority_reservation: { premium: 0.75, standard: { type: 'percent', value: 0.25 } },
      cost_margin_config: { global: { percentage: 0, fixed_amount: 0 } },
    },
  }));
});
afterAll(() => gate?.dispose());
afterEach(() => gate.provider.reset());

const all = <T>(count: number, make: (index: number) => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: count }, (_, index) => make(index)));
const count = (answers: readonly Answer[], status: number): number =>
  answers.filter((answer) => answer.status === status).length;

describe('a model shared by classes of callers', () => {
  it('is free for all until 0.8 of it, then keeps what is left for who is promised it', async () => {
    const standard = await gate.makeKey({ metadata: { priority: 'standard' } });
    await gate.database.dataSource
      .getRepository(Team)
      .insert({ id: 'premium', metadata: { priority: 'premium' } });
    const premium = await gate.makeKey({ team_id: 'premium', rpm_limit: 100 });
    const first = await all(80, () => gate.chat(standard, { model: 'shared', max_tokens: 1 }));
    expect([count(first, 200), count(first, 429)]).toEqual([32, 48]);
    const refused = first.find(({ status }) => status === 429);
    expect(refused?.body.error.message).toMatch(/Priority-based rate limit exceeded/);
    expect(refused?.body.error.limit).toMatchObject({ dimension: 'requests', limit: 40, current: 32 });
    expect(refused?.headers.get('x-litellm-priority')).toBe('standard');
    expect(refused?.headers.get('x-litellm-saturation')).toBe('0.80');
    expect(Number(refused?.headers.get('retry-after'))).toBeGreaterThan(50);

    const stream = await gate.chat(premium, { model: 'shared', max_tokens: 1, stream: true });
    // Streams say where the caller stands, too, and its own limits beside the model's.
    expect(Object.fromEntries(stream.headers)).toMatchObject({
      'x-litellm-priority': 'premium',
      'x-litellm-rate-limiter-version': 'v3',
      'x-ratelimit-model_saturation_check-limit-requests': '40',
      'x-ratelimit-model_saturation_check-remaining-requests': '7',
      'x-ratelimit-priority_model-limit-requests': '30',
      'x-ratelimit-api_key-limit-requests': '100',
      'x-ratelimit-api_key-remaining-requests': '99',
    });
    const second = await all(80, () => gate.chat(premium, { model: 'shared', max_tokens: 1 }));
    expect([count(second, 200), count(second, 429)]).toEqual([7, 73]);
    expect(second.find(({ status }) => status === 429)?.body.error.message).toMatch(/Model capacity reached/);
  });
});

describe('requests per minute of deployments', () => {
  it('send calls to the next one, and are a 429 only when none is left', async () => {
    const premium = await gate.makeKey({ metadata: { priority: 'premium' } });
    const standard = await gate.makeKey({ metadata: { priority: 'standard' } });
    const ask = (key: string) => gate.chat(key, { model: 'narrow', max_tokens: 1 });
    // Four of the five a minute that the two deployments take together are premium's.
    const answers = await all(12, () => ask(premium));
    expect([count(answers, 200), count(answers, 429)]).toEqual([4, 8]);
    expect((await ask(standard)).status).toBe(200);
    expect((await ask(standard)).status).toBe(429);
  });
});

describe('twenty agents on one budget', () => {
  it('are all served in full: what others hold is waited for, never refused, clamped or overspent', async () => {
    // 400 kB that are about 100,000 tokens, an answer cap of 32,000 and a real answer of 500.
    const prompt = 'the quick brown fox jumps '.repeat(15_500);
    gate.provider.behave({ promptTokens: 100_000, completionTokens: 500, firstByteDelayMs: 300 });
    const key = await gate.makeKey({ max_budget: 25 });
    const began = Date.now();
    const answers = await all(20, () =>
      gate.chat(key, {
        model: 'agent',
        max_tokens: 32_000,
        messages: [{ role: 'user', content: prompt }],
      }),
    );
    expect(count(answers, 200)).toBe(20);
    expect(answers.filter(({ headers }) => headers.has('x-tollgate-max-tokens-clamped'))).toEqual([]);
    const waits = answers.map(({ headers }) => Number(headers.get('x-tollgate-waited-ms') ?? 0));
    expect(Math.max(...waits)).toBeLessThan(30_000);
    // $0.5 of input and $0.0125 of answer each.
    expect(await gate.spendOf(key)).toBeCloseTo(10.25, 9);
    expect(Date.now() - began).toBeLessThan(30_000);
  });
});

describe('bad input about money', () => {
  it.each([
    ['max_budget', -1],
    ['max_budget', 'much'],
    ['max_budget', 1e300],
    ['budget_duration', '0d'],
    ['budget_duration', 'fortnightly'],
    ['rpm_limit', -1],
    ['rpm_limit', 1.5],
    ['tpm_limit', 'many'],
    ['max_parallel_requests', -3],
    ['model_max_budget', { m: { budget_limit: 'x', time_period: '1d' } }],
    ['model_rpm_limit', { m: -1 }],
    ['budget_limits', [{ budget_duration: '1d', max_budget: -5 }]],
  ])('is 400 naming the field: %s = %j', async (field, value) => {
    const answer = await gate.ask('POST', '/key/generate', { [field]: value });
    expect([400, 422]).toContain(answer.status);
    expect(answer.text).toContain(field);
  });

  it('cannot reach accounting from a request', async () => {
    const key = await gate.makeKey({ max_budget: 1 });
    const crafted = {
      model: 'dear',
      max_tokens: 5,
      'no-log': true,
      metadata: { user_api_key_spend: -100, user_api_key_max_budget: 1_000, tags: ['a'] },
      litellm_metadata: { user_api_key: 'other' },
    };
    const answer = await gate.chat(key, crafted);
    if (answer.status === 200) expect(await gate.spendOf(key)).toBeGreaterThan(0.004);
    else expect([400, 401]).toContain(answer.status);
    for (const price of ['input_cost_per_token', 'output_cost_per_token'])
      expect((await gate.chat(key, { [price]: 0 })).status).toBe(401);
  });
});
