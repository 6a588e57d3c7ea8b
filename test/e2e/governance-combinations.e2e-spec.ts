import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type Answer, GovernedProduct, modelEntry } from '../harness/governed-product.js';

/** What holds of each limit and budget alone has to hold when they meet. Every answer costs half a cent. */
let gate: GovernedProduct;

beforeAll(async () => {
  gate = await GovernedProduct.start(
    (provider) => ({
      model_list: [
        ...['m', 'slow', 'shaky', 'steady', 'spare'].map((name) => modelEntry(name, provider)),
        modelEntry('few', provider, { max_parallel_requests: 1 }),
      ],
      router_settings: {
        default_max_parallel_requests: 3,
        num_retries: 0,
        disable_cooldowns: true,
        fallbacks: [{ shaky: ['steady', 'spare'] }],
      },
      litellm_settings: { budget_exceeded_throttle_percentage: 0.5 },
    }),
    {},
    { completionTokens: 5 },
  );
});
const prepare = (): void => {
  gate.provider.reset();
  gate.provider.behave({ completionTokens: 5 });
  gate.provider.behaveFor('up-shaky', { status: 500 });
};
beforeAll(prepare);
afterEach(prepare);
afterAll(() => gate?.dispose());

const ask = (key: string, model = 'm', more: object = {}): Promise<Answer> =>
  gate.chat(key, { model, max_tokens: 5, ...more });

describe('a call that a fallback answers', () => {
  it('is one request of its caller’s, and takes one slot', async () => {
    const key = await gate.makeKey({ rpm_limit: 2, max_parallel_requests: 1 });
    const first = await ask(key, 'shaky');
    expect(first.status).toBe(200);
    expect(first.headers.get('x-litellm-attempted-fallbacks')).toBe('1');
    expect(first.headers.get('x-ratelimit-api_key-remaining-requests')).toBe('1');
    expect((await ask(key, 'shaky')).status).toBe(200);
    expect((await ask(key)).status).toBe(429);
  });

  it.each([
    [
      'budget',
      {
        model_max_budget: {
          shaky: { budget_limit: 9, time_period: '1d' },
          steady: { budget_limit: 0, time_period: '1d' },
        },
      },
    ],
    ['requests', { model_rpm_limit: { shaky: 9, steady: 0 } }],
    ['tokens', { model_tpm_limit: { shaky: 9_000, steady: 0 } }],
  ])('is held to what its caller may have of the model that answers: %s', async (_, fields) => {
    const key = await gate.makeKey(fields);
    const answer = await ask(key, 'shaky');
    expect(answer.status).toBe(200);
    // Nothing of `steady` is this key's, so the next in line answers.
    expect(answer.body.model).toBe('up-spare');
    expect((await ask(key, 'steady')).status).toBeGreaterThanOrEqual(422);
  });

  it('is charged to the budget of the model that answered', async () => {
    const key = await gate.makeKey({
      model_max_budget: {
        shaky: { budget_limit: 0.005, time_period: '1d' },
        steady: { budget_limit: 0.01, time_period: '1d' },
        spare: { budget_limit: 0, time_period: '1d' },
      },
    });
    const statuses = [];
    for (let i = 0; i < 3; i += 1) statuses.push((await ask(key, 'shaky')).status);
    expect(statuses).toEqual([200, 200, 422]);
  });
});

describe('a list of fallbacks', () => {
  it('is gone through to its end', async () => {
    gate.provider.behaveFor('up-steady', { status: 503 });
    const answer = await ask(await gate.makeKey({ rpm_limit: 1 }), 'shaky');
    expect([answer.status, answer.body.model]).toEqual([200, 'up-spare']);
    expect(answer.headers.get('x-litellm-attempted-fallbacks')).toBe('2');
  });
});

describe('budget_fallbacks of a key', () => {
  it('name who answers once the budget of a model is used up, as far as the key may pay that one', async () => {
    const day = (budget_limit: number) => ({ budget_limit, time_period: '1d' });
    const key = await gate.makeKey({
      model_max_budget: { m: day(0.005), spare: day(0), steady: day(0.01) },
      budget_fallbacks: { m: ['spare', 'nobody', 'steady'] },
    });
    const models = [];
    for (let i = 0; i < 4; i += 1) {
      const { status, body } = await ask(key);
      models.push(status === 200 ? body.model : status);
    }
    expect(models).toEqual(['m', 'up-steady', 'up-steady', 422]);
    const { info } = await gate.admin(`/key/info?key=${key}`);
    expect(info.budget_fallbacks).toEqual({ m: ['spare', 'nobody', 'steady'] });
    // Only where the model's own budget is what stands in the way.
    const poor = await gate.makeKey({ max_budget: 0.005, budget_fallbacks: { m: ['steady'] } });
    expect([(await ask(poor)).status, (await ask(poor)).status]).toEqual([200, 422]);
    const slow = await gate.makeKey({ model_rpm_limit: { m: 1 }, budget_fallbacks: { m: ['steady'] } });
    expect([(await ask(slow)).status, (await ask(slow)).status]).toEqual([200, 429]);
  });

  it.each([5, ['m'], { m: 'steady' }, { m: [5] }])('are refused in another shape: %j', async (wrong) => {
    for (const body of [{ budget_fallbacks: wrong }, { metadata: { budget_fallbacks: wrong } }]) {
      const answer = await gate.ask('POST', '/key/generate', body);
      expect([400, 422]).toContain(answer.status);
      expect(answer.text).toContain('budget_fallbacks');
    }
  });
});

