import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type Answer, GovernedProduct, modelEntry } from '../harness/governed-product.js';

let gate: GovernedProduct;

beforeAll(async () => {
  gate = await GovernedProduct.start((provider) => ({
    model_list: [modelEntry('m', provider), modelEntry('dear', provider, { input_cost_per_token: 0.01 })],
    router_settings: { num_retries: 0, disable_cooldowns: true },
  }));
});
afterAll(() => gate?.dispose());
afterEach(() => gate.provider.reset());

const all = <T>(count: number, make: (index: number) => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: count }, (_, index) => make(index)));
const count = (answers: readonly Answer[], status: number): number =>
  answers.filter((answer) => answer.status === status).length;

describe('a budget that is used up', () => {
  it('answers 422 with what would help, and charges nothing more', async () => {
    const key = await gate.makeKey({ max_budget: 0.005, key_alias: 'spender' });
    expect((await gate.chat(key, { max_tokens: 5 })).status).toBe(200);
    const refused = await gate.chat(key, { max_tokens: 5 });
    expect(refused.status).toBe(422);
    expect(refused.body.error).toMatchObject({ type: 'budget_exceeded', code: '422', param: null });
    expect(refused.body.error.message).toMatch(/Budget has been exceeded!/);
    expect(refused.body.error.message).toMatch(/spender/);
    expect(refused.body.error.limit).toMatchObject({
      scope: 'key',
      dimension: 'usd',
      limit: '0.005',
      current: '0.005',
    });
    expect(gate.provider.requests).toHaveLength(1);
    expect(await gate.spendOf(key)).toBe(0.005);
    expect(await gate.entriesOf(key)).toHaveLength(1);
  });

  it('is opened again by a larger budget at once', async () => {
    const key = await gate.makeKey({ max_budget: 0.005 });
    await gate.chat(key, { max_tokens: 5 });
    expect((await gate.chat(key, { max_tokens: 5 })).status).toBe(422);
    await gate.admin('/key/update', { key, max_budget: 1 });
    expect((await gate.chat(key, { max_tokens: 5 })).status).toBe(200);
  });

  it.each([0, 0.000000001])('of %s dollars never lets a paid call through', async (max_budget) => {
    const key = await gate.makeKey({ max_budget });
    expect((await gate.chat(key, { max_tokens: 1 })).status).toBe(422);
    expect(gate.provider.requests).toHaveLength(0);
  });

  it('holds for every endpoint, and for streams before their first byte', async () => {
    const key = await gate.makeKey({ max_budget: 0.001 });
    await gate.chat(key, { max_tokens: 1 });
    const stream = await gate.chat(key, { max_tokens: 5, stream: true });
    expect(stream.status).toBe(422);
    for (const [path, body] of [
      ['/v1/completions', { model: 'm', prompt: 'hi' }],
      ['/v1/responses', { model: 'm', input: 'hi' }],
      ['/chat/completions', { model: 'm', messages: [{ role: 'user', content: 'hi' }] }],
      ['/openai/deployments/m/chat/completions', { messages: [{ role: 'user', content: 'hi' }] }],
      ['/v1/embeddings', { model: 'dear', input: 'hi' }],
    ] as const) {
      expect((await gate.ask('POST', path, body, key)).status, path).toBe(422);
    }
  });
});

