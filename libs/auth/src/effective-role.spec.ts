import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Config, loadConfig } from '#libs/config';
import { StoredRole } from '#libs/database';
import { describe, expect, it } from 'vitest';
import { effectiveRole } from './effective-role.js';

async function configured(settings: object): Promise<Config> {
  const folder = mkdtempSync(join(tmpdir(), 'tollgate-roles-'));
  try {
    const file = join(folder, 'config.yaml');
    writeFileSync(file, JSON.stringify({ general_settings: settings }));
    return await loadConfig({ env: {}, cwd: folder, flags: { config: file } });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const config = await configured({
  custom_roles: [
    { name: 'auditor', base: 'proxy_admin_viewer', routes: ['spend_tracking_routes'], models: [] },
    { name: 'tester', models: ['test-*'] },
  ],
  role_permissions: [
    { role: 'internal_user', models: ['gpt-4o'] },
    { role: 'tester', routes: ['llm_api_routes'] },
  ],
});

const made = (name: string, changed: Partial<StoredRole> = {}): [string, StoredRole] => [
  name,
  Object.assign(new StoredRole(), {
    name,
    base: 'internal_user',
    routes: ['*'],
    models: ['*'],
    deletedAt: null,
    ...changed,
  }),
];
const NOBODY = { role: 'internal_user_viewer', roleRoutes: [[]], models: [[]] };
const none = new Map<string, StoredRole | null>();

describe('what a role means', () => {
  it('is a built-in role under its rule', () => {
    expect(effectiveRole('internal_user', config, none)).toEqual({
      role: 'internal_user',
      models: [['gpt-4o']],
    });
    expect(effectiveRole('proxy_admin', config, none)).toEqual({ role: 'proxy_admin' });
  });

  it('is one of the file, standing on a built-in one', () => {
    expect(effectiveRole('auditor', config, none)).toEqual({
      role: 'proxy_admin_viewer',
      customRole: 'auditor',
      roleRoutes: [['spend_tracking_routes']],
      models: [[]],
    });
    expect(effectiveRole('tester', config, none)).toEqual({
      role: 'internal_user',
      customRole: 'tester',
      roleRoutes: [['llm_api_routes']],
      models: [['test-*']],
    });
  });

  it('is one that was made by API, within the rule of its base', () => {
    const stored = new Map([
      made('reader', { base: 'proxy_admin_viewer', routes: ['/key/list'], models: [] }),
      made('caller', { models: ['gpt-*'] }),
    ]);
    expect(effectiveRole('reader', config, stored)).toEqual({
      role: 'proxy_admin_viewer',
      customRole: 'reader',
      roleRoutes: [['/key/list']],
      models: [[]],
    });
    expect(effectiveRole('caller', config, stored).models).toEqual([['gpt-*'], ['gpt-4o']]);
  });

  it('is what the file says where both name it', () => {
    const stored = new Map([made('tester', { base: 'proxy_admin_viewer' }), made('proxy_admin')]);
    expect(effectiveRole('tester', config, stored).role).toBe('internal_user');
    expect(effectiveRole('proxy_admin', { roles: { custom: {}, permissions: {} } }, stored)).toEqual({
      role: 'proxy_admin',
    });
  });

  /** A row of the database that says more than roles may is no way to become an administrator. */
  it.each(['proxy_admin', 'org_admin', ''])('is nothing on a base that roles cannot have: %j', (base) => {
    const stored = new Map([made('forged', { base })]);
    expect(effectiveRole('forged', config, stored)).toEqual({ ...NOBODY, customRole: 'forged' });
  });

  /** Who is given no rights must not get those of the role it stood on, or of anybody else. */
  it.each(['gone', 'deleted', '__proto__', 'constructor', ''])(
    'is nothing when nobody knows it: %j',
    (name) => {
      const stored = new Map([made('deleted', { deletedAt: new Date() })]);
      expect(effectiveRole(name, config, stored)).toEqual({ ...NOBODY, customRole: name });
    },
  );
});

describe('roles in the file', () => {
  it.each([
    [{ custom_roles: [{ name: 'proxy_admin' }] }, /built-in/],
    [{ custom_roles: [{ name: 'x', base: 'proxy_admin' }] }, /custom_roles/],
    [{ custom_roles: [{ name: 'proxy_admin_lite' }] }, /administrator/],
    [{ custom_roles: [{ name: 'openid' }] }, /scope/],
    [{ custom_roles: [{ name: 'x' }, { name: 'x' }] }, /twice/],
    [{ custom_roles: [{ name: 'x', route: ['/a'] }] }, /custom_roles/],
    [{ role_permissions: [{ role: 'internal_usr' }] }, /no such role/],
    [{ role_permissions: [{ role: 'team' }, { role: 'team' }] }, /twice/],
  ])('are refused when they could mean something else: %j', async (settings, message) => {
    await expect(configured(settings)).rejects.toThrow(message);
  });
});
