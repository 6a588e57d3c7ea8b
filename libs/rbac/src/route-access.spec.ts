import { tmpdir } from 'node:os';
import { Config, type ConfigTree, loadConfig } from '#libs/config';
import { type GatewayError, type Principal, type Role, ROLES } from '#libs/kernel';
import { describe, expect, it } from 'vitest';
import { pathCovers } from './allowed-routes.js';
import { callerWith } from '../test/callers.js';
import { POLICY, policyOf, type RouteId } from './policy.js';
import { assertRouteAllowed, RouteAccess } from './route-access.js';

const base = await loadConfig({ env: {}, cwd: tmpdir() });
const accessWith = (changed: { [K in 'auth' | 'server' | 'metrics']?: Partial<ConfigTree[K]> } = {}) =>
  new RouteAccess(
    new Config({
      ...base,
      auth: { ...base.auth, ...changed.auth },
      server: { ...base.server, ...changed.server },
      metrics: { requireAuth: true, ...changed.metrics },
    }),
  );

const routes = Object.keys(POLICY) as RouteId[];
const as = (role: Role, allowedRoutes?: readonly string[]): Principal =>
  callerWith({ role, ...(allowedRoutes ? { allowedRoutes } : {}) });

function refusalOf(access: RouteAccess, route: RouteId, principal: Principal): GatewayError | undefined {
  try {
    assertRouteAllowed(access.decide(route, principal), principal);
    return undefined;
  } catch (thrown) {
    return thrown as GatewayError;
  }
}

describe('who may reach a route', () => {
  const access = accessWith();

  it('lets the administrator reach everything, and everybody call models', () => {
    for (const route of routes) expect(access.decide(route, as('proxy_admin')).allowed).toBe(true);
    for (const role of ROLES) expect(access.decide('POST /v1/chat/completions', as(role)).allowed).toBe(true);
  });

  it.each([
    ['POST /user/bulk_update', 'internal_user', 401],
    ['GET /global/spend', 'internal_user', 401],
    ['POST /user/new', 'proxy_admin_viewer', 403],
    ['POST /key/generate', 'proxy_admin_viewer', 403],
    ['POST /key/generate', 'internal_user_viewer', 401],
    ['POST /key/generate', 'team', 401],
    ['POST /key/generate', 'customer', 401],
    ['POST /key/generate', 'internal_user', undefined],
    ['POST /team/permissions_bulk_update', 'internal_user', 401],
    ['GET /audit', 'org_admin', 401],
    ['GET /spend/logs', 'internal_user_viewer', undefined],
    ['GET /spend/logs', 'team', 401],
    ['GET /key/info', 'team', undefined],
    ['GET /metrics', 'team', undefined],
  ] as const)('%s as %s is answered %s', (route, role, status) => {
    expect(refusalOf(access, route, as(role))?.status).toBe(status);
  });

  it('says what the contract says, and never a whole user id', () => {
    const error = refusalOf(
      access,
      'POST /user/bulk_update',
      callerWith({ role: 'internal_user', userId: 'anna.karenina@example.com' }),
    );
    expect(error?.publicMessage).toMatch(/^Authentication Error, Only proxy admin can be used to generate/);
    expect(error?.publicMessage).toContain('Route=/user/bulk_update');
    expect(error?.publicMessage).not.toContain('karenina');
  });
});

describe('a role that is narrowed', () => {
  const access = accessWith();
  const narrowed = (
    role: Role,
    roleRoutes: readonly string[],
    allowedRoutes?: readonly string[],
  ): Principal => ({
    ...as(role, allowedRoutes),
    roleRoutes: [roleRoutes],
  });

  it('reaches what both it and its list name', () => {
    const caller = narrowed('internal_user', ['key_management_routes']);
    expect(refusalOf(access, 'GET /key/list', caller)).toBeUndefined();
    expect(refusalOf(access, 'POST /v1/chat/completions', caller)?.status).toBe(401);
    expect(refusalOf(access, 'GET /team/info', caller)?.status).toBe(401);
    expect(refusalOf(access, 'GET /health/liveliness', caller)).toBeUndefined();
  });

  it('reaches what all of its lists name', () => {
    const caller = { ...as('internal_user'), roleRoutes: [['*'], ['/key/list'], ['info_routes']] };
    expect(refusalOf(access, 'GET /key/list', caller)).toBeUndefined();
    expect(refusalOf(access, 'GET /team/list', caller)?.status).toBe(401);
    expect(refusalOf(access, 'GET /key/list', { ...caller, roleRoutes: [['*'], []] })?.status).toBe(401);
  });

  /** Attack: a list that opens what the role itself does not. */
  it('is never opened by its list, nor by the routes of a key', () => {
    expect(refusalOf(access, 'GET /audit', narrowed('internal_user', ['/audit', '*']))?.status).toBe(401);
    const keyed = narrowed('internal_user', ['info_routes'], ['/audit']);
    expect(refusalOf(access, 'GET /audit', keyed)?.status).toBe(401);
  });

  it('reaches nothing with an empty list', () => {
    const caller = narrowed('proxy_admin_viewer', []);
    expect(refusalOf(access, 'GET /key/list', caller)?.status).toBe(401);
  });
});

