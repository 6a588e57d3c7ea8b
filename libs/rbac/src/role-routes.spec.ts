import { describe, expect, it } from 'vitest';
import { emptyEntries } from './role-routes.js';

const of = (base: 'internal_user' | 'internal_user_viewer' | 'proxy_admin_viewer', entry: string) =>
  emptyEntries(base, [entry], ['/svc'])[0]?.why;

describe('what a role can list', () => {
  it.each([
    '/key/info',
    '/key/*',
    'key_management_routes',
    'llm_api_routes',
    '*',
    '/v1/models',
    '/svc',
    '/svc/a',
  ])('is what its base reaches, at least in part: %s', (entry) => {
    expect(of('internal_user', entry)).toBeUndefined();
  });

  it.each(['/model_group/make_me_root', 'no_such_routes', 'key/info', '', '/KEY/INFO'])(
    'is no word that names nothing: %j',
    (entry) => {
      expect(of('internal_user', entry)).toBe('unknown');
    },
  );

  /** What is the proxy administrators' stays theirs, whoever asks for a role that says otherwise. */
  it.each(['/role/new', '/role/*', '/config/update', '/organization/new', '/jwt/key/mapping/new'])(
    'is nothing of the proxy administrators: %s',
    (entry) => {
      for (const base of ['internal_user', 'internal_user_viewer', 'proxy_admin_viewer'] as const)
        expect(emptyEntries(base, [entry], [])[0]?.why === 'closed' || entry.endsWith('*')).toBe(true);
      expect(of('internal_user', entry)).toBe('closed');
    },
  );

  it('is judged by the base', () => {
    expect(of('proxy_admin_viewer', '/role/list')).toBeUndefined();
    expect(of('internal_user', '/role/list')).toBe('closed');
  });
});
