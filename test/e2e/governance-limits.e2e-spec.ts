import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Behaviour } from '../harness/fake-provider.js';
import { type Answer, type Asking, GovernedProduct, modelEntry } from '../harness/governed-product.js';

/** A short window, so that tests can wait for its end. */
const WINDOW_S = 2;

let gate: GovernedProduct;

beforeAll(async () => {
  gate = await GovernedProduct.start(
    (provider) => ({
      model_list: [
        modelEntry('m', provider),
        modelEntry('pair', provider, { model: 'openai/first', rpm: 2 }, { id: 'first' }),
        modelEntry('pair', provider, { model: 'openai/second' }, { id: 'second' }),
        modelEntry('alone', provider, { rpm: 1 }),
      ],
      router_settings: { num_retries: 0, disable_cooldowns: true },
    }),
    { env: { LITELLM_RATE_LIMIT_WINDOW_SIZE: String(WINDOW_S) } },
  );
});
afterAll(() => gate?.dispose());
afterEach(() => gate.provider.reset());

type Limits = { rpm_limit?: number; tpm_limit?: number; max_parallel_requests?: number };

/** A key whose limits are its own, its user's or its team's. */
const keyIn: Record<string, (limits: Limits) => Promise<string>> = {
  key: (limits) => gate.makeKey(limits),
  user: async (limits) => {
    const { user_id } = await gate.admin('/user/new', { ...limits, auto_create_key: false });
    return gate.makeKey({ user_id });
  },
  team: async (limits) => {
    const { team_id } = await gate.admin('/team/new', limits);
    return gate.makeKey({ team_id });
  },
};

function expectLimited(answer: Answer, scope: string, dimension: string): void {
  expect(answer.status, answer.text).toBe(429);
  expect(answer.body.error).toMatchObject({
    type: 'rate_limit_error',
    code: 429,
    limit: { scope, dimension },
  });
  expect(answer.headers.get('retry-after')).toMatch(/^[1-9]\d*$/);
  expect(answer.headers.get('x-frame-options')).toBe('DENY');
}

const waitOf = (answer: Answer): number => Number(answer.headers.get('retry-after')) * 1_000;

describe.each(['key', 'user', 'team'])('requests per minute of a %s', (scope) => {
  it('refuse the next one, say when to come back, and keep that word', async () => {
    const key = (await keyIn[scope]?.({ rpm_limit: 2 })) ?? '';
    const answers = [await gate.chat(key), await gate.chat(key)];
    const descriptor = scope === 'key' ? 'api_key' : scope;
    expect(answers.map(({ status }) => status)).toEqual([200, 200]);
    expect(answers[1]?.headers.get(`x-ratelimit-${descriptor}-remaining-requests`)).toBe('0');
    expect(answers[1]?.headers.get('x-ratelimit-limit-requests')).toBe('2');
    const refused = await gate.chat(key);
    expectLimited(refused, scope, 'requests');
    expect(refused.headers.get(`x-ratelimit-${descriptor}-limit-requests`)).toBe('2');
    expect(refused.headers.get(`x-ratelimit-${descriptor}-remaining-requests`)).toBe('0');
    expect(waitOf(refused)).toBeLessThanOrEqual((WINDOW_S + 1) * 1_000);
    await delay(waitOf(refused));
    expect((await gate.chat(key)).status).toBe(200);
    expect(gate.provider.requests).toHaveLength(3);
  });

  it('are shared by a burst: exactly so many pass', async () => {
    const key = (await keyIn[scope]?.({ rpm_limit: 7 })) ?? '';
    const answers = await Promise.all(Array.from({ length: 30 }, () => gate.chat(key)));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(7);
    expect(answers.filter(({ status }) => status === 429)).toHaveLength(23);
    expect(gate.provider.requests).toHaveLength(7);
  });
});

