import { Param } from '@nestjs/common';
import { type Principal, type Scope, usdNumber } from '#libs/kernel';
import { Answers, Caller, Handles } from '#libs/rbac';
import { MEMBER_PERMISSIONS, SpendReader, TeamCatalogue, type TeamFilter } from '#libs/tenancy';
import { z } from 'zod';
import { ReadsApart } from '../apart/reads-apart.js';
import { AdminController, AdminQuery } from '../http/decorators.js';
import {
  NAMED_TEAM,
  TEAM_INFO,
  TEAM_MEMBERSHIP,
  TEAM_ROW,
  pageOfRows,
} from '../people/people-answers.schemas.js';
import { pagesOf } from '../http/wire.js';
import { KeyAnswers } from '../keys/key-answers.js';
import { TeamAnswers } from './team-answers.js';
import {
  teamListQuery,
  type TeamListQuery,
  teamPageQuery,
  type TeamPageQuery,
  teamQuery,
  type TeamQuery,
} from './teams.schemas.js';

const TEAM_METADATA = z.object({ fields: z.array(z.looseObject({ key: z.string() })) });

/** What the contract calls teams of no organization. */
const NO_ORGANIZATION = 'default_organization';

/** Shows teams. A team that is not the caller's to see is answered like one that does not exist. */
@AdminController()
@ReadsApart('list', 'page', 'search')
export class TeamReadsController {
  constructor(
    private readonly catalogue: TeamCatalogue,
    private readonly answers: TeamAnswers,
    private readonly keys: KeyAnswers,
    private readonly spend: SpendReader,
  ) {}

  @Handles('GET /team/info')
  @Answers('Shows a team, its members and its keys', TEAM_INFO)
  async info(@Caller() caller: Principal, @AdminQuery(teamQuery) query: TeamQuery): Promise<object> {
    return this.answers.info(caller, await this.catalogue.info(caller, query.team_id, query.key_limit));
  }

  @Handles('GET /team/list')
  @Answers('Lists teams with their keys', z.array(TEAM_ROW))
  async list(
    @Caller() caller: Principal,
    @AdminQuery(teamListQuery) query: TeamListQuery,
  ): Promise<object[]> {
    const teams = await this.catalogue.list(caller, {
      userId: query.user_id,
      organizationId: organizationOf(query.organization_id),
    });
    const rows = await this.answers.listed(teams);
    return rows.map((row, index) => ({
      ...row,
      team_memberships: (teams[index]?.members ?? []).map(({ userId, role }) => ({
        team_id: row['team_id'],
        user_id: userId,
        role,
      })),
      keys: (teams[index]?.keys ?? []).map((key) => this.keys.row(key, 0n)),
    }));
  }

  @Handles('GET /v2/team/list')
  @Answers('Lists teams, by the page', pageOfRows('teams', TEAM_ROW))
  async page(@Caller() caller: Principal, @AdminQuery(teamPageQuery) query: TeamPageQuery): Promise<object> {
    const filter: TeamFilter = {
      userId: query.user_id,
      organizationId: organizationOf(query.organization_id),
      teamId: query.team_id,
      alias: query.team_alias,
      search: query.search,
      idPrefix: query.search_team_id_match === 'prefix',
    };
    const paging = { page: query.page, size: query.page_size };
    const order = {
      by: query.sort_by,
      direction: query.sort_order === 'asc' ? 'ASC' : 'DESC',
    } as const;
    const found =
      query.status === 'deleted'
        ? await this.catalogue.deleted(caller, filter, paging)
        : await this.catalogue.page(caller, filter, order, paging);
    return {
      teams: await this.answers.listed(found.items),
      total: found.total,
      page: query.page,
      page_size: query.page_size,
      total_pages: pagesOf(found.total, query.page_size),
    };
  }

  /** Which members of `metadata` a form should ask for; nothing configures any. */
  @Handles('GET /team/metadata_schema')
  @Answers('Lists the fields a team’s metadata is meant to have, of which there are none', TEAM_METADATA)
  metadataSchema(): object {
    return { fields: [] };
  }

  @Handles('GET /team/available')
  @Answers('Lists teams that anybody may join', z.array(NAMED_TEAM))
  async available(@Caller() caller: Principal): Promise<object[]> {
    return (await this.catalogue.available(caller)).map(({ team }) => ({
      team_id: team.id,
      team_alias: team.alias,
      models: team.models,
    }));
  }

  @Handles('GET /team/permissions_list')
  @Answers(
    'Lists what members of a team may do',
    z.looseObject({ team_id: z.string(), team_member_permissions: z.array(z.string()) }),
  )
  async permissions(@Caller() caller: Principal, @AdminQuery(teamQuery) query: TeamQuery): Promise<object> {
    const { team } = await this.catalogue.info(caller, query.team_id, 0);
    return {
      team_id: team.id,
      team_member_permissions: team.memberPermissions ?? [],
      all_available_permissions: MEMBER_PERMISSIONS,
    };
  }

  /** The search box: names only. */
  @Handles('GET /team/filter/ui')
  @Answers('Finds teams by part of a name', z.array(NAMED_TEAM))
  async search(
    @Caller() caller: Principal,
    @AdminQuery(teamPageQuery) query: TeamPageQuery,
  ): Promise<object[]> {
    const filter = { teamId: query.team_id, alias: query.team_alias, search: query.search };
    const found = await this.catalogue.page(
      caller,
      filter,
      { by: 'alias', direction: 'ASC' },
      { page: query.page, size: query.page_size },
    );
    return found.items.map(({ team }) => ({ team_id: team.id, team_alias: team.alias }));
  }

  @Handles('GET /team/{team_id}/members/me')
  @Answers("Shows the caller's own membership", TEAM_MEMBERSHIP)
  async ownMembership(@Caller() caller: Principal, @Param('team_id') teamId: string): Promise<object> {
    const { team, member } = await this.catalogue.ownMembership(caller, teamId);
    const scope: Scope = { type: 'team_member', id: `${teamId}:${member.userId}` };
    const spent = (await this.spend.spendOf([scope])).get(`team_member:${scope.id}`) ?? 0n;
    return { ...this.answers.membership(member, team, spent), spend: usdNumber(spent) };
  }
}

function organizationOf(sent: string | undefined): string | null | undefined {
  return sent === NO_ORGANIZATION ? null : sent;
}
