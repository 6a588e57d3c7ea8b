import { Team } from '#libs/database';
import type { EntityManager } from 'typeorm';
import { seesEverything } from './authority.js';
import { notYours } from './authority/refusals.js';
import { administered, administersOrganization, type Standing } from './authority/standing.js';
import { type Visible, visibleKeys } from './authority/visible.js';
import type { KeyFilter } from './key-filter.js';

/** What a list shows of the keys that are not the caller's own. */
export interface ListScope {
  /** Keys of teams that the caller administers, or that let their members list them. */
  readonly includesTeams?: boolean;
  /** Keys that the caller made for others. */
  readonly includesMade?: boolean;
}

/** Which keys a list shows to somebody; undefined: all. Whoever asks for a team or an organization means its keys. */
export function listedKeys(standing: Standing, filter: KeyFilter, scope: ListScope): Visible | undefined {
  if (seesEverything(standing)) return undefined;
  const wantsOthers =
    scope.includesTeams === true || filter.teamId !== undefined || filter.organizationId !== undefined;
  const mine = '(key.id = :ownKey OR key.userId = :ownUser)';
  const seen: Visible = (wantsOthers || administersAny(standing) ? visibleKeys(standing) : undefined) ?? {
    where: mine,
    elsewhere: mine,
    // A null never equals anything, so an absent owner shows nothing.
    parameters: { ownKey: standing.keyId ?? null, ownUser: standing.userId ?? null },
  };
  if (scope.includesMade !== true || standing.userId === undefined) return seen;
  return {
    where: `(${seen.where} OR key.createdBy = :maker)`,
    elsewhere: `(${seen.elsewhere} OR key.createdBy = :maker)`,
    parameters: { ...seen.parameters, maker: standing.userId },
  };
}

/** Throws one refusal for what is another's and for what is not there. */
export async function assertMayAsk(
  manager: EntityManager,
  standing: Standing,
  filter: Pick<KeyFilter, 'userId' | 'teamId' | 'organizationId' | 'substring'>,
): Promise<void> {
  if (seesEverything(standing)) return;
  const { userId, teamId, organizationId } = filter;
  const administersSome = administersAny(standing) || administered(standing).teamIds.length > 0;
  if (userId !== undefined && userId !== standing.userId && !administersSome)
    throw notYours('user', 'user_id');
  if (organizationId !== undefined && !administersOrganization(standing, organizationId))
    throw notYours('organization', 'organization_id');
  if (teamId === undefined || standing.teams.has(teamId)) return;
  const team = await manager.findOneBy(Team, { id: teamId });
  if (team === null || !administersOrganization(standing, team.organizationId))
    throw notYours('team', 'team_id');
}

function administersAny(standing: Standing): boolean {
  return administered(standing).organizationIds.length > 0;
}
