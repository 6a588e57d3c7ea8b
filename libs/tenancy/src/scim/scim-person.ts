import { ScimUser, Team, TeamMember, User } from '#libs/database';
import { type EntityManager, In } from 'typeorm';

/** What the identity provider says of a person. */
export interface ScimPerson {
  readonly userName: string;
  readonly externalId: string | null;
  /** False: nothing of the person's is let in, keys and sessions alike. */
  readonly active: boolean;
  /** Null: it says none, and what the account has stays. */
  readonly email: string | null;
  readonly displayName: string | null;
  /** The standard's other attributes, kept as they are. */
  readonly attributes: Readonly<Record<string, unknown>>;
}

export interface ScimUserView {
  readonly id: string;
  readonly person: ScimPerson;
  readonly teams: readonly { readonly id: string; readonly alias: string | null }[];
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

/** Columns that the person's words change. Deactivation from before there was a column is lifted with it. */
export function columnsFor(user: User, person: ScimPerson): Partial<User> {
  const columns: Partial<User> = {};
  if (person.email !== null && !isSameText(user.email, person.email)) columns.email = person.email;
  if (person.displayName !== null && person.displayName !== user.alias) columns.alias = person.displayName;
  if (person.active !== user.scimActive) columns.scimActive = person.active;
  if (person.active && user.metadata['scim_active'] === false) {
    const { scim_active: _, ...metadata } = user.metadata;
    columns.metadata = metadata;
  }
  return columns;
}

export function isActive({ scimActive, metadata }: User): boolean {
  return scimActive && metadata['scim_active'] !== false;
}

export function personOf(user: User, scim: ScimUser | null): ScimPerson {
  return {
    userName: scim?.userName ?? user.email ?? user.id,
    externalId: scim?.externalId ?? null,
    active: isActive(user),
    email: user.email,
    displayName: user.alias,
    attributes: scim?.attributes ?? {},
  };
}

export async function userViewsOf(manager: EntityManager, users: readonly User[]): Promise<ScimUserView[]> {
  const ids = users.map(({ id }) => id);
  const said = new Map((await manager.findBy(ScimUser, { userId: In(ids) })).map((row) => [row.userId, row]));
  const members = await manager.find(TeamMember, { where: { userId: In(ids) }, order: { teamId: 'ASC' } });
  const teamIds = [...new Set(members.map(({ teamId }) => teamId))];
  const teams = new Map((await manager.findBy(Team, { id: In(teamIds) })).map((team) => [team.id, team]));
  return users.flatMap((user) => {
    const scim = said.get(user.id) ?? null;
    if ((scim?.deletedAt ?? null) !== null) return [];
    return {
      id: user.id,
      person: personOf(user, scim),
      teams: members
        .filter(({ userId }) => userId === user.id)
        .map(({ teamId }) => ({ id: teamId, alias: teams.get(teamId)?.alias ?? null })),
      createdAt: user.createdAt,
      updatedAt: scim !== null && scim.updatedAt > user.updatedAt ? scim.updatedAt : user.updatedAt,
    };
  });
}

export function isSameText(left: string | null, right: string | null): boolean {
  return left !== null && right !== null && left.toLowerCase() === right.toLowerCase();
}
