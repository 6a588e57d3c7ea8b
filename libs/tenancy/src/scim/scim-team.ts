import { ScimGroup, ScimUser, Team } from '#libs/database';
import { type EntityManager, In, IsNull, Not } from 'typeorm';
import { type Membership, membersOf } from '../membership.js';

/** What the identity provider says of a group. */
export interface ScimTeam {
  readonly displayName: string;
  readonly externalId: string | null;
  /** Ids of users. */
  readonly memberIds: readonly string[];
}

/** A group as an identity provider is shown it. */
export interface ScimGroupView {
  readonly id: string;
  readonly group: ScimTeam;
  /** Names of the members, by their ids. */
  readonly names: ReadonlyMap<string, string>;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

/** Whether the members are read, too: there may be many, and nobody may have asked. */
export interface Reading {
  readonly withMembers: boolean;
}

export function groupOf(team: Team, scim: ScimGroup | null, memberIds: readonly string[]): ScimTeam {
  return { displayName: team.alias ?? team.id, externalId: scim?.externalId ?? null, memberIds };
}

/** Without those the identity provider deleted: to it they are nowhere any more. */
async function presentMembers(manager: EntityManager, teamIds: readonly string[]): Promise<Membership[]> {
  const members = await membersOf(manager, teamIds);
  const ids = [...new Set(members.map(({ userId }) => userId))];
  const deleted = await manager.findBy(ScimUser, { userId: In(ids), deletedAt: Not(IsNull()) });
  const gone = new Set(deleted.map(({ userId }) => userId));
  return members.filter(({ userId }) => !gone.has(userId));
}

export async function groupViewsOf(
  manager: EntityManager,
  teams: readonly Team[],
  { withMembers }: Reading,
): Promise<ScimGroupView[]> {
  const ids = teams.map(({ id }) => id);
  const said = new Map(
    (await manager.findBy(ScimGroup, { teamId: In(ids) })).map((row) => [row.teamId, row]),
  );
  const members = withMembers ? await presentMembers(manager, ids) : [];
  return teams.flatMap((team) => {
    const scim = said.get(team.id) ?? null;
    if ((scim?.deletedAt ?? null) !== null) return [];
    const own = members.filter(({ teamId }) => teamId === team.id);
    return {
      id: team.id,
      group: groupOf(
        team,
        scim,
        own.map(({ userId }) => userId),
      ),
      names: new Map(own.map(({ userId, alias, email }) => [userId, alias ?? email ?? userId])),
      createdAt: team.createdAt,
      updatedAt: scim !== null && scim.updatedAt > team.updatedAt ? scim.updatedAt : team.updatedAt,
    };
  });
}
