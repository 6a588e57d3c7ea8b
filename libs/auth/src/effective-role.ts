import { type Config, isBuiltInRole, ROLE_BASES, type RoleBounds } from '#libs/config';
import type { StoredRole } from '#libs/database';
import type { Principal } from '#libs/kernel';

/** A role as it binds a caller. */
export interface EffectiveRole extends Pick<Principal, 'role' | 'customRole' | 'roleRoutes'> {
  /** Every list must name the model. Absent: the role narrows no models. */
  readonly models?: readonly (readonly string[])[];
}

/** Nothing at all, for a name that means nothing, or nothing any more. */
const NO_RIGHTS = { role: 'internal_user_viewer', roleRoutes: [[]], models: [[]] } as const;

/**
 * What a role's name means under this configuration, however the caller signed in: a role of the file (a built-in one, narrowed), a
 * built-in role, one that was made by API, or, for a name that is neither, nobody who may do anything. `role_permissions` narrows
 * each of them once more: of a role of the file its rule counts instead of the role's own lists, and a role that was made by
 * API stays within the rule of its base besides. `stored`: see `CallerRecord.roles`.
 */
export function effectiveRole(
  name: string,
  { roles }: Pick<Config, 'roles'>,
  stored: ReadonlyMap<string, StoredRole | null>,
): EffectiveRole {
  const rule = roles.permissions[name];
  const ofFile = roles.custom[name];
  if (ofFile !== undefined)
    return { role: ofFile.base, customRole: name, ...bounded([{ ...ofFile, ...rule }]) };
  if (isBuiltInRole(name)) return { role: name, ...bounded([rule]) };
  const made = stored.get(name);
  const base = ROLE_BASES.find((each) => each === made?.base);
  if (!made || made.deletedAt !== null || base === undefined) return { ...NO_RIGHTS, customRole: name };
  return { role: base, customRole: name, ...bounded([made, roles.permissions[base]]) };
}

function bounded(all: readonly (RoleBounds | undefined)[]): Pick<EffectiveRole, 'roleRoutes' | 'models'> {
  const routes = all.flatMap((one) => (one?.routes === undefined ? [] : [one.routes]));
  const models = all.flatMap((one) => (one?.models === undefined ? [] : [one.models]));
  return {
    ...(routes.length === 0 ? {} : { roleRoutes: routes }),
    ...(models.length === 0 ? {} : { models }),
  };
}
