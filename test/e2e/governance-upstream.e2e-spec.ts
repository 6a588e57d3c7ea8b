import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Behaviour } from '../harness/fake-provider.js';
import { type Answer, GovernedProduct, modelEntry, UPSTREAM_KEY } from '../harness/governed-product.js';

let gate: GovernedProduct;
let key: string;

beforeAll(async () => {
  gate = await GovernedProduct.start((provider) => ({
    model_list: [
      modelEntry('m', provider),
      modelEntry('spare', provider),
      modelEntry('falls', provider),
      modelEntry('falls-far', provider),
      modelEntry('twins', provider, { model: 'openai/twin-a' }, { id: 'twin-a' }),
      modelEntry('twins', provider, { model: 'openai/twin-b' }, { id: 'twin-b' }),
      modelEntry('nowhere', provider, { api_base: 'http://127.0.0.1:9/v1' }),
      modelEntry('narrow', provider),
      {
        model_name: 'claude',
        litellm_params: {
          model: 'anthropic/claude-sonnet-4-5',
          api_base: provider.origin,
          api_key: UPSTREAM_KEY,
        },
      },
    ],
    router_settings: {
      num_retries: 0,
      disable_cooldowns: true,
      fallbacks: [{ falls: ['spare'] }, { 'falls-far': ['falls'] }],
      context_window_fallbacks: [{ narrow: ['spare'] }],
    },
  }));
  key = await gate.makeKey();
});
afterAll(() => gate?.dispose());
afterEach(() => gate.provider.reset());

/** What contract/limits 5.8 promises for each status of an OpenAI-shaped upstream. */
const MAPPING: [number, string, RegExp][] = [
  [400, 'invalid_request_error', /BadRequestError/],
  [401, 'authentication_error', /AuthenticationError/],
  [403, 'permission_error', /APIError/],
  [404, 'invalid_request_error', /NotFoundError/],
  [408, 'invalid_request_error', /Timeout/],
  [422, 'invalid_request_error', /BadRequestError/],
  [429, 'throttling_error', /RateLimitError/],
  [500, 'internal_server_error', /InternalServerError/],
  [503, 'internal_server_error', /ServiceUnavailableError/],
];

describe('an upstream error', () => {
  it.each(MAPPING)('%i keeps its status, in our shape', async (status, type, name) => {
    for (const stream of [false, true]) {
      gate.provider.behave({ status, headers: { 'retry-after': '7' } });
      const answer = await gate.chat(key, { stream });
      expect(answer.status).toBe(status);
      expect(answer.headers.get('content-type')).toMatch(/^application\/json/);
      expect(answer.body.error).toMatchObject({ type, code: String(status) });
      expect(answer.body.error.message).toMatch(name);
      // The provider's advice is not ours: only under its own name.
      expect(answer.headers.get('llm_provider-retry-after')).toBe('7');
      if (status === 429) expect(answer.headers.has('retry-after')).toBe(false);
    }
  });

  it('never quotes our credential back, nor the provider’s page', async () => {
    const message = `Incorrect API key provided: ${UPSTREAM_KEY}. Bearer ${UPSTREAM_KEY}`;
    gate.provider.behaveNext({ status: 401, rawBody: JSON.stringify({ error: { message } }) });
    const quoted = await gate.chat(key);
    expect(quoted.text).not.toContain(UPSTREAM_KEY);
    gate.provider.behaveNext({ status: 502, rawBody: '<html><body>internal-host-17 nginx</body></html>' });
    const page = await gate.chat(key);
    expect(page.status).toBe(502);
    expect(page.text).not.toContain('internal-host-17');
    expect(gate.product.logs).not.toContain(UPSTREAM_KEY);
  });

  it.each([
    ['broken JSON', '{"id":'],
    ['no JSON', 'so sorry'],
    ['nothing', ''],
    ['a list', '[]'],
    ['null', 'null'],
    ['an embedded error', JSON.stringify({ error: { message: 'inside', type: 'server_error' } })],
  ])('hidden in a 200 (%s) neither crashes nor passes for a free answer', async (_what, rawBody) => {
    gate.provider.behaveNext({ rawBody });
    const own = await gate.makeKey();
    const answer = await gate.chat(own);
    if (answer.status !== 200) expect(answer.body.error.message).toBeTypeOf('string');
    const [entry] = await gate.entriesOf(own);
    expect(entry).toBeDefined();
    expect(entry?.flag).not.toBe('');
    expect((await gate.chat(own)).status).toBe(200);
  });

  it('of /v1/messages is Anthropic’s shape', async () => {
    gate.provider.behaveNext({ status: 500 });
    const body = { model: 'claude', max_tokens: 5, messages: [{ role: 'user', content: 'hi' }] };
    const answer = await gate.ask('POST', '/v1/messages', body, null, { 'x-api-key': key });
    expect(answer.status).toBe(500);
    expect(answer.body).toMatchObject({ type: 'error', error: { type: 'api_error' } });
    const refused = await gate.ask('POST', '/v1/messages', body, null, {
      'x-api-key': 'sk-wrong-0123456789abcdef',
    });
    expect(refused.status).toBe(401);
    expect(refused.body).toMatchObject({ type: 'error', error: { type: 'authentication_error' } });
  });
});

