import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Config, loadConfig } from '#libs/config';
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

describe('what a role means', () => {
  it('is a built-in role under its rule', () => {
    expect(effectiveRole('internal_user', config)).toEqual({ role: 'internal_user', models: ['gpt-4o'] });
    expect(effectiveRole('proxy_admin', config)).toEqual({ role: 'proxy_admin' });
  });

  it('is one of the operator’s own, standing on a built-in one', () => {
    expect(effectiveRole('auditor', config)).toEqual({
      role: 'proxy_admin_viewer',
      customRole: 'auditor',
      roleRoutes: ['spend_tracking_routes'],
      models: [],
    });
    expect(effectiveRole('tester', config)).toEqual({
      role: 'internal_user',
      customRole: 'tester',
      roleRoutes: ['llm_api_routes'],
      models: ['test-*'],
    });
  });

  /** A role that was taken out of the file must not become a stronger one, nor lose the rule of the one it becomes. */
  it.each(['gone', '__proto__', 'constructor', ''])(
    'is an internal user when nobody knows it: %j',
    (name) => {
      expect(effectiveRole(name, config)).toEqual({ role: 'internal_user', models: ['gpt-4o'] });
    },
  );
});

describe('roles in the file', () => {
  it.each([
    [{ custom_roles: [{ name: 'proxy_admin' }] }, /built-in/],
    [{ custom_roles: [{ name: 'x', base: 'proxy_admin' }] }, /custom_roles/],
    [{ custom_roles: [{ name: 'x' }, { name: 'x' }] }, /twice/],
    [{ custom_roles: [{ name: 'x', route: ['/a'] }] }, /custom_roles/],
    [{ role_permissions: [{ role: 'internal_usr' }] }, /no such role/],
    [{ role_permissions: [{ role: 'team' }, { role: 'team' }] }, /twice/],
  ])('are refused when they could mean something else: %j', async (settings, message) => {
    await expect(configured(settings)).rejects.toThrow(message);
  });
});
