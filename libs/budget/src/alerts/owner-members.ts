import type { ScopeNames } from './scope-facts.js';

/** The members of an alert's body that say whose budget it is, in the contract's names. */
export function ownerMembers(names: ScopeNames): Record<string, string | null> {
  return {
    token: names.token,
    key_alias: names.keyAlias,
    user_id: names.userId,
    user_email: names.userEmail,
    team_id: names.teamId,
    team_alias: names.teamAlias,
    organization_id: names.organizationId,
  };
}

/** Who is told by e-mail beside the operator's own addresses. */
export function ownersAddresses({ userEmail }: ScopeNames): string[] {
  return userEmail === null ? [] : [userEmail];
}