const errorFrames = (text: string): string[] =>
  text.split('\n\n').filter((frame) => frame.includes('"error"'));

describe('a call that goes wrong under way', () => {
  const before: [string, string, Behaviour, Record<string, string>, number][] = [
    ['a reset before the headers', 'm', { fault: 'reset-before-headers' }, {}, 503],
    ['silence', 'm', { fault: 'silence' }, { 'x-litellm-timeout': '0.2' }, 408],
    ['a slow first byte', 'm', { firstByteDelayMs: 2_000 }, { 'x-litellm-timeout': '0.2' }, 408],
    ['a host that is not there', 'nowhere', {}, {}, 503],
  ];
  it.each(before)('by %s is a clear error', async (_what, model, behaviour, headers, status) => {
    for (const stream of [false, true]) {
      gate.provider.behave(behaviour);
      const answer = await gate.chat(key, { model, stream }, headers);
      expect(answer.status, answer.text).toBe(status);
      expect(answer.body.error).toMatchObject({ code: String(status) });
      expect(answer.text).not.toMatch(/ECONN|127\.0\.0\.1|node:|undici/);
    }
  });

  const midway: [string, Behaviour, Record<string, string>][] = [
    ['a reset', { fault: 'reset-midway' }, {}],
    ['an end without an end', { fault: 'end-midway' }, {}],
    ['an error frame', { fault: 'error-frame-midway' }, {}],
    ['silence', { fault: 'silence-midway' }, { 'x-litellm-stream-timeout': '0.3' }],
  ];
  it.each(midway)(
    'in mid-stream by %s ends with one error frame, and is charged',
    async (_what, behaviour, headers) => {
      gate.provider.behave({ ...behaviour, completionTokens: 20, faultAfterFrames: 5, frameDelayMs: 10 });
      const own = await gate.makeKey();
      const answer: Answer = await gate.chat(own, { stream: true }, headers);
      expect(answer.status).toBe(200);
      expect(errorFrames(answer.text), answer.text).toHaveLength(1);
      expect(answer.text).not.toContain('[DONE]');
      expect(answer.text.endsWith('\n\n')).toBe(true);
      expect(answer.text.trimEnd().split('\n\n').at(-1)).toContain('"error"');
      const [entry] = await gate.entriesOf(own);
      expect(entry).toMatchObject({ status: 'failure' });
      expect(entry?.costNano).toBeGreaterThan(0n);
    },
  );

  it.each(['reset-midway', 'silence-midway'] as const)(
    'in the middle of a whole answer by %s is an error, not half an answer',
    async (fault) => {
      gate.provider.behave({ fault, padBytes: 100_000 });
      const own = await gate.makeKey();
      const answer = await gate.chat(own, {}, { 'x-litellm-timeout': '0.4' });
      expect(answer.status).toBeGreaterThanOrEqual(400);
      expect(answer.body.error).toBeDefined();
      expect(await gate.entriesOf(own)).toHaveLength(1);
    },
  );
});

