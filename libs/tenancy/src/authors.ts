import type { Principal } from '#libs/kernel';
import type { Author } from './transactions.js';

/** Has no grants, limits or budgets to be judged by: it only says whose change a row of the audit trail tells. */
function nameOnly(
  facts: Pick<Principal, 'credential' | 'role' | 'displayName' | 'user'>,
  ip: string | null,
  requestId: string | null,
): Author {
  const principal: Principal = {
    ...facts,
    modelGrants: [],
    modelAliases: {},
    limits: [],
    budgets: [],
    spendScopes: [],
    tags: [],
    metadata: {},
    isCurrent: () => true,
  };
  return { principal, ip, requestId };
}

/** In whose name rows are made that an identity provider vouches for: what the audit trail shows as their maker. */
export const PROVIDER = nameOnly(
  { credential: 'jwt', role: 'proxy_admin', displayName: 'identity-provider' },
  null,
  null,
);

/** A key's own work, on nobody's behalf: its secret is changed because its time has come. */
export const SCHEDULE = nameOnly(
  { credential: 'session', role: 'proxy_admin', displayName: 'key-rotation' },
  null,
  null,
);

/** Somebody who has just proved who it is, as the author of what signing in changes. */
export function signingIn(userId: string, ip: string | null, requestId: string | null): Author {
  return nameOnly(
    { credential: 'session', role: 'internal_user', displayName: userId, user: { id: userId } },
    ip,
    requestId,
  );
}
