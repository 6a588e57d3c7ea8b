import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { PassThroughEndpoint } from '#libs/config';
import { Secret } from '#libs/kernel';
import { endpointOf, targetPathOf, targetQueryOf } from './target-path.js';

const endpoint: PassThroughEndpoint = {
  path: '/svc',
  includeSubpath: true,
  methods: ['GET', 'POST'],
  target: { origin: 'https://target.example', path: '/base/v1', query: [] },
  headers: [],
  forwardsHeaders: false,
  requiresCaller: true,
  keyIsBasicUser: false,
};

const TRICKS = [
  '..', '.', '...', '', '%2e', '%2E%2E', '%2e.', '.%2e', '%2f', '%2F..%2F', '%5c', '\\', '..\\', '%252e%252e', '%252f', '%00', '%0d%0a',
  ';', '..;', 'a;b', '#', '?', '@evil.example', 'http:', '//evil.example', '%c0%ae', '%ff', '%', '%4', '%61', '\u0000', 'é', '\u2215', '%E2%88%95', 'a b', 'ok', 'a.b', '~x', 'A%20b',
]; // prettier-ignore

describe('where a call below an endpoint goes', () => {
  it.each([
    ['/svc', '/base/v1'],
    ['/svc/', '/base/v1/'],
    ['/svc/a/b.json', '/base/v1/a/b.json'],
    ['/svc/files/A%20b', '/base/v1/files/A%20b'],
    ['/svc/models/x:generate', '/base/v1/models/x:generate'],
  ])('%s is %s', (path, target) => {
    expect(endpointOf([endpoint], path)).toBe(endpoint);
    expect(targetPathOf(endpoint, path)).toBe(target);
  });

  it.each(['/svcx', '/SVC', '/svc%2fa', 'http://evil.example/svc', '//svc', '/other', '*', ''])(
    '%j is not this endpoint’s',
    (path) => {
      expect(endpointOf([endpoint], path)).toBeUndefined();
    },
  );

  it('takes nothing below an endpoint that stands alone', () => {
    expect(endpointOf([{ ...endpoint, includeSubpath: false }], '/svc/a')).toBeUndefined();
  });

  /** Attack: any spelling by which the target, a proxy before it or a URL parser would leave the configured place. */
  it('never leads out of the target, whatever tricks are combined', () => {
    const segment = fc.oneof(fc.constantFrom(...TRICKS), fc.string({ maxLength: 6, unit: 'binary' }));
    fc.assert(
      fc.property(fc.array(segment, { maxLength: 6 }), (segments) => {
        const path = ['/svc', ...segments].join('/');
        const found = endpointOf([endpoint], path);
        if (!found) return;
        let target: string;
        try {
          target = targetPathOf(found, path);
        } catch {
          return;
        }
        const url = new URL(target, endpoint.target.origin);
        expect(url.origin).toBe('https://target.example');
        // What a normaliser makes of it is what was sent, so everybody on the way reads the same.
        expect(url.pathname).toBe(target);
        expect(target.startsWith('/base/v1')).toBe(true);
        const once = decodeURIComponent(target);
        expect(once.split('/').length).toBe(target.split('/').length);
        expect(decodeURIComponent(once)).toBe(once);
        expect(once.split('/')).not.toContain('..');
      }),
      { numRuns: 3_000 },
    );
  });

  it.each(['/svc/%61dmin', '/svc/a/../b', '/svc//a', '/svc/%2e%2e/a', '/svc/a%2fb', '/svc/a%2Fb', '/svc/..;/a', '/svc/a%3bb', '/svc/%25%32%65'])(
    'refuses %s, which can be read in two ways',
    (path) => {
      expect(() => targetPathOf(endpoint, path)).toThrow(/more than one way/);
    },
  ); // prettier-ignore
});

describe('the query of a call', () => {
  const withKey = {
    ...endpoint,
    target: {
      ...endpoint.target,
      query: [
        ['key', new Secret('op&1')],
        ['v', '2'],
      ] as const,
    },
  };

  it('goes along as it came', () => {
    expect(targetQueryOf(endpoint, 'a=1&a=2&b=%20x', undefined)).toBe('?a=1&a=2&b=%20x');
    expect(targetQueryOf(endpoint, '', undefined)).toBe('');
  });

  /** Attack: the operator’s parameter replaced by the caller’s, under another spelling. */
  it.each(['key=mine', 'k%65y=mine', 'v=1', 'key'])(
    'keeps the target’s own parameters against %s',
    (query) => {
      expect(targetQueryOf(withKey, `${query}&x=1`, undefined)).toBe('?key=op%261&v=2&x=1');
    },
  );

  it('keeps the caller’s credential here', () => {
    expect(targetQueryOf(endpoint, 'token=sk-caller&x=1', 'sk-caller')).toBe('?x=1');
    expect(targetQueryOf(endpoint, 'token=Bearer+s%6b-caller', 'sk-caller')).toBe('');
  });

  it.each(['a=%', 'a=1#b', 'a b', 'a=\u00e9'])('refuses %j', (query) => {
    expect(() => targetQueryOf(endpoint, query, undefined)).toThrow(/more than one way/);
  });
});
