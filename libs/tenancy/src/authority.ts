import { GatewayError, type Principal } from '#libs/kernel';

/** Whether the caller sees every row. */
export function seesEverything(caller: Principal): boolean {
  return caller.role === 'proxy_admin' || caller.role === 'proxy_admin_viewer';
}

/**
 * Lets proxy administrators through and nobody else: delegation to team administrators and to users does not exist yet,
 * and what does not exist is denied. The route policy has asked before; this stands behind it, because a path in a key's
 * `allowed_routes` opens a route, not the rows of others.
 */
export function assertAdministers(caller: Principal): void {
  if (caller.role === 'proxy_admin') return;
  throw new GatewayError(
    'rbac.admin_only',
    `Authentication Error, Only proxy admin can be used to generate or change keys, users and teams. Role=${caller.role}.`,
    { param: 'None' },
  );
}

/** Who is written down as the maker of a row. The master key belongs to nobody; the contract's name for that is `default_user_id`. */
export function makerOf(caller: Principal): string {
  return caller.user?.id ?? (caller.credential === 'master_key' ? MASTER_USER_ID : caller.displayName);
}

/** Whose the master key is, in every row that names its maker; the contract’s name, which clients know. */
export const MASTER_USER_ID = 'default_user_id';
