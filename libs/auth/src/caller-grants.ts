import {
  grantsEverything,
  NO_MODELS,
  type Principal,
  PROXY_SCOPE,
  type Scope,
  TEAM_MODELS,
} from '#libs/kernel';
import type { CallerRecord } from '#libs/tenancy';

/** A role's or a token's models bind like a scope's: every list must allow the model. */
export function ceilingOf(
  models: readonly string[] | undefined,
  role?: string,
): Principal['modelGrants'][number][] {
  if (models === undefined || models.some(grantsEverything)) return [];
  // An empty list means everything in a grant; here it means nothing.
  const named = models.length === 0 ? [NO_MODELS] : models;
  return [{ scope: PROXY_SCOPE, models: named, ...(role === undefined ? {} : { role }) }];
}

/** The user's own list counts only for keys without a team: a team's key is the team's (contract 6.7). */
export function modelGrantsOf(record: CallerRecord): Principal['modelGrants'] {
  const { key, user, team, member, project, ids } = record;
  const grants: { scope: Scope; models: readonly string[] }[] = [];
  const add = (type: Scope['type'], id: string | null | undefined, models: readonly string[]): void => {
    if (id === null || id === undefined || models.length === 0) return;
    if (!models.some(grantsEverything)) grants.push({ scope: { type, id }, models });
  };
  const inTeam = ids.teamId !== null;
  // `all-team-models` leaves the decision to the team; without a team it matches nothing, and stays so that it refuses.
  if (key !== null && !(inTeam && key.models.includes(TEAM_MODELS))) add('key', key.id, key.models);
  if (team !== null && !team.models.includes(TEAM_MODELS)) add('team', ids.teamId, team.models);
  if (member !== null) add('team_member', `${ids.teamId ?? ''}:${ids.userId ?? ''}`, member.allowedModels);
  if (!inTeam && user !== null) add('user', ids.userId, user.models);
  if (record.organization !== null) add('organization', ids.organizationId, record.organization.models);
  if (project !== null) add('project', ids.projectId, project.models);
  if (record.customer !== null) add('customer', ids.customerId, record.customer.models);
  return grants;
}
