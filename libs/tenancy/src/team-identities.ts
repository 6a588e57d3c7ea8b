import { Injectable } from '@nestjs/common';
import { Config } from '#libs/config';
import { Team, TeamMember } from '#libs/database';
import { GatewayError, isRefusal } from '#libs/kernel';
import { DataSource, In } from 'typeorm';
import { PROVIDER } from './authors.js';
import { TeamMembers } from './team-members.js';
import { modelsOfNewTeam } from './team-settings.js';
import { Teams } from './teams.js';

/** Teams as an identity provider knows them, and who is in them by its word. */
@Injectable()
export class TeamIdentities {
  constructor(
    private readonly database: DataSource,
    private readonly teams: Teams,
    private readonly members: TeamMembers,
    private readonly config: Config,
  ) {}

  /** The teams that exist, in the order they were asked for. */
  async find(ids: readonly string[]): Promise<Team[]> {
    if (ids.length === 0) return [];
    const rows = await this.database.getRepository(Team).findBy({ id: In([...ids]) });
    return ids.flatMap((id) => rows.find((row) => row.id === id) ?? []);
  }

  /** The one team of this alias; null when there is none or more than one. */
  async findByAlias(alias: string): Promise<Team | null> {
    const rows = await this.database.getRepository(Team).find({ where: { alias }, take: 2 });
    return rows.length === 1 ? (rows[0] ?? null) : null;
  }

  /** Makes the team as the operator's template says; a new team without one has no models. */
  async ensure(id: string, alias?: string): Promise<Team> {
    try {
      const { team } = await this.teams.create(PROVIDER, {
        id,
        settings: {
          models: modelsOfNewTeam(this.config),
          ...(alias === undefined ? {} : { alias }),
        },
        members: [],
      });
      return team;
    } catch (thrown) {
      const [present] = thrown instanceof GatewayError ? await this.find([id]) : [];
      if (present) return present;
      throw thrown;
    }
  }

  /** The teams somebody is in, the one joined first first. */
  async idsOf(userId: string): Promise<string[]> {
    const rows = await this.database
      .getRepository(TeamMember)
      .find({ where: { userId }, order: { createdAt: 'ASC', teamId: 'ASC' } });
    return rows.map(({ teamId }) => teamId);
  }

  /** Makes the user a member where it is none; a team that does not take it goes on without. */
  async join(teamId: string, userId: string): Promise<void> {
    if ((await this.idsOf(userId)).includes(teamId)) return;
    try {
      await this.#add(teamId, userId);
    } catch (thrown) {
      if (!isRefusal(thrown)) throw thrown;
    }
  }

  /** Of two sign-ins at once one finds the other's membership there. */
  async #add(teamId: string, userId: string): Promise<void> {
    try {
      await this.members.add(PROVIDER, teamId, [{ userId, role: 'user' }], {});
    } catch (thrown) {
      if (!(thrown instanceof GatewayError) || thrown.code !== 'request.already_member') throw thrown;
    }
  }

  /** Makes the user a member of those of these teams that exist. */
  async joinAll(userId: string, wanted: readonly string[]): Promise<void> {
    const present = await this.idsOf(userId);
    const existing = (await this.find(wanted)).map(({ id }) => id);
    for (const id of existing) if (!present.includes(id)) await this.#add(id, userId);
  }

  /** Makes the user's teams equal to these, as far as they exist. */
  async sync(userId: string, wanted: readonly string[]): Promise<void> {
    const present = await this.idsOf(userId);
    await this.joinAll(userId, wanted);
    for (const id of present) if (!wanted.includes(id)) await this.members.remove(PROVIDER, id, { userId });
  }
}
