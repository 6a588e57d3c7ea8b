import { isRoleName, ROLE_BASES } from '#libs/config';
import type { RoleSettings, RoleView } from '#libs/tenancy';
import { z } from 'zod';
import { flag, name, names, optionalName } from '../http/fields.schemas.js';
import type { BodyDefinition } from '../http/request-body.js';
import { toApiTime } from '../http/wire.js';

/** Gone through by every request of whoever has the role. */
const MOST_ROUTES = 200;

const FIELDS = {
  base: z.enum(ROLE_BASES).optional(),
  routes: z.array(name.min(1)).max(MOST_ROUTES).optional(),
  models: names,
  description: optionalName,
};

export const newRoleBody = {
  schema: z.object({
    role: name.refine(
      isRoleName,
      'a name begins with a letter, has letters, digits, - and _, and is no built-in role, nothing that begins with proxy_admin, and no scope that every token may carry',
    ),
    ...FIELDS,
  }),
} satisfies BodyDefinition;
export type NewRoleBody = z.output<typeof newRoleBody.schema>;

export const roleChangeBody = {
  schema: z.object({ role: name.min(1), ...FIELDS }),
} satisfies BodyDefinition;
export type RoleChangeBody = z.output<typeof roleChangeBody.schema>;

export const deleteRoleBody = {
  schema: z.object({ role: name.min(1), forget: flag }),
} satisfies BodyDefinition;
export type DeleteRoleBody = z.output<typeof deleteRoleBody.schema>;

export const roleQuery = z.object({ role: name.min(1) });

export const ROLE = z.object({
  role: z.string(),
  base: z.string(),
  routes: z.array(z.string()),
  models: z.array(z.string()),
  description: z.string().nullable(),
  source: z.enum(['config', 'db']),
  created_at: z.string().nullable(),
  created_by: z.string().nullable(),
  updated_at: z.string().nullable(),
  updated_by: z.string().nullable(),
});
export const ROLE_INFO = ROLE.extend({ holders: z.int() });
export const ROLE_LIST = z.object({ roles: z.array(ROLE) });
export const DELETED_ROLE = z.object({ role: z.string(), holders: z.int(), message: z.string() });

export function toRoleSettings({ base, routes, models, description }: RoleChangeBody): RoleSettings {
  return { base, routes, models, description };
}

/** A list that a role of the file leaves out narrows nothing: `*`. */
const ALL = ['*'];

export function toApiRole(view: RoleView): z.output<typeof ROLE> {
  const { role, source } = view;
  const shared = {
    role: role.name,
    base: role.base,
    routes: [...(role.routes ?? ALL)],
    models: [...(role.models ?? ALL)],
    source,
  };
  if (view.source === 'config')
    return {
      ...shared,
      description: view.role.description ?? null,
      ...{ created_at: null, created_by: null, updated_at: null, updated_by: null },
    };
  const { description, createdAt, createdBy, updatedAt, updatedBy } = view.role;
  return {
    ...shared,
    description,
    created_at: toApiTime(createdAt),
    created_by: createdBy,
    updated_at: toApiTime(updatedAt),
    updated_by: updatedBy,
  };
}
