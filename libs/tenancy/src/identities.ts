import { isDeepStrictEqual } from 'node:util';
import { Injectable } from '@nestjs/common';
import { Config, isRoleName } from '#libs/config';
import { Organization, StoredRole, Team, TeamMember, User } from '#libs/database';
import { GatewayError } from '#libs/kernel';
import { DataSource, In } from 'typeorm';
import { TeamMembers } from './team-members.js';
import { Teams } from './teams.js';
import { PROVIDER } from './authors.js';
import { USER_ROLES, type UserChange, userColumns } from './user-settings.js';
import { Users } from './users.js';

/** A new team has no models until somebody gives it some: nobody has this one. */
const NO_MODELS = ['no-default-models'];

/** People and teams as an identity provider knows them: found by what a token says, made when the operator wants that. */
@Injectable()
export class Identities {
  constructor(
    private readonly database: DataSource,
    private readonly users: Users,
    private readonly teams: Teams,
    private readonly members: TeamMembers,
    private readonly config: Config,
  ) {}

  /** By our id, else by the provider's subject, else by e-mail address whatever its case. The subject is the id unless it is told apart. */
  async findUser(
    id: string | undefined,
    email: string | undefined,
    subject: string | undefined = id,
  ): Promise<User | null> {
    const repository = this.database.getRepository(User);
    const found =
      (id === undefined ? null : await repository.findOneBy({ id })) ??
      (subject === undefined ? null : await repository.findOneBy({ ssoUserId: subject }));
    if (found || email === undefined) return found;
    return repository.createQueryBuilder('u').where('lower(u.email) = lower(:email)', { email }).getOne();
  }

  /** Makes the user with the operator's defaults; of many who ask at once all get the same one. */
  async ensureUser(
    id: string | undefined,
    email: string | undefined,
    settings: UserChange = {},
  ): Promise<User> {
    try {
      const { user } = await this.users.create(PROVIDER, {
        ...(id === undefined ? {} : { id }),
        settings: {
          ...(email === undefined ? {} : { email }),
          ...(id === undefined ? {} : { ssoUserId: id }),
          ...settings,
        },
        organizationIds: [],
      });
      return user;
    } catch (thrown) {
      const subject = settings.ssoUserId ?? id;
      const present = thrown instanceof GatewayError ? await this.findUser(id, email, subject) : null;
      if (present) return present;
      throw thrown;
    }
  }

  /** Writes what the provider says of somebody; what is so already is not written again. */
  async updateUser(user: User, change: UserChange): Promise<User> {
    const columns = userColumns(change, user, Date.now());
    const isSame = Object.entries(columns).every(([name, value]) =>
      isDeepStrictEqual(value, user[name as keyof User]),
    );
    return isSame ? user : this.users.update(PROVIDER, { userId: user.id }, change);
  }

  /** A role of a person, or of the operator's own, which gives no rights while there is none of that name. Others are passed by. */
  async setRole(user: User, role: string): Promise<void> {
    const isGiven = USER_ROLES.some((one) => one === role) || isRoleName(role);
    if (!isGiven || user.role === role) return;
    await this.users.update(PROVIDER, { userId: user.id }, { role });
  }

  /** Which of these names are roles that were made by API, whether or not they were deleted since. */
  async rolesMade(names: readonly string[]): Promise<ReadonlySet<string>> {
    if (names.length === 0) return new Set();
    const rows = await this.database.getRepository(StoredRole).findBy({ name: In([...names]) });
    return new Set(rows.map(({ name }) => name));
  }

  /** The teams that exist, in the order they were asked for. */
  async findTeams(ids: readonly string[]): Promise<Team[]> {
    if (ids.length === 0) return [];
    const rows = await this.database.getRepository(Team).findBy({ id: In([...ids]) });
    return ids.flatMap((id) => rows.find((row) => row.id === id) ?? []);
  }

  /** The one team of this alias; null when there is none or more than one. */
  async findTeamByAlias(alias: string): Promise<Team | null> {
    const rows = await this.database.getRepository(Team).find({ where: { alias }, take: 2 });
    return rows.length === 1 ? (rows[0] ?? null) : null;
  }

  /** Makes the team as the operator's template says; a new team without one has no models. */
  async ensureTeam(id: string, alias?: string): Promise<Team> {
    const template = this.config.people.newTeam.models;
    try {
      const { team } = await this.teams.create(PROVIDER, {
        id,
        settings: {
          models: template.length > 0 ? template : NO_MODELS,
          ...(alias === undefined ? {} : { alias }),
        },
        members: [],
      });
      return team;
    } catch (thrown) {
      const [present] = thrown instanceof GatewayError ? await this.findTeams([id]) : [];
      if (present) return present;
      throw thrown;
    }
  }

  async teamIdsOf(userId: string): Promise<string[]> {
    const rows = await this.database
      .getRepository(TeamMember)
      .find({ where: { userId }, order: { createdAt: 'ASC', teamId: 'ASC' } });
    return rows.map(({ teamId }) => teamId);
  }

  /** What the token knows and the row does not: an address where there is none, the provider's id where people were found by address. */
  async completeUser(user: User, subject: string | undefined, email: string | undefined): Promise<User> {
    const change = {
      ...(user.email === null && email !== undefined ? { email } : {}),
      ...(subject !== undefined && user.id !== subject && user.ssoUserId === null
        ? { ssoUserId: subject }
        : {}),
    };
    if (Object.keys(change).length === 0) return user;
    try {
      await this.users.update(PROVIDER, { userId: user.id }, change);
    } catch (thrown) {
      // Another row has the address or the id already: nothing that keeps this one's owner out.
      if (!(thrown instanceof GatewayError) || thrown.status >= 500) throw thrown;
    }
    return user;
  }

  /** The one organization of this alias; null when there is none or more than one. */
  async findOrganizationByAlias(alias: string): Promise<Organization | null> {
    const rows = await this.database.getRepository(Organization).find({ where: { alias }, take: 2 });
    return rows.length === 1 ? (rows[0] ?? null) : null;
  }

  /** Makes the user a member where it is none; a team that does not take it goes on without. */
  async joinTeam(teamId: string, userId: string): Promise<void> {
    if ((await this.teamIdsOf(userId)).includes(teamId)) return;
    try {
      await this.#join(teamId, userId);
    } catch (thrown) {
      if (!(thrown instanceof GatewayError) || thrown.status >= 500) throw thrown;
    }
  }

  /** Of two sign-ins at once one finds the other's membership there. */
  async #join(teamId: string, userId: string): Promise<void> {
    try {
      await this.members.add(PROVIDER, teamId, [{ userId, role: 'user' }], {});
    } catch (thrown) {
      if (!(thrown instanceof GatewayError) || thrown.code !== 'request.already_member') throw thrown;
    }
  }

  /** Makes the user a member of those of these teams that exist. */
  async joinTeams(userId: string, wanted: readonly string[]): Promise<void> {
    const present = await this.teamIdsOf(userId);
    const existing = (await this.findTeams(wanted)).map(({ id }) => id);
    for (const id of existing) if (!present.includes(id)) await this.#join(id, userId);
  }

  /** Makes the user's teams equal to these, as far as they exist. */
  async syncTeams(userId: string, wanted: readonly string[]): Promise<void> {
    const present = await this.teamIdsOf(userId);
    await this.joinTeams(userId, wanted);
    for (const id of present) if (!wanted.includes(id)) await this.members.remove(PROVIDER, id, { userId });
  }
}