describe('a budget shared by concurrent calls', () => {
  it('is spent to the last cent by exactly as many of 50 as it pays, and never more', async () => {
    gate.provider.behave({ completionTokens: 10, firstByteDelayMs: 50 });
    const key = await gate.makeKey({ max_budget: 0.1 });
    const answers = await all(50, () => gate.chat(key, { max_tokens: 10 }));
    expect([count(answers, 200), count(answers, 422)]).toEqual([10, 40]);
    expect(await gate.spendOf(key)).toBe(0.1);
    expect(gate.provider.billed.requests).toBe(10);
  });

  it('makes calls wait whose money is only held by others, and refuses none of them', async () => {
    gate.provider.behave({ completionTokens: 10, firstByteDelayMs: 40 });
    const key = await gate.makeKey({ max_budget: 0.6 });
    const answers = await all(50, () => gate.chat(key, { max_tokens: 100 }));
    expect(count(answers, 200)).toBe(50);
    expect(answers.filter(({ headers }) => headers.has('x-tollgate-waited-ms')).length).toBeGreaterThan(30);
    expect(await gate.spendOf(key)).toBe(0.5);
  });

  it('of a team is one budget for all its keys and members', async () => {
    gate.provider.behave({ completionTokens: 10, firstByteDelayMs: 50 });
    const { team_id } = await gate.admin('/team/new', { team_alias: 'payers', max_budget: 0.1 });
    const keys = await all(5, () => gate.makeKey({ team_id }));
    const answers = await all(50, (index) => gate.chat(keys[index % 5] ?? '', { max_tokens: 10 }));
    expect([count(answers, 200), count(answers, 422)]).toEqual([10, 40]);
    const refused = answers.find(({ status }) => status === 422);
    expect(refused?.body.error.limit).toMatchObject({ scope: 'team', id: team_id });
    expect(refused?.body.error.message).toMatch(/Team=/);
  });

  it('of a user is one budget for all the keys of that user', async () => {
    gate.provider.behave({ completionTokens: 10, firstByteDelayMs: 50 });
    await gate.admin('/user/new', { user_id: 'shared-purse', max_budget: 0.05, auto_create_key: false });
    const keys = await all(3, () => gate.makeKey({ user_id: 'shared-purse' }));
    const answers = await all(15, (index) => gate.chat(keys[index % 3] ?? '', { max_tokens: 10 }));
    expect([count(answers, 200), count(answers, 422)]).toEqual([5, 10]);
    expect(answers.find(({ status }) => status === 422)?.body.error.limit).toMatchObject({
      scope: 'user',
      id: 'shared-purse',
    });
  });

  it('lends its last money as a shorter answer, and says so', async () => {
    gate.provider.behave({ completionTokens: 80 });
    const key = await gate.makeKey({ max_budget: 0.05 });
    const answer = await gate.chat(key, { max_tokens: 100 });
    expect(answer.status).toBe(200);
    expect(answer.headers.get('x-tollgate-max-tokens-clamped')).toBe('50');
    expect(JSON.parse(String(gate.provider.requests[0]?.body)).max_tokens).toBe(50);
    expect(await gate.spendOf(key)).toBe(0.05);
    expect((await gate.chat(key, { max_tokens: 100 })).status).toBe(422);
  });
});

