import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { chatBody, GovernedProduct, modelEntry, UPSTREAM_KEY } from '../harness/governed-product.js';

let gate: GovernedProduct;

beforeAll(async () => {
  gate = await GovernedProduct.start((provider) => ({
    model_list: [modelEntry('m', provider, { input_cost_per_token: 0.001 })],
    router_settings: { num_retries: 0, disable_cooldowns: true },
  }));
});
afterAll(() => gate?.dispose());
afterEach(() => gate.provider.reset());

const answerWith = (usage: unknown): string =>
  JSON.stringify({
    id: 'x',
    object: 'chat.completion',
    model: 'up-m',
    choices: [{ index: 0, message: { role: 'assistant', content: 'hi' }, finish_reason: 'stop' }],
    usage,
  });

describe('a provider’s bill that cannot be true', () => {
  it.each([
    { prompt_tokens: -1_000_000, completion_tokens: -1_000_000, total_tokens: -2_000_000 },
    { prompt_tokens: '10', completion_tokens: null },
    { prompt_tokens: 1.5, completion_tokens: 1e308 },
    { prompt_tokens: 5, completion_tokens: 5, prompt_tokens_details: { cached_tokens: 1_000_000 } },
    { prompt_tokens: 5, completion_tokens: 5, prompt_tokens_details: { cached_tokens: -1_000_000 } },
    { prompt_tokens: 5, completion_tokens: 5, completion_tokens_details: { reasoning_tokens: -1_000_000 } },
    [],
    'free',
  ])('neither gives money back nor breaks the books: %j', async (usage) => {
    gate.provider.behave({ rawBody: answerWith(usage) });
    const key = await gate.makeKey({ max_budget: 1 });
    expect((await gate.chat(key, { max_tokens: 10 })).status).toBe(200);
    const [entry] = await gate.entriesOf(key);
    expect(entry?.costNano).toBeGreaterThan(0n);
    const spend = await gate.spendOf(key);
    expect(spend).toBeGreaterThan(0);
    expect(Number.isFinite(spend)).toBe(true);
    expect(await gate.isReady()).toBe(true);
  });
});

describe('a provider’s headers', () => {
  it('reach the caller only where they can do no harm', async () => {
    gate.provider.behave({
      headers: {
        'set-cookie': 'session=stolen',
        'x-frame-options': 'ALLOWALL',
        'content-security-policy': 'default-src *',
        'access-control-allow-origin': '*',
        'strict-transport-security': 'max-age=0',
        'www-authenticate': 'Basic realm="give me your password"',
        location: 'http://evil.example/',
        'x-litellm-key-spend': '0',
        'x-litellm-call-id': 'forged',
        'clear-site-data': '"*"',
        'x-request-id': 'req-of-the-provider',
      },
    });
    const key = await gate.makeKey();
    for (const stream of [false, true]) {
      const { headers } = await gate.chat(key, { stream });
      expect(headers.get('x-frame-options')).toBe('DENY');
      expect(headers.get('content-security-policy')).toBe("frame-ancestors 'none'");
      for (const name of [
        'set-cookie',
        'access-control-allow-origin',
        'strict-transport-security',
        'www-authenticate',
        'location',
        'clear-site-data',
      ]) {
        expect(headers.has(name), name).toBe(false);
      }
      expect(headers.get('x-litellm-call-id')).toMatch(/^req_\w+$/);
      expect(headers.get('x-litellm-key-spend')).not.toBe('0, 0');
    }
  });

  it.each([301, 302, 307, 308])(
    'with a redirect (%i) lead nowhere, least of all with our credential',
    async (status) => {
      gate.provider.behave({
        status,
        headers: { location: `${gate.provider.origin}/v1/stolen` },
        rawBody: '',
      });
      const answer = await gate.chat(await gate.makeKey());
      expect(answer.status).toBe(502);
      expect(answer.headers.has('location')).toBe(false);
      expect(gate.provider.requests.map(({ path }) => path)).toEqual(['/v1/chat/completions']);
    },
  );
});

