import { Project, Team, TeamMember, User, VirtualKey } from '#libs/database';
import type { Principal } from '#libs/kernel';
import { type EntityManager, In } from 'typeorm';
import type { KeyPlace, TeamAdminGrants } from './key-access.js';
import type { KeyJudgement } from './key-judgement.js';
import { type Standing, standingOf } from './standing.js';

/** Where the keys belong, for `capacityOverKey` and `maySeeKeyOf`: one query for the teams of all of them. */
export async function placesOf<K extends KeyPlace['key']>(
  manager: EntityManager,
  keys: readonly K[],
): Promise<(KeyPlace & { readonly key: K })[]> {
  const teamIds = [...new Set(keys.map(({ teamId }) => teamId).filter((id) => id !== null))];
  const teams = teamIds.length === 0 ? [] : await manager.findBy(Team, { id: In(teamIds) });
  const teamOf = new Map(teams.map((team) => [team.id, team]));
  return keys.map((key) => ({ key, team: teamOf.get(key.teamId ?? '') ?? null }));
}

/** What the judgement of a key's change needs, read in the change's own transaction; proxy administrators need nothing. */
export async function loadKeyJudgement(
  manager: EntityManager,
  principal: Principal,
  after: Partial<VirtualKey>,
  { grants, nowMs, standing: known }: { grants: TeamAdminGrants; nowMs: number; standing?: Standing },
): Promise<KeyJudgement> {
  const standing = known ?? (await standingOf(manager, principal));
  const nothing = {
    standing,
    team: null,
    user: null,
    isMember: false,
    project: null,
    callingKey: null,
    grants,
    nowMs,
  };
  if (standing.role === 'proxy_admin') return nothing;
  const { teamId = null, userId = null, projectId = null } = after;
  const callingKeyId = principal.key?.id;
  return {
    ...nothing,
    team: teamId === null ? null : await manager.findOneBy(Team, { id: teamId }),
    user: userId === null ? null : await manager.findOneBy(User, { id: userId }),
    isMember: teamId !== null && userId !== null && (await manager.existsBy(TeamMember, { teamId, userId })),
    project: projectId === null ? null : await manager.findOneBy(Project, { id: projectId }),
    callingKey: callingKeyId === undefined ? null : await manager.findOneBy(VirtualKey, { id: callingKeyId }),
  };
}
