import 'reflect-metadata';
import { ROLES } from '#libs/kernel';
import { describe, expect, it } from 'vitest';
import { Handles } from './handles.js';
import { POLICY, policyOf, ROUTE_GROUPS, type RouteId, routerPathOf, tellsDetail } from './policy.js';

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

  it('knows whose clients read `detail`: families, and single routes of the others (contract/admin-api 0.3)', () => {
    const told = routes.filter(tellsDetail).map((route) => route.slice(route.indexOf(' ') + 1));
    const families = [
      'organization',
      'project',
      'budget',
      'tag',
      'access_group',
      'credentials',
      'jwt',
      'audit',
    ];
    for (const family of families) {
      const rows = routes.filter((route) => route.split('/')[1] === family);
      expect(
        rows.filter((route) => !tellsDetail(route)),
        family,
      ).toEqual([]);
    }
    const others = new Set(told.filter((path) => !families.includes(path.split('/')[1] ?? '')));
    expect([...others].toSorted()).toEqual([
      '/customer/block', '/customer/daily/activity', '/customer/daily/activity/aggregated', '/customer/unblock',
      '/end_user/daily/activity', '/end_user/daily/activity/aggregated', '/invitation/delete', '/invitation/info', '/invitation/update',
      '/key/bulk_update', '/key/service-account/generate', '/key/{key}/reset_spend', '/model/info', '/models/{id}', '/openai/v1/models/{id}', '/spend/logs/v2',
      '/team/available', '/team/block', '/team/bulk_member_add', '/team/daily/activity', '/team/daily/activity/aggregated',
      '/team/delete', '/team/filter/ui', '/team/key/bulk_update', '/team/list', '/team/member_add', '/team/member_delete',
      '/team/member_update', '/team/metadata_schema', '/team/model/add', '/team/model/delete', '/team/permissions_bulk_update', '/team/permissions_list',
      '/team/permissions_update', '/team/spend/report', '/team/unblock', '/team/{team_id}',
      '/team/{team_id}/member/{user_id}/reset_budget', '/team/{team_id}/member/{user_id}/reset_spend', '/team/{team_id}/members/me',
      '/user/bulk_update', '/user/daily/activity', '/user/daily/activity/aggregated', '/user/delete', '/user/list', '/v1/access_group',
      '/v1/access_group/{id}', '/v1/model/info', '/v1/models/{id}', '/v1/unified_access_group', '/v1/unified_access_group/{id}',
      '/v2/organization/{organization_id}', '/v2/team/list',
    ]); // prettier-ignore
    expect(tellsDetail('GET (no such route)')).toBe(false);
    expect(tellsDetail('constructor')).toBe(false);
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
