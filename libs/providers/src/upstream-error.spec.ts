import { describe, expect, it } from 'vitest';
import { testDeployment } from './test-deployment.harness.js';
import { mapEmbeddedError, mapUpstreamError, parseRetryAfter } from './upstream-error.js';

const mapped = (status: number, body: unknown, provider = 'openai') =>
  mapUpstreamError({
    status,
    deployment: testDeployment({ provider }),
    body: Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)),
  });
const openai = (message: string, extra = {}) => ({
  error: { message, type: 'their_type', param: 'their_param', code: null, ...extra },
});

describe('an upstream’s error', () => {
  it.each<[number, number, string, string | null, string]>([
    [400, 400, 'their_type', 'their_param', 'litellm.BadRequestError: OpenAIException - no'],
    [401, 401, 'authentication_error', null, 'litellm.AuthenticationError: OpenAIException - no'],
    [403, 403, 'permission_error', null, 'litellm.APIError: OpenAIException - no'],
    [404, 404, 'invalid_request_error', null, 'litellm.NotFoundError: OpenAIException - no'],
    [408, 408, 'invalid_request_error', null, 'litellm.Timeout: OpenAIException - no'],
    [422, 422, 'their_type', 'their_param', 'litellm.BadRequestError: OpenAIException - no'],
    [429, 429, 'throttling_error', 'their_param', 'litellm.RateLimitError: OpenAIException - no'],
    [500, 500, 'internal_server_error', 'their_param', 'litellm.InternalServerError: OpenAIException - no'],
    [503, 503, 'internal_server_error', null, 'litellm.ServiceUnavailableError: OpenAIException - no'],
    [529, 503, 'internal_server_error', null, 'litellm.ServiceUnavailableError: OpenAIException - no'],
    [302, 502, 'internal_server_error', null, 'litellm.APIError: OpenAIException - no'],
  ])('%i is answered as %i, %s', (status, expected, type, param, message) => {
    expect(mapped(status, openai('no'))).toMatchObject({
      status: expected,
      type,
      param,
      publicMessage: message,
    });
  });

  it('tells a full context window and a content policy apart, for their own fallbacks', () => {
    expect(mapped(400, openai('too long', { code: 'context_length_exceeded' }))).toMatchObject({
      code: 'request.context_window_exceeded',
      publicMessage: expect.stringContaining('litellm.ContextWindowExceededError:') as string,
    });
    expect(
      mapped(
        400,
        {
          type: 'error',
          error: {
            type: 'invalid_request_error',
            message: 'prompt is too long: 210000 tokens > 200000 maximum',
          },
        },
        'anthropic',
      ),
    ).toMatchObject({ code: 'request.context_window_exceeded', type: 'invalid_request_error' });
    expect(mapped(400, openai('x', { code: 'content_policy_violation' }))).toMatchObject({
      code: 'upstream.content_policy',
    });
  });

  it.each([
    ['<html><body>502 Bad Gateway</body></html>', 'no explanation'],
    ['', 'no explanation'],
    ['plain words', 'plain words'],
    [{ detail: 'Not Found' }, 'Not Found'],
    [{ detail: [{ loc: ['body'], msg: 'bad' }] }, 'bad'],
    [{ error: 'just text' }, 'just text'],
    [[{ error: { message: 'in a list' } }], 'in a list'],
    [{ message: 'mistral says' }, 'mistral says'],
  ])('is understood as %j', (body, words) => {
    expect(mapped(500, body).publicMessage).toContain(words);
  });

  /** Attack: make the provider refuse, and read the gateway's own credential out of its error text. */
  it.each([
    'sk-provider-secret-key-1234',
    'sk-proj-abcd***************wxyz',
    'Bearer abc.def',
    'gsk_abcdefgh12345678',
    'AIzaSyA1234567890abcdef',
    '0123456789abcdef0123456789abcdef',
  ])('never carries the credential %s', (secret) => {
    const { publicMessage, message } = mapped(
      401,
      openai(`Incorrect API key provided: ${secret}. Find yours.`),
    );
    for (const text of [publicMessage, message]) {
      expect(text).not.toContain(secret);
      expect(text).toContain('[secret]');
    }
  });

  it('is one bounded line', () => {
    const { publicMessage } = mapped(500, openai(`a\r\nset-cookie: x\u0000\u2028${'y'.repeat(100_000)}`));
    expect(publicMessage).toMatch(/^[^\p{Cc}\u2028]*$/u);
    expect(publicMessage.length).toBeLessThan(2_200);
  });

  it('inside a 200 has the status it names, else 500', () => {
    expect(mapEmbeddedError({ error: { message: 'x', code: 429 } }, testDeployment()).status).toBe(429);
    expect(
      mapEmbeddedError(
        { type: 'error', error: { type: 'overloaded_error', message: 'x' } },
        testDeployment({ provider: 'anthropic' }),
      ),
    ).toMatchObject({ status: 503 });
    expect(mapEmbeddedError({ error: { message: 'x', code: 'weird' } }, testDeployment()).status).toBe(500);
  });

  it('reads retry-after in both forms', () => {
    const now = Date.UTC(2026, 0, 1);
    expect(parseRetryAfter('7', now)).toBe(7000);
    expect(parseRetryAfter('0.5', now)).toBe(500);
    expect(parseRetryAfter('Thu, 01 Jan 2026 00:00:09 GMT', now)).toBe(9000);
    for (const value of ['-1', 'soon', '', 'Thu, 01 Jan 2020 00:00:09 GMT', undefined])
      expect(parseRetryAfter(value, now)).toBeUndefined();
  });
});