describe('spend', () => {
  it('of a stream is what the provider bills, to the token', async () => {
    gate.provider.behave({ completionTokens: 37, promptTokens: 11 });
    const key = await gate.makeKey();
    const answer = await gate.chat(key, { model: 'dear', stream: true });
    expect(answer.text).toMatch(/data: \[DONE\]\n\n$/);
    // Asked for upstream, because it is needed; hidden from the caller, who did not ask.
    expect(answer.text).not.toContain('prompt_tokens');
    const [entry] = await gate.entriesOf(key);
    expect(entry).toMatchObject({ inputTokens: 11, outputTokens: 37, status: 'success', flag: '' });
    expect(await gate.spendOf(key)).toBeCloseTo(0.11 + 0.037, 9);
    expect(gate.provider.billed).toMatchObject({ promptTokens: 11, completionTokens: 37 });
  });

  it.each([{ stream: true }, { stream: false }])(
    'without a usage block is estimated and flagged, never zero (%o)',
    async (asking) => {
      gate.provider.behave({ completionTokens: 20, usage: 'never' });
      const key = await gate.makeKey();
      expect((await gate.chat(key, { model: 'dear', ...asking })).status).toBe(200);
      const [entry] = await gate.entriesOf(key);
      expect(entry).toMatchObject({ flag: 'usage_missing', status: 'success' });
      expect(entry?.outputTokens).toBeGreaterThan(0);
      expect(await gate.spendOf(key)).toBeGreaterThan(0.01);
    },
  );

  it('of a caller who hangs up in mid-stream is charged and flagged', async () => {
    gate.provider.behave({ completionTokens: 200, frameDelayMs: 10 });
    const key = await gate.makeKey();
    const leave = new AbortController();
    const response = await fetch(`${gate.product.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}` },
      body: JSON.stringify({ model: 'dear', stream: true, messages: [{ role: 'user', content: 'hi' }] }),
      signal: leave.signal,
    });
    const reader = response.body?.getReader();
    for (let i = 0; i < 5; i += 1) await reader?.read();
    leave.abort();
    await expect.poll(async () => (await gate.entriesOf(key)).length, { timeout: 1_000 }).toBe(1);
    const [entry] = await gate.entriesOf(key);
    expect(entry?.flag).toBe('cancelled');
    expect(entry?.inputTokens).toBeGreaterThan(0);
    expect(entry?.outputTokens).toBeGreaterThan(0);
    // The provider is told too: it does not go on writing for nobody.
    await expect.poll(() => gate.provider.requests[0]?.outcome, { timeout: 1_000 }).toBe('client-gone');
    expect(gate.provider.requests[0]?.billed.completionTokens).toBeLessThan(150);
  });

  it.each([400, 401, 404, 429, 500, 503])(
    'of a call that the provider refused with %i is 0, and recorded',
    async (status) => {
      gate.provider.behave({ status });
      const key = await gate.makeKey();
      expect((await gate.chat(key, { model: 'dear' })).status).toBe(status);
      expect(await gate.spendOf(key)).toBe(0);
      expect(await gate.entriesOf(key)).toMatchObject([
        { status: 'failure', flag: 'upstream_error', costNano: 0n },
      ]);
    },
  );

  it('is one ledger entry for each call the provider billed, and their sums agree', async () => {
    gate.provider.behave({ completionTokens: 7, promptTokens: 3 });
    const key = await gate.makeKey();
    await all(30, (index) => gate.chat(key, { stream: index % 2 === 0 }));
    const entries = await gate.entriesOf(key);
    const sum = (of: (entry: (typeof entries)[number]) => number) =>
      entries.reduce((total, entry) => total + of(entry), 0);
    expect(gate.provider.billed).toEqual({
      requests: entries.length,
      promptTokens: sum((entry) => entry.inputTokens),
      completionTokens: sum((entry) => entry.outputTokens),
    });
    expect(new Set(entries.map(({ id }) => id)).size).toBe(30);
    expect(await gate.spendOf(key)).toBe(0.21);
  });

  it('is shown in the answer’s headers', async () => {
    const key = await gate.makeKey({ max_budget: 1 });
    const { headers } = await gate.chat(key, { max_tokens: 5 });
    expect(headers.get('x-litellm-response-cost')).toBe('0.005');
    expect(headers.get('x-litellm-key-max-budget')).toBe('1');
    expect(headers.get('x-litellm-key-spend')).toBe('0.005');
  });
});

describe('the operator’s word', () => {
  it('decides the status of a used-up budget, and the ceiling of max_tokens', async () => {
    const other = await GovernedProduct.start(
      (provider) => ({
        model_list: [
          modelEntry('m', provider),
          modelEntry('small', provider, {}, { max_input_tokens: 1_000 }),
        ],
        litellm_settings: { budget_exceeded_status_code: 402, max_tokens: 8 },
      }),
      {},
      { completionTokens: 50 },
    );
    try {
      const key = await other.makeKey({ max_budget: 0.016 });
      const lowered = await other.chat(key, { max_tokens: 40 });
      expect(lowered.headers.get('x-tollgate-max-tokens-clamped')).toBe('8');
      const set = await other.chat(key);
      expect(set.headers.get('x-tollgate-max-tokens-clamped')).toBe('8');
      const sent = other.provider.requests.map(({ body }) => JSON.parse(String(body)));
      expect(sent).toMatchObject([{ max_tokens: 8 }, { max_tokens: 8 }]);
      const refused = await other.chat(key, { max_tokens: 40 });
      expect(refused.status).toBe(402);
      expect(refused.body.error).toMatchObject({ type: 'budget_exceeded', code: '402' });
      const own = await other.chat(await other.makeKey(), { max_tokens: 3 });
      expect(own.headers.has('x-tollgate-max-tokens-clamped')).toBe(false);

      other.provider.reset();
      const tooLong = await other.chat(await other.makeKey(), {
        model: 'small',
        messages: [{ role: 'user', content: 'word '.repeat(2_000) }],
      });
      expect(tooLong.status).toBe(400);
      expect(tooLong.body.error.message).toMatch(/ContextWindowExceededError/);
      expect(other.provider.requests).toHaveLength(0);
    } finally {
      await other.dispose();
    }
  });
});
