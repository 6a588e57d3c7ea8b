import type { Principal } from '#libs/kernel';

/** Under whom a call is counted. */
export function callerLabels(principal: Principal | undefined) {
  return {
    hashedApiKey: principal?.key?.hash,
    apiKeyAlias: principal?.key?.alias,
    user: principal?.user?.id,
    team: principal?.team?.id,
    teamAlias: principal?.team?.alias,
    organizationId: principal?.organizationId,
  };
}
