import { describe, expect, it } from 'vitest';
import { responseHeaders } from './response-headers.js';

const relayed = (...headers: string[]) => {
  const out: string[] = [];
  responseHeaders(headers, out);
  return out;
};

describe('headers of an upstream', () => {
  it('keep the content type, and come prefixed; rate limits also under their own name', () => {
    expect(
      relayed('content-type', 'application/json', 'x-request-id', 'r', 'x-ratelimit-remaining-tokens', '9'),
    ).toEqual([
      'content-type',
      'application/json',
      'llm_provider-content-type',
      'application/json',
      'llm_provider-x-request-id',
      'r',
      'x-ratelimit-remaining-tokens',
      '9',
      'llm_provider-x-ratelimit-remaining-tokens',
      '9',
    ]);
  });

  /** Attack: an upstream that plants cookies, policies or framing on the gateway's origin, under any spelling. */
  it.each([
    'set-cookie',
    'Set-Cookie',
    'content-security-policy',
    'strict-transport-security',
    'access-control-allow-origin',
    'transfer-encoding',
    'content-length',
    'connection',
    'proxy-authenticate',
    'location',
    'x y',
    'a\r\nb',
    '',
  ])('never include %j', (name) => {
    expect(relayed(name, 'v')).toEqual([]);
  });

  it.each(['a\r\nset-cookie: x=1', 'a\nb', 'a\u0000', '\u0130'])('never carry the value %j', (value) => {
    expect(relayed('x-a', value)).toEqual([]);
  });

  it('are bounded in number', () => {
    expect(relayed(...Array.from({ length: 5_000 }, (_, index) => [`x-${index}`, 'v']).flat()).length).toBe(
      128,
    );
  });
});

describe('limits of an upstream', () => {
  it('do not stand beside our own of the same name: a header twice is read as whichever comes first', () => {
    const out = ['x-ratelimit-limit-requests', '5'];
    responseHeaders(['X-RateLimit-Limit-Requests', '9999', 'x-ratelimit-limit-tokens', '7'], out);
    expect(out).toEqual([
      'x-ratelimit-limit-requests',
      '5',
      'llm_provider-x-ratelimit-limit-requests',
      '9999',
      'x-ratelimit-limit-tokens',
      '7',
      'llm_provider-x-ratelimit-limit-tokens',
      '7',
    ]);
  });
});
