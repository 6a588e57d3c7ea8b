import { AuditEvent, StoredRole, User } from '#libs/database';
import { describe, expect, it } from 'vitest';
import { principal } from '../../../test/harness/caller.js';
import { admin, codeOf, tenancyForThisFile } from '../../../test/harness/tenancy.js';

const room = tenancyForThisFile('custom_roles, users, audit_events, changes');

describe('a role of the operator’s own', () => {
  it('is made once, however many ask at once, and again after it was deleted', async () => {
    const make = () => codeOf(room.customRoles.create(admin, 'clerk', { routes: ['/v1/models'] }));
    for (const round of [1, 2]) {
      const codes = await Promise.all(Array.from({ length: 20 }, make));
      expect([round, codes.filter((code) => code === 'allowed').length]).toEqual([round, 1]);
      expect(codes.filter((code) => code === 'request.conflict')).toHaveLength(19);
      await room.customRoles.delete(admin, 'clerk', false);
    }
    const [row] = await room.database.getRepository(StoredRole).find();
    expect(row?.deletedAt).toBeInstanceOf(Date);
  });

  it('forgets what it was when it begins anew', async () => {
    const rights = { base: 'proxy_admin_viewer' as const, routes: ['*'], models: ['*'], description: 'x' };
    await room.customRoles.create(admin, 'clerk', rights);
    await room.customRoles.delete(admin, 'clerk', false);
    const again = await room.customRoles.create(admin, 'clerk', {});
    expect(again).toMatchObject({
      ...{ base: 'internal_user', routes: [], models: [], description: null, deletedAt: null },
    });
  });

  it('is deleted together with its audit row, and says how many have it', async () => {
    await room.customRoles.create(admin, 'clerk', {});
    for (const id of ['ann', 'bob'])
      await room.users.create(admin, { id, settings: { role: 'clerk' }, organizationIds: [] });
    expect(await room.customRoles.delete(admin, 'clerk', false)).toBe(2);
    expect(await codeOf(room.customRoles.delete(admin, 'clerk', false))).toBe('request.not_found');
    expect(await room.customRoles.delete(admin, 'clerk', true)).toBe(2);
    expect(await room.database.getRepository(User).countBy({ role: 'clerk' })).toBe(2);
    const events = await room.database.getRepository(AuditEvent).findBy({ noun: 'role' });
    expect(events.map(({ action }) => action).toSorted()).toEqual(['created', 'deleted', 'deleted']);
  });

  /** The route policy stands before it; a path on a key opens a route, never this. */
  it.each(['internal_user', 'proxy_admin_viewer', 'org_admin', 'team'] as const)(
    'is not made, changed or deleted by %s',
    async (role) => {
      await room.customRoles.create(admin, 'clerk', {});
      const by = { ...admin, principal: principal({ role }) };
      expect(await codeOf(room.customRoles.create(by, 'mine', {}))).toBe('rbac.admin_only');
      expect(await codeOf(room.customRoles.update(by, 'clerk', { routes: ['*'] }))).toBe('rbac.admin_only');
      expect(await codeOf(room.customRoles.delete(by, 'clerk', true))).toBe('rbac.admin_only');
    },
  );

  it('cannot stand on a base that roles do not have, whoever writes the row', async () => {
    const write = room.database.query(
      `INSERT INTO custom_roles (name, base) VALUES ('forged', 'proxy_admin')`,
    );
    await expect(write).rejects.toThrow(/check constraint/);
  });
});