describe('default_estimated_output_tokens', () => {
  it('is what is held, and sent as the cap, for an answer without one: the key’s word, then the team’s', async () => {
    gate.provider.behave({ completionTokens: 3_000 });
    await gate.admin('/team/new', { team_id: 'wordy', default_estimated_output_tokens: 2_000 });
    const cases: [object, number][] = [
      [{}, 1_024],
      [{ default_estimated_output_tokens: 700 }, 700],
      [{ default_estimated_output_tokens: 700, default_estimated_output_tokens_per_model: { m: 90 } }, 90],
      [{ metadata: { default_estimated_output_tokens_per_model: { other: 90 } }, team_id: 'wordy' }, 2_000],
    ];
    for (const [fields, held] of cases) {
      const key = await gate.makeKey({ tpm_limit: 100_000, ...fields });
      const answer = await gate.chat(key, { model: 'm' });
      expect(answer.headers.get('x-tollgate-max-tokens-clamped')).toBe(String(held));
      expect(answer.body.usage.completion_tokens).toBe(held);
    }
  });

  it.each([0, -1, 1.5, 'many', true])('is refused when it is none: %j', async (wrong) => {
    for (const field of ['default_estimated_output_tokens', 'default_estimated_output_tokens_per_model']) {
      const value = field.endsWith('model') ? { m: wrong } : wrong;
      const answer = await gate.ask('POST', '/key/generate', { [field]: value });
      expect([400, 422]).toContain(answer.status);
      expect(answer.text).toContain(field);
    }
  });
});

describe('default_max_parallel_requests', () => {
  it('holds for deployments that say nothing themselves', async () => {
    gate.provider.behave({ completionTokens: 5, firstByteDelayMs: 400 });
    const key = await gate.makeKey();
    const statuses = async (model: string): Promise<number[]> =>
      (await Promise.all([ask(key, model), ask(key, model), ask(key, model)])).map(({ status }) => status);
    expect((await statuses('few')).toSorted()).toEqual([200, 429, 429]);
    expect(await statuses('steady')).toEqual([200, 200, 200]);
  });
});

describe('a key that is slowed down over its budget', () => {
  it('is told to come again (429), also when its whole limit is reached', async () => {
    const key = await gate.makeKey({ max_budget: 0.02, rpm_limit: 4, throttle_on_budget_exceeded: true });
    const statuses = [];
    for (let i = 0; i < 6; i += 1) statuses.push((await ask(key)).status);
    expect(statuses).toEqual([200, 200, 200, 200, 429, 429]);
  });
});

describe('money that is waited for', () => {
  it('is that of the new period once the old one is over', async () => {
    gate.provider.behaveFor('up-slow', { completionTokens: 5, firstByteDelayMs: 2_500 });
    const key = await gate.makeKey({ max_budget: 0.005, budget_duration: '4s' });
    // The first call takes all of a period, and ends in the next one.
    await delay(4_000 - (Date.now() % 4_000) + 2_400);
    const first = ask(key, 'slow');
    await delay(300);
    const [one, other] = await Promise.all([first, ask(key)]);
    expect([one.status, other.status]).toEqual([200, 200]);
  });
});

describe('limit headers', () => {
  it('come once each, whatever limits of a caller and of its provider meet', async () => {
    gate.provider.behave({
      completionTokens: 5,
      headers: { 'x-ratelimit-limit-requests': '9999', 'x-ratelimit-remaining-requests': '9998' },
    });
    for (const name of ['blue', 'red']) await gate.admin('/tag/new', { name, rpm_limit: 50 });
    const key = await gate.makeKey({ rpm_limit: 9, tpm_limit: 5_000, itpm_limit: 3_000, otpm_limit: 2_000 });
    for (const stream of [false, true]) {
      const { headers, status } = await ask(key, 'm', { stream, tags: ['blue', 'red'] });
      expect(status).toBe(200);
      const told = [...headers].filter(([name]) => /ratelimit|-limit$/.test(name));
      expect(told.filter(([, value]) => value.includes(','))).toEqual([]);
      expect(headers.get('x-ratelimit-limit-requests')).toBe('9');
      expect(headers.get('llm_provider-x-ratelimit-limit-requests')).toBe('9999');
    }
  });
});
