import type { Config } from '#libs/config';
import { type Principal, type Role, ROLES } from '#libs/kernel';

/** A role as it binds a caller. */
export interface EffectiveRole extends Pick<Principal, 'role' | 'customRole' | 'roleRoutes'> {
  /** Absent: the role narrows no models. */
  readonly models?: readonly string[];
}

/**
 * What a role's name means under this configuration, however the caller signed in: a built-in role, one of the operator's own (a
 * built-in one, narrowed), or, for a name nobody knows any more, an internal user. `role_permissions` narrows each of them once more.
 */
export function effectiveRole(name: string, { roles }: Config): EffectiveRole {
  const own = roles.custom[name];
  const role: Role = own?.base ?? ROLES.find((each) => each === name) ?? 'internal_user';
  const rules = [own, roles.permissions[own === undefined ? role : name]].filter(
    (each) => each !== undefined,
  );
  const routes = narrowest(rules.map((each) => each.routes));
  const models = narrowest(rules.map((each) => each.models));
  return {
    role,
    ...(own === undefined ? {} : { customRole: name }),
    ...(routes === undefined ? {} : { roleRoutes: routes }),
    ...(models === undefined ? {} : { models }),
  };
}

/** The later word is the operator's rule about the role, so it counts before the role's own list. */
function narrowest(lists: readonly (readonly string[] | undefined)[]): readonly string[] | undefined {
  return lists.findLast((list) => list !== undefined);
}
