import { describe, expect, it } from 'vitest';
import { relayedHeaders, type RelayRules } from './relayed-headers.js';
import { passedOnHeaders } from './response-headers.js';

const rules: RelayRules = { own: [], forwards: true, credentialNames: [], credential: 'sk-caller-123' };
const pairs = (flat: readonly string[]): Record<string, string> =>
  Object.fromEntries(flat.flatMap((name, index) => (index % 2 === 0 ? [[name, flat[index + 1] ?? '']] : [])));
const sent = (headers: Record<string, string>, changed: Partial<RelayRules> = {}) =>
  pairs(relayedHeaders(Object.entries(headers).flat(), { ...rules, ...changed }));

describe('the headers that go to a fixed target', () => {
  it('are only those that describe the body, unless the operator forwards more', () => {
    const headers = { 'Content-Type': 'a/b', Accept: 'c/d', 'X-Team': 'blue' };
    expect(sent(headers, { forwards: false })).toEqual({
      'content-type': 'a/b',
      accept: 'c/d',
      'user-agent': 'tollgate',
    });
    expect(sent(headers)['x-team']).toBe('blue');
  });

  /** Attack: the target (or its log) learns a key of ours. */
  it.each([
    'Authorization', 'X-Api-Key', 'API-Key', 'x-litellm-api-key', 'X-LiteLLM-Key', 'x-goog-api-key', 'Ocp-Apim-Subscription-Key', 'Cookie',
    'Proxy-Authorization', 'litellm_user_api_key', 'X-Goog-IAP-JWT-Assertion', 'X-Auth-Request-Access-Token',
  ])('never hold %s', (name) => {
    expect(Object.keys(sent({ [name]: 'whatever' }))).toEqual(['user-agent']);
  }); // prettier-ignore

  it('never hold the credential under another name', () => {
    expect(sent({ 'X-Trace': 'a sk-caller-123 b' })).not.toHaveProperty('x-trace');
    expect(sent({ 'Content-Type': 'x; b=sk-caller-123' })).not.toHaveProperty('content-type');
    expect(sent({ 'My-Key': 'other' }, { credentialNames: ['my-key'] })).not.toHaveProperty('my-key');
  });

  /** Attack: smuggling by hop-by-hop headers, or removing the operator’s own by naming it in Connection. */
  it('end at this hop what belongs to it', () => {
    const made = sent(
      {
        Connection: 'close, X-Secret-Hop',
        'X-Secret-Hop': '1',
        'Transfer-Encoding': 'chunked',
        'Content-Length': '7',
        Upgrade: 'websocket',
        TE: 'trailers',
        Trailer: 'x',
        Host: 'evil.example',
        'X-Forwarded-Host': 'evil.example',
        Forwarded: 'for=1.2.3.4',
        Expect: '100-continue',
      },
      { own: [['x-service', 'ours']] },
    );
    expect(made).toEqual({ 'x-service': 'ours', 'user-agent': 'tollgate' });
    expect(sent({ Connection: 'x-service' }, { own: [['x-service', 'ours']] })['x-service']).toBe('ours');
  });

  it('let the operator’s win', () => {
    const flat = relayedHeaders(['Accept', 'theirs', 'ACCEPT', 'again'], {
      ...rules,
      own: [['accept', 'ours']],
    });
    expect(flat).toEqual(['accept', 'ours', 'user-agent', 'tollgate']);
  });
});

describe('the headers that come back', () => {
  it('are the target’s own but those that would steer a browser or speak for us', () => {
    const out: string[] = [];
    passedOnHeaders(
      ['content-type', 'a/b', 'content-length', '3', 'etag', '"x"', 'set-cookie', 'a=1', 'location', 'https://evil.example', 'transfer-encoding', 'chunked', 'access-control-allow-origin', '*', 'x-litellm-response-cost', '0', 'x-bad', 'a\r\nb: c'],
      out,
    ); // prettier-ignore
    expect(pairs(out)).toEqual({ 'content-type': 'a/b', 'content-length': '3', etag: '"x"' });
  });
});
