import { describe, expect, it } from 'vitest';
import type { Config, PassThroughEndpoint } from '#libs/config';
import type { Principal } from '#libs/kernel';
import { PassThroughAccess } from './pass-through-access.js';
import { assertOpeningsSafe, openingsOf } from './public-routes.js';

const endpoint = { path: '/svc', includeSubpath: true } as PassThroughEndpoint;
const configWith = (auth: object = {}, passThrough: readonly object[] = [endpoint]): Config =>
  ({
    auth: { adminOnlyRoutes: [], publicRoutes: [], ...auth },
    server: { disableLlmEndpoints: false },
    passThrough,
  }) as unknown as Config;
const access = new PassThroughAccess(configWith());
const caller = (facts: object): Principal => ({ role: 'internal_user', ...facts }) as Principal;
const reasonFor = (facts: object, path = '/svc/a', on = access): string => {
  const decision = on.decide(endpoint, path, caller(facts));
  return decision.allowed ? 'allowed' : decision.reason;
};

describe('who may call a pass-through endpoint', () => {
  it('is whoever has a grant that names its path', () => {
    expect(reasonFor({})).toBe('not_granted');
    expect(reasonFor({ role: 'proxy_admin' })).toBe('allowed');
    expect(reasonFor({ passThrough: { allowed: ['/svc'], denied: [] } })).toBe('allowed');
    expect(reasonFor({ passThrough: { allowed: ['/svc/b'], denied: [] } })).toBe('not_granted');
    expect(reasonFor({ passThrough: { allowed: ['/sv'], denied: [] } })).toBe('not_granted');
    expect(reasonFor({ key: { allowedRoutes: ['/svc/*'] } })).toBe('allowed');
    expect(reasonFor({ credentialRoutes: [['/svc'], ['*']] })).toBe('allowed');
  });

  it('is nobody by the name of a group or by a star', () => {
    expect(reasonFor({ key: { allowedRoutes: ['llm_api_routes'] } })).toBe('not_granted');
    expect(reasonFor({ key: { allowedRoutes: ['*'] } })).toBe('not_granted');
    expect(reasonFor({ key: { allowedRoutes: ['/*'] } })).toBe('not_granted');
    expect(reasonFor({ credentialRoutes: [['/svc'], ['openai_routes']] })).toBe('credential_route_denied');
  });

  it('is not whose lists leave it out or deny it, administrators’ keys included', () => {
    expect(reasonFor({ role: 'proxy_admin', key: { allowedRoutes: ['/v1/models'] } })).toBe(
      'key_route_denied',
    );
    const granted = { allowed: ['/svc'] };
    expect(reasonFor({ passThrough: { ...granted, denied: ['/svc/a'] } }, '/svc/a/b')).toBe('denied_by_list');
    expect(reasonFor({ passThrough: { ...granted, denied: ['/svc/a'] } }, '/svc/ab')).toBe('allowed');
    expect(reasonFor({ role: 'proxy_admin', passThrough: { ...granted, denied: ['/'] } })).toBe(
      'denied_by_list',
    );
    expect(reasonFor({ passThrough: { ...granted, denied: [] }, roleRoutes: [['info_routes']] })).toBe(
      'role_denied',
    );
    expect(reasonFor({ passThrough: { ...granted, denied: [] }, roleRoutes: [[]] })).toBe('role_denied');
    const reserved = new PassThroughAccess(configWith({ adminOnlyRoutes: ['/svc'] }));
    expect(reasonFor({ passThrough: { ...granted, denied: [] } }, '/svc', reserved)).toBe(
      'reserved_for_admins',
    );
  });

  it('is nobody where the operator serves other routes only', () => {
    const closed = new PassThroughAccess(configWith({ allowedRoutes: ['/v1/models'] }));
    expect(closed.decideProxyWide(endpoint)).toMatchObject({ reason: 'proxy_route_closed' });
  });
});

describe('what an operator opens to everybody', () => {
  it('is what is named and harmless', () => {
    const opened = openingsOf(
      configWith({
        publicRoutes: ['LiteLLMRoutes.public_routes', '/spend/calculate', '/api/*', '/v1/models'],
      }),
    );
    expect([...opened.routes].toSorted()).toEqual(['GET /v1/models', 'POST /spend/calculate']);
    expect(() =>
      assertOpeningsSafe(configWith({ publicRoutes: ['/spend/calculate', '/api/*'] })),
    ).not.toThrow();
  });

  /** Attack, or slip: one line of configuration that gives the proxy away. */
  it.each([
    ['/*', /POST \/v1\/chat\/completions/],
    ['*', /and \d+ more/],
    ['/key/*', /POST \/key\/generate/],
    ['/key/generate', /POST \/key\/generate/],
    ['LiteLLMRoutes.management_routes', /and \d+ more/],
    ['openai_routes', /chat\/completions/],
    ['/config/list', /GET \/config\/list/],
    ['/spend/logs', /GET \/spend\/logs/],
  ])('is never %s: nothing starts', (entry, message) => {
    expect(() => assertOpeningsSafe(configWith({ publicRoutes: [entry] }))).toThrow(message);
  });

  it('is a pass-through endpoint only where there is an end to it', () => {
    expect(() => assertOpeningsSafe(configWith({ publicRoutes: ['/svc'] }))).toThrow(/rpm_limit/);
    const limited = { ...endpoint, requestsPerMinute: 5 };
    expect(() => assertOpeningsSafe(configWith({ publicRoutes: ['/svc'] }, [limited]))).not.toThrow();
  });
});

describe('the path of an endpoint', () => {
  it.each([
    ['/v1/chat/completions', false],
    ['/v1', true],
    ['/key', true],
    ['/v1/models/mine', false],
    ['/key/mine/regenerate', false],
  ])('may not be %s, which is taken', (path, includeSubpath) => {
    expect(() => assertOpeningsSafe(configWith({}, [{ path, includeSubpath }]))).toThrow(/stands in the way/);
  });

  it('may be one that nobody has', () => {
    expect(() =>
      assertOpeningsSafe(configWith({}, [{ path: '/v1/rerank', includeSubpath: true }])),
    ).not.toThrow();
  });
});
