import { type Principal, type Role } from '#libs/kernel';
import { adminOnly } from './authority/refusals.js';
import { MASTER_USER_ID } from './reserved-ids.js';

/** Whether the caller sees every row. */
export function seesEverything({ role }: { readonly role: Role }): boolean {
  return role === 'proxy_admin' || role === 'proxy_admin_viewer';
}

/**
 * Throws 403 unless the caller is a proxy administrator: for nouns whose rows are nobody else's to change (customers, budgets,
 * tags, roles). The route policy has asked before; this stands behind it, because a path in a key's `allowed_routes` opens a
 * route, not the rows of others.
 */
export function assertAdministers(caller: Principal): void {
  if (caller.role !== 'proxy_admin') throw adminOnly('keys, users and teams', caller.role);
}

/** Throws the same unless the caller administers or sees everything: for reading these nouns. */
export function assertReads(caller: Principal): void {
  if (!seesEverything(caller)) assertAdministers(caller);
}

/** Who is written down as the maker of a row. The master key belongs to nobody; the contract's name for that is `default_user_id`. */
export function makerOf(caller: Principal): string {
  return caller.user?.id ?? (caller.credential === 'master_key' ? MASTER_USER_ID : caller.displayName);
}
