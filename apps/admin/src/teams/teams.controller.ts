import { HttpCode, Param } from '@nestjs/common';
import { ALL_MODELS, GatewayError } from '#libs/kernel';
import { Answers, Handles } from '#libs/rbac';
import { type Author, mergedMetadata, Teams } from '#libs/tenancy';
import { z } from 'zod';
import { AdminBody, AdminController, By } from '../http/decorators.js';
import { TEAM_ROW } from '../people/people-answers.schemas.js';
import { TeamAnswers } from './team-answers.js';
import {
  type BulkPermissionsBody,
  bulkPermissionsBody,
  newTeamBody,
  type NewTeamBody,
  patchTeamBody,
  type PatchTeamBody,
  permissionsBody,
  type PermissionsBody,
  teamBody,
  type TeamBody,
  teamModelsBody,
  type TeamModelsBody,
  teamsBody,
  type TeamsBody,
  toNewTeam,
  toTeamChange,
  updateTeamBody,
  type UpdateTeamBody,
} from './teams.schemas.js';

/** Changes teams. Who may is decided in `Teams`; what they look like on the wire, in `TeamAnswers`. */
@AdminController()
export class TeamsController {
  constructor(
    private readonly teams: Teams,
    private readonly answers: TeamAnswers,
  ) {}

  @Handles('POST /team/new')
  @Answers('Makes a team, with its members', TEAM_ROW)
  @HttpCode(200)
  async create(@By() author: Author, @AdminBody(newTeamBody) body: NewTeamBody): Promise<object> {
    return this.answers.one(await this.teams.create(author, toNewTeam(body)));
  }

  @Handles('POST /team/update')
  @Answers('Changes a team', z.looseObject({ team_id: z.string(), data: TEAM_ROW }))
  @HttpCode(200)
  async update(@By() author: Author, @AdminBody(updateTeamBody) body: UpdateTeamBody): Promise<object> {
    const view = await this.teams.update(author, body.team_id, toTeamChange(body));
    return { team_id: view.team.id, data: await this.answers.one(view) };
  }

  /** The same with metadata merged: what is null there goes, what is not named stays. */
  @Handles('PATCH /team/{team_id}')
  @Answers('Changes a team; metadata is merged', TEAM_ROW)
  async patch(
    @By() author: Author,
    @Param('team_id') teamId: string,
    @AdminBody(patchTeamBody) body: PatchTeamBody,
  ): Promise<object> {
    const change = toTeamChange(body);
    const view = await this.teams.update(author, teamId, (team) => ({
      ...change,
      metadata: change.metadata && mergedMetadata(team.metadata, change.metadata),
    }));
    return this.answers.one(view);
  }

  @Handles('POST /team/delete')
  @Answers('Deletes teams and their keys', z.looseObject({ deleted_teams: z.array(z.string()) }))
  @HttpCode(200)
  async delete(@By() author: Author, @AdminBody(teamsBody) body: TeamsBody): Promise<object> {
    await this.teams.delete(author, body.team_ids);
    return { deleted_teams: body.team_ids };
  }

  @Handles('POST /team/block')
  @Answers('Blocks a team: its keys are refused', TEAM_ROW)
  @HttpCode(200)
  async block(@By() author: Author, @AdminBody(teamBody) body: TeamBody): Promise<object> {
    return this.answers.one(await this.teams.setBlocked(author, body.team_id, true));
  }

  @Handles('POST /team/unblock')
  @Answers('Lifts the block of a team', TEAM_ROW)
  @HttpCode(200)
  async unblock(@By() author: Author, @AdminBody(teamBody) body: TeamBody): Promise<object> {
    return this.answers.one(await this.teams.setBlocked(author, body.team_id, false));
  }

  /** A team without a list has every model: the first name added must not take the others away. */
  @Handles('POST /team/model/add')
  @Answers('Grants a team more models', TEAM_ROW)
  @HttpCode(200)
  async addModels(@By() author: Author, @AdminBody(teamModelsBody) body: TeamModelsBody): Promise<object> {
    const view = await this.teams.update(author, body.team_id, ({ models }) => ({
      models: [...new Set([...(models.length === 0 ? [ALL_MODELS] : models), ...body.models])],
    }));
    return this.answers.one(view);
  }

  /** Taking the last name away would open every model, as an empty list does; so that is refused. */
  @Handles('POST /team/model/delete')
  @Answers('Takes models from a team', TEAM_ROW)
  @HttpCode(200)
  async deleteModels(@By() author: Author, @AdminBody(teamModelsBody) body: TeamModelsBody): Promise<object> {
    const view = await this.teams.update(author, body.team_id, ({ models }) => {
      const left = models.filter((model) => !body.models.includes(model));
      if (left.length === 0 && models.length > 0) {
        const message =
          "These are the team's last models; a team without a list has all of them. Add 'no-default-models' first.";
        throw new GatewayError('request.bad_field', message, { param: 'models' });
      }
      return { models: left };
    });
    return this.answers.one(view);
  }

  @Handles('POST /team/permissions_update')
  @Answers('Says what members of a team may do', TEAM_ROW)
  @HttpCode(200)
  async setPermissions(
    @By() author: Author,
    @AdminBody(permissionsBody) body: PermissionsBody,
  ): Promise<object> {
    return this.answers.one(
      await this.teams.setMemberPermissions(author, body.team_id, body.team_member_permissions),
    );
  }

  @Handles('POST /team/permissions_bulk_update')
  @Answers('Lets members of many teams do more', z.looseObject({}))
  @HttpCode(200)
  async grantPermissions(
    @By() author: Author,
    @AdminBody(bulkPermissionsBody) body: BulkPermissionsBody,
  ): Promise<object> {
    const teamIds = body.apply_to_all_teams ? 'all' : (body.team_ids ?? []);
    const updated = await this.teams.grantToMembers(author, body.permissions, teamIds);
    return {
      message: `${updated} teams updated.`,
      teams_updated: updated,
      permissions_appended: body.permissions,
    };
  }
}
