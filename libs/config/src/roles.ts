import { ROLES, type Role } from '#libs/kernel';
import { z } from 'zod';
import type { Findings } from './problems.js';
import { listOf, text, textList } from './sections/fields.js';

/** Roles that a role of one's own can stand on: those whose rows end at their owner's, and the reader of everything. */
export const ROLE_BASES = [
  'internal_user',
  'internal_user_viewer',
  'proxy_admin_viewer',
] as const satisfies Role[];
/** What a role of the operator’s own can narrow. */
export type RoleBase = (typeof ROLE_BASES)[number];

/** Scopes that every OpenID token may carry: a role of such a name would be everybody's. */
const EVERYBODYS_SCOPES: ReadonlySet<string> = new Set([
  'openid',
  'profile',
  'email',
  'address',
  'phone',
  'offline_access',
]);

/** Whether this may name a role of one's own. Nothing that sounds like an administrator: names are compared by their beginning, too. */
export function isRoleName(name: string): boolean {
  return (
    /^[a-z][a-z0-9_-]{0,63}$/i.test(name) &&
    !/^proxy_admin/i.test(name) &&
    !EVERYBODYS_SCOPES.has(name.toLowerCase()) &&
    !isBuiltInRole(name)
  );
}

/** Whether the product knows the name, whatever the operator made. */
export function isBuiltInRole(name: string): name is Role {
  return ROLES.some((role) => role === name);
}

/** `general_settings.role_permissions`: what a role is narrowed to, however its caller signed in. Strict: a misspelt list would open everything. */
export const rolePermissions = listOf(
  z.strictObject({ role: text, models: textList.optional(), routes: textList.optional() }),
);

/** `general_settings.custom_roles`. */
export const customRoles = listOf(
  z.strictObject({
    name: text.regex(/^[a-z][a-z0-9_-]{0,63}$/i, 'expected letters, digits, - and _'),
    base: z.enum(ROLE_BASES).default('internal_user'),
    routes: textList.optional(),
    models: textList.optional(),
    description: text.optional(),
  }),
);

/** What a role may reach at most: `routes` are paths and groups as in `allowed_routes`. An absent list narrows nothing, an empty one leaves nothing. */
export interface RoleBounds {
  readonly routes?: readonly string[];
  readonly models?: readonly string[];
}

/** A role of the operator's own: a built-in one, narrowed. */
export interface CustomRole extends RoleBounds {
  readonly name: string;
  readonly base: RoleBase;
  readonly description?: string;
}

export interface RoleSettings {
  readonly custom: Readonly<Record<string, CustomRole>>;
  /** By the name of the role, built-in or custom. */
  readonly permissions: Readonly<Record<string, RoleBounds>>;
}

interface Written {
  readonly custom_roles?: z.output<typeof customRoles> | undefined;
  readonly role_permissions?: z.output<typeof rolePermissions> | undefined;
}

/** Names that are taken, unknown or there twice are errors: of two rules for one role nobody could say which counts. */
export function readRoles(
  { custom_roles: made = [], role_permissions: rules = [] }: Written,
  findings: Findings,
): RoleSettings {
  const custom: Record<string, CustomRole> = Object.create(null) as Record<string, CustomRole>;
  for (const [index, { name, base, description, ...lists }] of made.entries()) {
    const path = `general_settings.custom_roles.${index}.name`;
    if (isBuiltInRole(name)) findings.error(path, `\`${name}\` is a built-in role`);
    else if (!isRoleName(name))
      findings.error(
        path,
        `\`${name}\` is the name of an administrator or a scope that every token may carry`,
      );
    if (custom[name] !== undefined) findings.error(path, `\`${name}\` is there twice`);
    custom[name] = {
      name,
      base,
      ...(description === undefined ? {} : { description }),
      ...boundsOf(lists),
    };
  }
  const permissions: Record<string, RoleBounds> = Object.create(null) as Record<string, RoleBounds>;
  for (const [index, { role, ...lists }] of rules.entries()) {
    const path = `general_settings.role_permissions.${index}.role`;
    if (!isBuiltInRole(role) && custom[role] === undefined) findings.error(path, `no such role: \`${role}\``);
    if (permissions[role] !== undefined) findings.error(path, `\`${role}\` is there twice`);
    permissions[role] = boundsOf(lists);
  }
  return { custom, permissions };
}

function boundsOf({
  routes,
  models,
}: {
  routes?: readonly string[] | undefined;
  models?: readonly string[] | undefined;
}): RoleBounds {
  return { ...(routes === undefined ? {} : { routes }), ...(models === undefined ? {} : { models }) };
}