describe("a key's allowed_routes", () => {
  const access = accessWith();

  it.each([
    [['llm_api_routes'], 'POST /v1/chat/completions', true],
    [['llm_api_routes'], 'POST /v1/messages', true],
    [['llm_api_routes'], 'GET /v1/models', true],
    [['llm_api_routes'], 'GET /key/info', false],
    [['openai_routes'], 'POST /v1/messages', false],
    [['anthropic_routes'], 'POST /v1/messages', true],
    [['info_routes'], 'POST /key/generate', false],
    [['management_routes'], 'POST /v1/chat/completions', false],
    [['/v1/chat/completions'], 'POST /v1/chat/completions', true],
    [['/v1/chat/completions'], 'POST /chat/completions', false],
    [['/v1/chat'], 'POST /v1/chat/completions', true],
    [['/v1/cha'], 'POST /v1/chat/completions', false],
    [['/v1/cha*'], 'POST /v1/chat/completions', true],
    [['/v1/*'], 'POST /v1/embeddings', true],
    [['/openai/deployments/{x}/embeddings'], 'POST /openai/deployments/{model}/embeddings', true],
    [['/openai/deployments/gpt-4/embeddings'], 'POST /openai/deployments/{model}/embeddings', false],
    [['*'], 'POST /v1/embeddings', true],
    [['no_such_group'], 'POST /v1/embeddings', false],
    [[], 'POST /v1/embeddings', true],
  ] as const)('%j on %s: %s', (entries, route, allowed) => {
    expect(access.decide(route, as('internal_user', entries)).allowed).toBe(allowed);
  });

  it('binds the keys of administrators too, and answers 403 with both members', () => {
    const error = refusalOf(access, 'POST /user/new', as('proxy_admin', ['llm_api_routes']));
    expect(error).toMatchObject({
      status: 403,
      detail: expect.stringContaining('Virtual key is not allowed to call this route'),
    });
    expect(error?.publicMessage).toBe(error?.detail);
  });

  it('grants an admin route only when the key names its path', () => {
    expect(access.decide('POST /user/new', as('team', ['/user/new']))).toEqual({
      allowed: true,
      via: 'key_route_grant',
    });
    expect(access.decide('POST /user/new', as('team', ['/user/*'])).allowed).toBe(true);
    expect(access.decide('POST /user/new', as('team', ['*'])).allowed).toBe(false);
    expect(access.decide('POST /user/new', as('team', ['management_routes'])).allowed).toBe(false);
  });

  it('never lets the root or an empty entry cover everything', () => {
    expect(pathCovers('/', '/user/new')).toBe(false);
    expect(pathCovers('', '/user/new')).toBe(false);
    expect(pathCovers('user/new', '/user/new')).toBe(false);
  });
});

describe('switches of the whole proxy', () => {
  it('closes every route that general_settings.allowed_routes does not list, to the master key too; probes stay', () => {
    const access = accessWith({ auth: { allowedRoutes: ['/v1/models'] } });
    for (const route of routes) {
      const open = route === 'GET /v1/models' || policyOf(route).access === 'public';
      expect([route, access.decideProxyWide(route).allowed]).toEqual([route, open]);
      expect([route, access.decide(route, as('proxy_admin')).allowed]).toEqual([route, open]);
    }
  });

  it('reserves admin_only_routes', () => {
    const access = accessWith({ auth: { adminOnlyRoutes: ['/key/generate'] } });
    expect(refusalOf(access, 'POST /key/generate', as('internal_user'))?.status).toBe(403);
    expect(refusalOf(access, 'POST /key/generate', as('proxy_admin'))).toBeUndefined();
  });

  it('switches off the admin plane or the data plane, model lists stay', () => {
    const data = accessWith({ server: { disableAdminEndpoints: true } });
    const admin = accessWith({ server: { disableLlmEndpoints: true } });
    expect(refusalOf(data, 'POST /key/generate', as('proxy_admin'))).toMatchObject({
      status: 403,
      detail: expect.any(String),
    });
    expect(data.decide('POST /v1/messages', as('team')).allowed).toBe(true);
    expect(admin.decide('POST /v1/messages', as('proxy_admin')).allowed).toBe(false);
    expect(admin.decide('POST /key/generate', as('proxy_admin')).allowed).toBe(true);
    for (const access of [data, admin])
      expect(access.decide('GET /v1/models', as('team')).allowed).toBe(true);
  });

  it('opens metrics only when told to', () => {
    expect(accessWith().isPublic('GET /metrics')).toBe(false);
    expect(accessWith({ metrics: { requireAuth: false } }).isPublic('GET /metrics')).toBe(true);
  });
});