describe('tokens per minute', () => {
  it.each(['key', 'user', 'team'])(
    'of a %s hold what a call may use, and give back what it did not',
    async (scope) => {
      gate.provider.behave({ promptTokens: 40, completionTokens: 40 });
      const key = (await keyIn[scope]?.({ tpm_limit: 200 })) ?? '';
      // Both may need three quarters of the limit together with their input; what the first did not use is there for the second.
      expect((await gate.chat(key, { max_tokens: 60 })).status).toBe(200);
      expect((await gate.chat(key, { max_tokens: 60 })).status).toBe(200);
      const refused = await gate.chat(key, { max_tokens: 60 });
      expectLimited(refused, scope, 'tokens');
      await delay(waitOf(refused));
      expect((await gate.chat(key, { max_tokens: 60 })).status).toBe(200);
    },
  );

  /** What is taken for a short question is the question, not the JSON around it. */
  it('of little more than a short question serve it, and cut its answer to what is left', async () => {
    const key = await gate.makeKey({ tpm_limit: 40 });
    gate.provider.behave({ promptTokens: 8, completionTokens: 500 });
    const answer = await gate.chat(key);
    expect(answer.status, answer.text).toBe(200);
    expect(answer.body.usage.total_tokens).toBeLessThanOrEqual(40);
  });

  it('of less than one call needs are refused without the promise that waiting helps', async () => {
    const key = await gate.makeKey({ tpm_limit: 5 });
    const refused = await gate.chat(key, { max_tokens: 100 });
    expect(refused.status).toBe(429);
    expect(refused.headers.has('retry-after')).toBe(false);
    expect(refused.body.error.limit.resets_at).toBeNull();
  });
});

describe('parallel requests', () => {
  it.each(['key', 'user', 'team'])('of a %s are counted while they run', async (scope) => {
    const key =
      scope === 'key' ? await gate.makeKey({ max_parallel_requests: 2 }) : await parallelKeyIn(scope);
    gate.provider.behave({ firstByteDelayMs: 200 });
    const answers = await Promise.all(Array.from({ length: 6 }, () => gate.chat(key)));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(2);
    const refused = answers.find(({ status }) => status === 429);
    expect(refused?.body.error.limit).toMatchObject({ scope, dimension: 'parallel_requests', limit: 2 });
    expect((await gate.chat(key)).status).toBe(200);
  });

  async function parallelKeyIn(scope: string): Promise<string> {
    const made = await gate.admin(`/${scope}/new`, {
      max_parallel_requests: 2,
      ...(scope === 'user' ? { auto_create_key: false } : {}),
    });
    return gate.makeKey(scope === 'user' ? { user_id: made.user_id } : { team_id: made.team_id });
  }

  const endings: [string, Behaviour, Asking, Record<string, string>][] = [
    ['an answer', {}, {}, {}],
    ['a stream', {}, { stream: true }, {}],
    ['an upstream error', { status: 500 }, {}, {}],
    ['an upstream reset', { fault: 'reset-before-headers' }, {}, {}],
    ['a reset in mid-stream', { fault: 'reset-midway' }, { stream: true }, {}],
    ['a timeout', { fault: 'silence' }, {}, { 'x-litellm-timeout': '0.2' }],
    [
      'silence in mid-stream',
      { fault: 'silence-midway' },
      { stream: true },
      { 'x-litellm-stream-timeout': '0.2' },
    ],
  ];
  it.each(endings)('are given back at once after %s', async (_what, behaviour, asking, headers) => {
    const key = await gate.makeKey({ max_parallel_requests: 1 });
    gate.provider.behaveNext(behaviour);
    await gate.chat(key, asking, headers);
    expect((await gate.chat(key)).status).toBe(200);
  });

  it.each([{ stream: true }, { stream: false }])(
    'are given back within a second when the client goes (%o)',
    async (asking) => {
      const key = await gate.makeKey({ max_parallel_requests: 1 });
      gate.provider.behaveNext({
        completionTokens: 100,
        frameDelayMs: 50,
        ...(asking.stream ? {} : { firstByteDelayMs: 3_000 }),
      });
      const leave = new AbortController();
      const left = gate.ask(
        'POST',
        '/v1/chat/completions',
        { model: 'm', messages: [{ role: 'user', content: 'hi' }], ...asking },
        key,
        {},
        leave.signal,
      );
      await expect.poll(() => gate.provider.requests.length).toBe(1);
      leave.abort();
      await expect(left).rejects.toThrow(/abort/i);
      await expect
        .poll(async () => (await gate.chat(key)).status, { timeout: 1_000, interval: 50 })
        .toBe(200);
    },
  );
});