describe('a second chance', () => {
  it('is a fallback when the group fails: charged once, to the one that answered', async () => {
    gate.provider.behaveFor('up-falls', { status: 500 });
    const own = await gate.makeKey();
    const answer = await gate.chat(own, { model: 'falls' });
    expect(answer.status).toBe(200);
    expect(answer.headers.get('x-litellm-attempted-fallbacks')).toBe('1');
    expect(gate.provider.requests.map(({ model }) => model)).toEqual(['up-falls', 'up-spare']);
    expect(await gate.spendOf(own)).toBe(0.005);
    expect(await gate.entriesOf(own)).toMatchObject([
      { costNano: 0n, status: 'failure' },
      { costNano: 5_000_000n, status: 'success' },
    ]);
  });

  it('pays from the same budget: what fallbacks spend brings the refusal as near as what first choices spend', async () => {
    gate.provider.behaveFor('up-falls', { status: 500 });
    const own = await gate.makeKey({ max_budget: 0.01 });
    const statuses: number[] = [];
    for (let call = 0; call < 4; call += 1)
      statuses.push((await gate.chat(own, { model: 'falls', max_tokens: 5 })).status);
    expect(statuses).toEqual([200, 200, 422, 422]);
    expect(await gate.spendOf(own)).toBe(0.01);
  });

  it('goes on along a chain of fallbacks, and ends when all fail', async () => {
    for (const name of ['falls-far', 'falls']) gate.provider.behaveFor(`up-${name}`, { status: 503 });
    expect((await gate.chat(key, { model: 'falls-far' })).headers.get('x-litellm-attempted-fallbacks')).toBe(
      '2',
    );
    gate.provider.behave({ status: 503 });
    gate.provider.behaveFor('up-spare', { status: 503 });
    expect((await gate.chat(key, { model: 'falls-far' })).status).toBe(503);
  });

  it('is not a way round the grants: a key that may not use the fallback gets no answer from it', async () => {
    gate.provider.behaveFor('up-falls', { status: 500 });
    const own = await gate.makeKey({ models: ['falls'] });
    const answer = await gate.chat(own, { model: 'falls' });
    expect(answer.status).toBe(500);
    expect(gate.provider.requests.map(({ model }) => model)).toEqual(['up-falls']);
  });

  it('goes to the model with the longer context when the provider says the prompt is too long', async () => {
    gate.provider.behaveFor('up-narrow', {
      status: 400,
      rawBody: JSON.stringify({
        error: {
          message: 'This model’s maximum context length is 10 tokens',
          code: 'context_length_exceeded',
        },
      }),
    });
    expect((await gate.chat(key, { model: 'narrow' })).status).toBe(200);
  });

  it('is a retry on the other deployment, asked for by header; the failed one is not charged', async () => {
    gate.provider.behaveFor('twin-a', { status: 500 });
    const own = await gate.makeKey();
    for (let i = 0; i < 6; i += 1) {
      expect((await gate.chat(own, { model: 'twins' }, { 'x-litellm-num-retries': '1' })).status).toBe(200);
    }
    const entries = await gate.entriesOf(own);
    expect(entries.filter(({ status }) => status === 'success')).toHaveLength(6);
    expect(await gate.spendOf(own)).toBe(0.03);
  });

  it('is never given to a stream that has begun', async () => {
    gate.provider.behave({ fault: 'reset-midway', frameDelayMs: 20 });
    await gate.chat(key, { model: 'falls', stream: true }, { 'x-litellm-num-retries': '3' });
    expect(gate.provider.requests).toHaveLength(1);
  });

  it('is not bought without end: a header cannot ask for a thousand retries', async () => {
    gate.provider.behave({ status: 500 });
    expect((await gate.chat(key, {}, { 'x-litellm-num-retries': '1000' })).status).toBe(400);
    expect(gate.provider.requests).toHaveLength(0);
  });
});
