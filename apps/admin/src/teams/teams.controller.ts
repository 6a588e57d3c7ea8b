import { HttpCode } from '@nestjs/common';
import type { NanoUsd, Principal, Scope } from '#libs/kernel';
import { Caller, Handles } from '#libs/rbac';
import { type Author, maySeeKey, SpendReader, Teams, type TeamView } from '#libs/tenancy';
import { BudgetCalendar } from '../http/budget-calendar.js';
import { AdminBody, AdminController, AdminQuery, By } from '../http/decorators.js';
import { KeyAnswers } from '../keys/key-answers.js';
import { teamRow } from './team-row.js';
import {
  newTeamBody,
  type NewTeamBody,
  teamBody,
  type TeamBody,
  teamQuery,
  type TeamQuery,
  toNewTeam,
} from './teams.schemas.js';

/** Teams on the wire. */
@AdminController()
export class TeamsController {
  constructor(
    private readonly teams: Teams,
    private readonly spend: SpendReader,
    private readonly keyAnswers: KeyAnswers,
    private readonly calendar: BudgetCalendar,
  ) {}

  @Handles('POST /team/new')
  @HttpCode(200)
  async create(@By() author: Author, @AdminBody(newTeamBody) body: NewTeamBody): Promise<object> {
    return this.#row(await this.teams.create(author, toNewTeam(body)), new Map());
  }

  @Handles('POST /team/block')
  @HttpCode(200)
  block(@By() author: Author, @AdminBody(teamBody) body: TeamBody): Promise<object> {
    return this.#setBlocked(author, body.team_id, true);
  }

  @Handles('POST /team/unblock')
  @HttpCode(200)
  unblock(@By() author: Author, @AdminBody(teamBody) body: TeamBody): Promise<object> {
    return this.#setBlocked(author, body.team_id, false);
  }

  @Handles('GET /team/info')
  async info(@Caller() caller: Principal, @AdminQuery(teamQuery) query: TeamQuery): Promise<object> {
    const view = await this.teams.info(caller, query.team_id);
    const keys = query.key_limit === undefined ? view.keys : view.keys.slice(0, query.key_limit);
    const spent = await this.spend.spendOf([
      scopeOf(view),
      ...keys.map(({ id }): Scope => ({ type: 'key', id })),
    ]);
    return {
      team_id: view.team.id,
      team_info: {
        ...this.#row(view, spent),
        team_member_budget_table: null,
        members_with_roles: view.members.map(({ userId, email, alias, role }) => ({
          role,
          user_id: userId,
          user_email: email,
          user_alias: alias,
        })),
        access_group_models: [],
        access_group_mcp_server_ids: [],
        access_group_agent_ids: [],
        organization_models: [],
        caller_edit_access: { kind: caller.role === 'proxy_admin' ? 'unrestricted' : 'none' },
      },
      keys: keys.map((key) => {
        const row = this.keyAnswers.row(key, spent.get(`key:${key.id}`) ?? 0n);
        // A fellow member may know that a key exists, not the hash that names it.
        return maySeeKey(caller, key) ? row : { ...row, token: null, metadata: {} };
      }),
      team_memberships: view.members.map(({ userId }) => ({
        user_id: userId,
        team_id: view.team.id,
        budget_id: null,
        litellm_budget_table: null,
        budget_source: 'none',
      })),
    };
  }

  async #setBlocked(author: Author, teamId: string, blocked: boolean): Promise<object> {
    const view = await this.teams.setBlocked(author, teamId, blocked);
    return this.#row(view, await this.spend.spendOf([scopeOf(view)]));
  }

  #row({ team, members }: TeamView, spent: ReadonlyMap<string, NanoUsd>): Record<string, unknown> {
    return teamRow(team, members, spent.get(`team:${team.id}`) ?? 0n, this.calendar.resetsAt(team));
  }
}

function scopeOf({ team }: TeamView): Scope {
  return { type: 'team', id: team.id };
}
