import { describe, expect, it } from 'vitest';
import { checkedReturnTo } from './return-to.js';

const CONTROL = 'https://control.example.com/app';

/** An open redirect lends a stranger's page the name of the sign-in page that forwarded to it. */
describe('where somebody is sent after signing in', () => {
  it.each(['/', '/ui/', '/sso/key/generate?source=litellm-cli&key=cli-abc', '/ui/?next=%2Fkeys#top'])(
    'may be a path of ours: %s',
    (path) => {
      expect(checkedReturnTo(path)).toBe(path);
    },
  );

  it.each([
    '',
    'ui',
    'https://evil.example',
    'HTTPS://evil.example',
    '//evil.example',
    '///evil.example',
    '/\\evil.example',
    '\\\\evil.example',
    '/a//b',
    '/\tevil',
    '/\u0000',
    '/ui\r\nset-cookie: a=b',
    '/ ui',
    '/\u0085ui',
    'javascript:alert(1)',
    'data:text/html,x',
    `/${'a'.repeat(3_000)}`,
    CONTROL,
  ])('is refused: %j', (wanted) => {
    expect(() => checkedReturnTo(wanted)).toThrow(/return_to/);
  });

  it('may be an address of the operator’s control plane, and of nobody who only looks like it', () => {
    expect(checkedReturnTo(`${CONTROL}/back?x=1`, CONTROL)).toBe(`${CONTROL}/back?x=1`);
    for (const wanted of [
      'https://control.example.com.evil.example/',
      'https://control.example.com@evil.example/',
      'https://user:password@control.example.com/',
      'http://control.example.com/app',
      'https://control.example.com:8443/',
      'https://control.example.com\\@evil.example/',
      'ftp://control.example.com/',
    ])
      expect(() => checkedReturnTo(wanted, CONTROL)).toThrow(/return_to/);
  });
});
