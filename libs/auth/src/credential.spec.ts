import { describe, expect, it } from 'vitest';
import { credentialOf } from './credential.js';

const from = (...rawHeaders: string[]) => credentialOf({ rawHeaders });
const token = (raw: string, source: string) => ({ kind: 'token', raw, source });

describe('the credential of a request', () => {
  it.each([
    ['x-litellm-api-key, raw', ['X-LiteLLM-API-Key', 'sk-1'], token('sk-1', 'x-litellm-api-key')],
    ['x-litellm-api-key, prefixed', ['x-litellm-api-key', 'Bearer sk-1'], token('sk-1', 'x-litellm-api-key')],
    ['X-LiteLLM-Key, raw', ['X-LiteLLM-Key', 'sk-1'], token('sk-1', 'x-litellm-key')],
    ['X-LiteLLM-Key, prefixed', ['X-LiteLLM-Key', 'bearer sk-1'], token('sk-1', 'x-litellm-key')],
    ['Authorization: Bearer', ['Authorization', 'Bearer sk-1'], token('sk-1', 'authorization')],
    ['authorization: bearer', ['authorization', 'bearer sk-1'], token('sk-1', 'authorization')],
    ['Authorization: Basic, in clear', ['Authorization', 'Basic sk-1'], token('sk-1', 'authorization')],
    ['a doubled prefix', ['Authorization', 'Bearer Bearer sk-1'], token('sk-1', 'authorization')],
    ['api-key (Azure)', ['API-Key', 'sk-1'], token('sk-1', 'api-key')],
    ['x-api-key (Anthropic)', ['x-api-key', 'sk-1'], token('sk-1', 'x-api-key')],
    ['x-api-key keeps a prefix as text', ['x-api-key', 'Bearer sk-1'], token('Bearer sk-1', 'x-api-key')],
    ['x-goog-api-key', ['X-Goog-Api-Key', 'sk-1'], token('sk-1', 'x-goog-api-key')],
    [
      'Azure API management',
      ['Ocp-Apim-Subscription-Key', 'sk-1'],
      token('sk-1', 'ocp-apim-subscription-key'),
    ],
    [
      'AWS signature with a bearer inside',
      [
        'Authorization',
        'AWS4-HMAC-SHA256 Credential=Bearer sk-1/20260101/us/bedrock/aws4_request, SignedHeaders=host',
      ],
      token('sk-1', 'authorization'),
    ],
    [
      'AWS signature with the bare key',
      ['x-litellm-api-key', 'AWS4-HMAC-SHA256 Credential=sk-1/20260101/us'],
      token('sk-1', 'x-litellm-api-key'),
    ],
    [
      'a bare key in Authorization',
      ['Authorization', 'sk-1'],
      { kind: 'malformed', source: 'authorization' },
    ],
    ['BEARER in capitals', ['Authorization', 'BEARER sk-1'], { kind: 'malformed', source: 'authorization' }],
    ['an empty bearer', ['Authorization', 'Bearer '], { kind: 'malformed', source: 'authorization' }],
    [
      'an AWS signature without a credential',
      ['Authorization', 'AWS4-HMAC-SHA256 x=y'],
      { kind: 'malformed', source: 'authorization' },
    ],
    ['an endless key', ['x-api-key', `sk-${'a'.repeat(9_000)}`], { kind: 'malformed', source: 'x-api-key' }],
    ['no credential', ['host', 'x', 'cookie', 'token=sk-1'], { kind: 'missing' }],
  ])('reads %s', (_, headers, expected) => {
    expect(from(...headers)).toEqual(expected);
  });

  it('is the first in the order of the contract, wherever it stands in the request', () => {
    const inOrder = [
      'x-litellm-api-key',
      'x-litellm-key',
      'authorization',
      'api-key',
      'x-api-key',
      'x-goog-api-key',
      'ocp-apim-subscription-key',
    ];
    for (let first = 0; first < inOrder.length; first += 1) {
      const headers = inOrder
        .slice(first)
        .reverse()
        .flatMap((name) => [name, `Bearer sk-${name}`]);
      expect(from(...headers)).toMatchObject({ kind: 'token', source: inOrder[first] });
    }
  });

  it('is not rescued by a later header when an earlier one is bad', () => {
    expect(from('x-api-key', 'sk-good', 'authorization', 'sk-bare')).toEqual({
      kind: 'malformed',
      source: 'authorization',
    });
  });

  it('treats an empty header as absent', () => {
    expect(from('authorization', ' ', 'x-api-key', 'sk-1')).toEqual(token('sk-1', 'x-api-key'));
  });

  /** Attack: two Authorization lines, so that a proxy in front logs one caller and we bill another. */
  it.each([
    [['Authorization', 'Bearer sk-1', 'authorization', 'Bearer sk-2']],
    [['x-api-key', 'sk-1', 'X-Api-Key', 'sk-1']],
    [['Authorization', 'Bearer sk-1', 'x-api-key', 'a', 'x-api-key', 'b']],
  ])('refuses a repeated credential header: %j', (headers) => {
    expect(() => from(...headers)).toThrow(expect.objectContaining({ code: 'request.invalid', status: 400 }));
  });

  it('is read from ?key= on generateContent routes only', () => {
    const at = (url: string) => credentialOf({ rawHeaders: [], url });
    expect(at('/v1beta/models/g:generateContent?key=sk-1')).toEqual(token('sk-1', 'query'));
    expect(at('/models/g:streamGenerateContent?alt=sse&key=sk-1')).toEqual(token('sk-1', 'query'));
    expect(at('/v1/chat/completions?key=sk-1')).toEqual({ kind: 'missing' });
    expect(at('/v1/chat/completions?key=sk-1&x=generateContent')).toEqual({ kind: 'missing' });
    expect(() => at('/models/g:generateContent?key=sk-1&key=sk-2')).toThrow(/more than once/);
  });
});

describe('a configured header', () => {
  const from = (...rawHeaders: string[]) =>
    credentialOf({ rawHeaders, url: '/m:generateContent?key=sk-q' }, 'x-my-key');

  it('replaces every other source', () => {
    expect(from('Authorization', 'Bearer sk-1', 'X-My-Key', 'Bearer sk-2')).toEqual(
      token('sk-2', 'configured-header'),
    );
    expect(from('Authorization', 'Bearer sk-1')).toEqual({ kind: 'missing' });
  });

  it('demands a prefix', () => {
    expect(from('X-My-Key', 'sk-2')).toEqual({ kind: 'malformed', source: 'configured-header' });
  });

  it('may not be repeated', () => {
    expect(() => from('X-My-Key', 'Bearer a', 'x-my-key', 'Bearer b')).toThrow(/more than once/);
  });
});