describe('a refused request', () => {
  it('consumes nothing: neither its own limits nor those of others', async () => {
    const { team_id } = await gate.admin('/team/new', { rpm_limit: 3 });
    const limited = await gate.makeKey({ team_id, rpm_limit: 1 });
    const free = await gate.makeKey({ team_id });
    expect((await gate.chat(limited)).status).toBe(200);
    for (let i = 0; i < 10; i += 1) expect((await gate.chat(limited)).status).toBe(429);
    expect((await gate.chat(free)).status).toBe(200);
    const last = await gate.chat(free);
    expect(last.status).toBe(200);
    expect(last.headers.get('x-ratelimit-team-remaining-requests')).toBe('0');
    expect(await gate.entriesOf(limited)).toHaveLength(1);
  });

  it('by budget takes no slot and no window; by model neither', async () => {
    const key = await gate.makeKey({ rpm_limit: 2, max_budget: 0, models: ['m'] });
    for (let i = 0; i < 5; i += 1) expect((await gate.chat(key)).status).toBe(422);
    for (let i = 0; i < 5; i += 1) expect((await gate.chat(key, { model: 'pair' })).status).toBe(403);
    for (let i = 0; i < 5; i += 1) expect((await gate.chat(key, { messages: 1 })).status).toBe(400);
    await gate.admin('/key/update', { key, max_budget: 1 });
    expect([
      (await gate.chat(key)).status,
      (await gate.chat(key)).status,
      (await gate.chat(key)).status,
    ]).toEqual([200, 200, 429]);
  });

  it('is logged with the word that operators search for, and without the key', async () => {
    const key = await gate.makeKey({ rpm_limit: 0 });
    expect((await gate.chat(key)).status).toBe(429);
    await expect.poll(() => gate.product.logs).toContain('rate_limit_exceeded');
    expect(gate.product.logs).not.toContain(key);
  });
});

describe('headers', () => {
  it('tell the limits on streams too', async () => {
    const key = await gate.makeKey({ rpm_limit: 5, tpm_limit: 10_000, max_parallel_requests: 3 });
    const { headers } = await gate.chat(key, { stream: true, max_tokens: 10 });
    expect(headers.get('x-ratelimit-api_key-limit-requests')).toBe('5');
    expect(headers.get('x-ratelimit-api_key-remaining-requests')).toBe('4');
    expect(headers.get('x-ratelimit-api_key-limit-tokens')).toBe('10000');
    expect(headers.get('x-ratelimit-remaining-requests')).toBe('4');
    expect(headers.get('x-ratelimit-api_key-limit-max_parallel_requests')).toBe('3');
    expect(headers.get('x-accel-buffering')).toBe('no');
  });

  it('can never carry the hash or the secret of a key', async () => {
    const key = await gate.makeKey({ rpm_limit: 1 });
    await gate.chat(key);
    const { headers, text } = await gate.chat(key);
    const shown = JSON.stringify([...headers]) + text;
    expect(shown).not.toContain(key);
    expect(shown).not.toMatch(/[0-9a-f]{64}/);
  });
});

describe('a deployment’s own limit', () => {
  it('sends the calls beyond it to the next deployment of the group', async () => {
    const key = await gate.makeKey();
    const answers = await Promise.all(Array.from({ length: 12 }, () => gate.chat(key, { model: 'pair' })));
    expect(answers.every(({ status }) => status === 200)).toBe(true);
    expect(gate.provider.requests.filter(({ model }) => model === 'first').length).toBeLessThanOrEqual(2);
  });

  it('is a 429 with a true retry-after when there is no other', async () => {
    const key = await gate.makeKey();
    expect((await gate.chat(key, { model: 'alone' })).status).toBe(200);
    const refused = await gate.chat(key, { model: 'alone' });
    expect(refused.status).toBe(429);
    await delay(waitOf(refused));
    expect((await gate.chat(key, { model: 'alone' })).status).toBe(200);
  });
});

describe('the proxy’s own limits', () => {
  it('hold for all keys together, the master key’s included', async () => {
    const other = await GovernedProduct.start(
      (provider) => ({
        model_list: [modelEntry('m', provider)],
        litellm_settings: { rpm: 3 },
        general_settings: { global_max_parallel_requests: 2 },
      }),
      { env: { LITELLM_RATE_LIMIT_WINDOW_SIZE: String(WINDOW_S) } },
    );
    try {
      const keys = [await other.makeKey(), await other.makeKey(), other.product.masterKey];
      other.provider.behave({ firstByteDelayMs: 200 });
      const parallel = await Promise.all(keys.map((key) => other.chat(key)));
      expect(parallel.map(({ status }) => status).toSorted()).toEqual([200, 200, 429]);
      other.provider.behave({});
      expect((await other.chat(keys[0] ?? '')).status).toBe(200);
      const refused = await other.chat(keys[2] ?? '');
      expectLimited(refused, 'proxy', 'requests');
      await delay(waitOf(refused));
      expect((await other.chat(keys[2] ?? '')).status).toBe(200);
    } finally {
      await other.dispose();
    }
  });
});
