import type { Principal } from '#libs/kernel';
import type { Author } from '../transactions.js';

/**
 * Who provisions. Whoever may reach the SCIM routes speaks for the identity provider, whatever its own rows are; that is decided
 * where routes are. Nobody's person is left in it, because a provisioner joins no team it makes.
 */
export function provisioner(caller: Principal): Principal {
  const { user: _, ...rest } = caller;
  return { ...rest, role: 'proxy_admin' };
}

export function asProvisioner(author: Author): Author {
  return { ...author, principal: provisioner(author.principal) };
}
