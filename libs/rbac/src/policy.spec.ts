import 'reflect-metadata';
import { ROLES } from '#libs/kernel';
import { describe, expect, it } from 'vitest';
import { Handles } from './handles.js';
import { POLICY, policyOf, ROUTE_GROUPS, type RouteId, routerPathOf } from './policy.js';

const routes = Object.keys(POLICY) as RouteId[];

describe('the policy table', () => {
  it.each(routes)('%s is a well-formed route with a whole policy', (route) => {
    // Names that the standard of provisioning writes with capitals.
    const spelled = route.startsWith(`${route.split(' ')[0]} /scim/v2`)
      ? route.replace(/[A-Z]+(?=[a-z])/g, (name) => name.toLowerCase())
      : route;
    expect(spelled).toMatch(
      /^(GET|POST|PUT|PATCH|DELETE) \/([a-z0-9_.-]+|\{[a-z_]+\})?(\/([a-z0-9_.-]+|\{[a-z_]+\}))*\/?$/,
    );
    const { access, groups, audits, reachesProvider } = policyOf(route);
    if (typeof access !== 'string') for (const role of access) expect(ROLES).toContain(role);
    for (const group of groups) expect(ROUTE_GROUPS).toContain(group);
    if (access === 'public')
      expect({ reachesProvider, audits }).toEqual({ reachesProvider: false, audits: undefined });
    if (route.startsWith('GET ')) expect(audits).toBeUndefined();
  });

  it('answers nothing but probes, the front page, public models and signing in without a credential', () => {
    expect(routes.filter((route) => policyOf(route).access === 'public').toSorted()).toEqual([
      'GET /', 'GET /.well-known/litellm-ui-config', 'GET /config/yaml', 'GET /docs', 'GET /fallback/login', 'GET /get/litellm_model_cost_map', 'GET /health/liveliness',
      'GET /health/liveness', 'GET /health/readiness', 'GET /litellm/.well-known/litellm-ui-config', 'GET /logout',
      'GET /onboarding/get_token', 'GET /openapi.json', 'GET /public/litellm_model_cost_map',
      'GET /public/model_hub', 'GET /public/model_hub/info', 'GET /public/providers', 'GET /redoc', 'GET /routes', 'GET /sso/callback',
      'GET /sso/cli/poll/{id}', 'GET /sso/debug/callback', 'GET /sso/debug/login', 'GET /sso/key/generate',
      'GET /sso/saml/login', 'GET /sso/saml/metadata', 'GET /test', 'GET /ui/', 'GET /ui/password', 'POST /login', 'POST /logout', 'POST /onboarding/claim',
      'POST /onboarding/claim_token', 'POST /sso/cli/complete/{id}', 'POST /sso/cli/start', 'POST /sso/saml/callback', 'POST /ui/password', 'POST /v2/login',
    ]); // prettier-ignore
  });

  it('holds every completion route with and without /v1', () => {
    for (const name of ['chat/completions', 'completions', 'embeddings', 'responses']) {
      expect(routes).toContain(`POST /v1/${name}`);
      expect(policyOf(`POST /${name}` as RouteId)).toBe(policyOf(`POST /v1/${name}` as RouteId));
    }
  });

  it('becomes router paths', () => {
    expect(routerPathOf('GET /')).toEqual({ method: 'GET', path: '/' });
    expect(routerPathOf('GET /ui/')).toEqual({ method: 'GET', path: '/ui{/}' });
    expect(routerPathOf('POST /key/{key}/regenerate')).toEqual({
      method: 'POST',
      path: '/key/:key/regenerate',
    });
  });

  it('does not compile with a route that is not in it', () => {
    // @ts-expect-error -- an undeclared route
    expect(Handles('POST /key/invented')).toBeTypeOf('function');
    // @ts-expect-error -- a declared path under another method
    expect(Handles('PUT /key/generate')).toBeTypeOf('function');
  });

  it('refuses to bind routes of two methods to one handler', () => {
    expect(() => Handles('POST /key/delete', 'DELETE /key/delete')).toThrow(/one method/);
  });
});
