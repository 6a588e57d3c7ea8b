import { type Config, isRoleName } from '#libs/config';
import type { Identities } from '#libs/tenancy';

export interface ClaimedRole {
  /** Undefined: none of the names is, or was, a role of the operator's own. */
  readonly role: string | undefined;
  /** A change of these may make it another. */
  readonly rows: readonly string[];
}

/**
 * The first of these names that is a role of the operator's own: of the file, made by API, or deleted since, which gives no rights. A
 * name that never was one (a scope like any other) says nothing.
 */
export async function claimedRole(
  { custom }: Config['roles'],
  identities: Identities,
  names: readonly string[],
): Promise<ClaimedRole> {
  const possible = [...new Set(names)].filter(isRoleName);
  const unknown = possible.filter((name) => !Object.hasOwn(custom, name));
  const made = await identities.rolesMade(unknown);
  return {
    role: possible.find((name) => Object.hasOwn(custom, name) || made.has(name)),
    rows: unknown.map((name) => `role:${name}`),
  };
}