describe('a provider', () => {
  it('sees our credential and nothing of the caller’s', async () => {
    const key = await gate.makeKey({ key_alias: 'caller-alias' });
    await gate.chat(
      key,
      {},
      {
        cookie: 'session=1',
        'x-api-key': 'sk-other-0123456789abcdef',
        'x-forwarded-for': '10.0.0.1',
        'x-litellm-tags': 'team-a',
        'proxy-authorization': 'Basic abc',
        'x-litellm-customer-id': 'ann',
      },
    );
    const seen = gate.provider.requests[0];
    expect(seen?.headers.authorization).toBe(`Bearer ${UPSTREAM_KEY}`);
    const all = JSON.stringify(seen?.headers) + String(seen?.body);
    for (const secret of [
      key,
      'session=1',
      'sk-other',
      '10.0.0.1',
      'caller-alias',
      'team-a',
      'Basic abc',
      'ann',
    ])
      expect(all, secret).not.toContain(secret);
  });

  it('that ignores its cap is recorded with all it bills, and the next call is refused', async () => {
    gate.provider.behave({ completionTokens: 2_000, honoursMaxTokens: false, promptTokens: 1 });
    const key = await gate.makeKey({ max_budget: 0.2 });
    await gate.chat(key, { max_tokens: 40 });
    const [entry] = await gate.entriesOf(key);
    // What a provider bills beyond the cap is told in the books, never hidden, and stops the next call.
    expect(entry?.outputTokens).toBeGreaterThan(40);
    expect((await gate.chat(key, { max_tokens: 40 })).status).toBe(422);
  });

  it('that streams on behind its cap is let go there, and only what went by is charged', async () => {
    const endless = {
      completionTokens: 2_000,
      honoursMaxTokens: false,
      promptTokens: 1,
      firstByteDelayMs: 500,
      frameDelayMs: 2,
    };
    gate.provider.behave(endless);
    const key = await gate.makeKey({ max_budget: 0.2 });
    // The first stream of a process loads the vocabulary that counts it.
    await gate.chat(await gate.makeKey({ max_budget: 9 }), { stream: true, max_tokens: 40 });
    const answer = await gate.chat(key, { stream: true, max_tokens: 40 });
    expect(answer.text).toContain('"finish_reason":"length"');
    const [entry] = await gate.entriesOf(key);
    expect(entry?.flag).toBe('cut');
    expect(entry?.outputTokens).toBeLessThan(50);
    expect((await gate.chat(key, { stream: true, max_tokens: 40 })).status).toBe(200);
  });

  it('that writes an endless answer to a caller who does not read holds neither memory nor the process', async () => {
    gate.provider.behave({ completionTokens: 20, padBytes: 20_000_000 });
    const key = await gate.makeKey();
    const leave = new AbortController();
    const response = await fetch(`${gate.product.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}` },
      body: JSON.stringify(chatBody({ stream: true })),
      signal: leave.signal,
    });
    expect(response.status).toBe(200);
    expect((await gate.chat(await gate.makeKey(), { model: 'absent' })).status).toBe(400);
    leave.abort();
    await expect.poll(async () => (await gate.entriesOf(key)).length, { timeout: 1_500 }).toBe(1);
  });
});

describe('a model that costs nothing', () => {
  it('is served though the budget is used up, because its price is said to be 0', async () => {
    const free = await GovernedProduct.start((provider) => ({
      model_list: [modelEntry('free', provider, { output_cost_per_token: 0 }), modelEntry('m', provider)],
    }));
    try {
      const key = await free.makeKey({ max_budget: 0.005 });
      expect((await free.chat(key, { max_tokens: 5 })).status).toBe(200);
      expect((await free.chat(key, { max_tokens: 5 })).status).toBe(422);
      expect((await free.chat(key, { model: 'free' })).status).toBe(200);
      expect(await free.spendOf(key)).toBe(0.005);
    } finally {
      await free.dispose();
    }
  });
});
