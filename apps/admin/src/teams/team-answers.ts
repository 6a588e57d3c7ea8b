import { Inject, Injectable } from '@nestjs/common';
import type { Team, TeamMember } from '#libs/database';
import { type NanoUsd, type Principal, type Scope, usdNumber } from '#libs/kernel';
import { AccessGroupIndex, LiveCatalogue } from '#libs/runtime';
import { type ListedTeam, type Membership, SpendReader, type TeamInfo } from '#libs/tenancy';
import { foldedOf, GovernedAnswers, modelBudgetsOf } from '../http/governed-answers.js';
import { orNull, toApiTime, toApiUsd } from '../http/wire.js';
import { KeyAnswers } from '../keys/key-answers.js';

/** Teams as the contract writes them. */
@Injectable()
export class TeamAnswers {
  constructor(
    private readonly governed: GovernedAnswers,
    private readonly keys: KeyAnswers,
    private readonly spend: SpendReader,
    private readonly groups: AccessGroupIndex,
    @Inject(LiveCatalogue) private readonly live: Pick<LiveCatalogue, 'settled'>,
  ) {}

  /** One team's row, with what it has spent. */
  async one({
    team,
    members,
  }: {
    readonly team: Team;
    readonly members: readonly Membership[];
  }): Promise<Record<string, unknown>> {
    const spent = await this.spend.spendOf([{ type: 'team', id: team.id }]);
    // What this process changed itself it also shows.
    await this.live.settled();
    return this.row(team, members, spent.get(`team:${team.id}`) ?? 0n);
  }

  row(team: Team, members: readonly Membership[], spent: NanoUsd): Record<string, unknown> {
    return {
      team_id: team.id,
      team_alias: team.alias,
      organization_id: team.organizationId,
      object_permission_id: null,
      admins: members.filter(({ role }) => role === 'admin').map(({ userId }) => userId),
      members: members.map(({ userId }) => userId),
      members_with_roles: members.map(({ userId, email, role }) => ({
        user_id: userId,
        user_email: email,
        role,
      })),
      metadata: shownMetadata(team),
      max_budget: toApiUsd(team.maxBudgetNano),
      soft_budget: toApiUsd(team.softBudgetNano),
      spend: usdNumber(spent),
      models: team.models,
      max_parallel_requests: team.maxParallelRequests,
      tpm_limit: team.tpmLimit,
      rpm_limit: team.rpmLimit,
      tpd_limit: null,
      budget_duration: team.budgetDuration,
      budget_reset_at: this.governed.resetsAt(team),
      budget_id: team.budgetId,
      blocked: team.blocked,
      created_at: toApiTime(team.createdAt),
      updated_at: toApiTime(team.updatedAt),
      model_spend: {},
      model_max_budget: modelBudgetsOf(team),
      router_settings: null,
      team_member_permissions: team.memberPermissions ?? [],
      access_group_ids: this.#groupsOf(team).map(({ id }) => id),
      policies: [],
      default_team_member_models: team.memberModels,
      budget_limits: this.governed.windows(team),
      model_id: null,
      litellm_model_table:
        Object.keys(team.modelAliases).length === 0 ? null : { id: null, aliases: team.modelAliases },
      object_permission: null,
    };
  }

  #groupsOf({ id }: Team): ReturnType<AccessGroupIndex['groupsOf']> {
    return this.groups.groupsOf({ type: 'team', id });
  }

  /** Everything about one team, as far as the caller may see it. */
  async info(
    caller: Principal,
    { team, organization, members, memberships, keys, capacity }: TeamInfo,
  ): Promise<object> {
    const spent = await this.spend.spendOf([
      { type: 'team', id: team.id },
      ...keys.map(({ key }): Scope => ({ type: 'key', id: key.id })),
      ...memberships.map(({ userId }): Scope => ({ type: 'team_member', id: `${team.id}:${userId}` })),
    ]);
    // What a fellow member spends is the administrators' to know, and its own.
    const seen = memberships.filter(
      ({ userId }) =>
        capacity !== undefined || caller.role === 'proxy_admin_viewer' || userId === caller.user?.id,
    );
    return {
      team_id: team.id,
      team_info: {
        ...this.row(team, members, spent.get(`team:${team.id}`) ?? 0n),
        team_member_budget_table: memberDefaults(team),
        members_with_roles: members.map(({ userId, email, alias, role }) => ({
          role,
          user_id: userId,
          user_email: email,
          user_alias: alias,
        })),
        access_group_models: unique(this.#groupsOf(team).map(({ models }) => models)),
        access_group_mcp_server_ids: unique(this.#groupsOf(team).map(({ mcpServerIds }) => mcpServerIds)),
        access_group_agent_ids: unique(this.#groupsOf(team).map(({ agentIds }) => agentIds)),
        organization_models: organization?.models ?? [],
        caller_edit_access: {
          kind: capacity === undefined ? 'none' : capacity === 'team_admin' ? 'team_admin' : 'unrestricted',
        },
      },
      keys: keys.map(({ key, isOurs }) => {
        const row = this.keys.row(key, spent.get(`key:${key.id}`) ?? 0n);
        // A fellow member may know that a key exists, not the hash that names it.
        return isOurs ? row : { ...row, token: null, metadata: {} };
      }),
      team_memberships: seen.map((each) =>
        this.membership(each, team, spent.get(`team_member:${team.id}:${each.userId}`) ?? 0n),
      ),
    };
  }

  membership(member: TeamMember, team: Team, spent: NanoUsd): Record<string, unknown> {
    const own = this.governed.effective(member, null);
    const source = own !== null ? 'custom' : memberDefaults(team) === null ? 'none' : 'team_default';
    return {
      user_id: member.userId,
      team_id: member.teamId,
      role: member.role,
      budget_id: member.budgetId,
      spend: usdNumber(spent),
      total_spend: usdNumber(spent),
      allowed_models: member.allowedModels,
      litellm_budget_table:
        own === null
          ? memberDefaults(team)
          : { ...own, allowed_models: member.allowedModels, ...foldedOf(member) },
      budget_source: source,
    };
  }

  /** Rows of a list, with what each has spent. */
  async listed(teams: readonly ListedTeam[]): Promise<Record<string, unknown>[]> {
    const spent = await this.spend.spendIn(
      teams.map(({ team, deletedAt }) => ({
        scope: { type: 'team', id: team.id },
        // What is gone has no period any more.
        budget: deletedAt === null ? team : { ...team, budgetDuration: null },
      })),
    );
    return teams.map(({ team, members, keyCount, deletedAt }) => ({
      ...this.row(team, members, spent.get(`team:${team.id}`) ?? 0n),
      members_count: members.length,
      keys_count: keyCount,
      access_group_models: [],
      access_group_mcp_server_ids: [],
      access_group_agent_ids: [],
      ...(deletedAt === null ? {} : { deleted_at: toApiTime(deletedAt) }),
    }));
  }
}

/** What the team gives each member, in the shape of a budget's row; null when it gives nothing. */
function memberDefaults(team: Team): object | null {
  const { memberMaxBudgetNano, memberBudgetDuration, memberRpmLimit, memberTpmLimit } = team;
  if (memberMaxBudgetNano === null && memberRpmLimit === null && memberTpmLimit === null) return null;
  return {
    budget_id: null,
    max_budget: toApiUsd(memberMaxBudgetNano),
    budget_duration: memberBudgetDuration,
    rpm_limit: memberRpmLimit,
    tpm_limit: memberTpmLimit,
  };
}

/** The contract keeps these in `metadata`, where its clients read them back. */
function shownMetadata(team: Team): Record<string, unknown> {
  return {
    ...team.metadata,
    ...foldedOf(team),
    ...(orNull(team.tags) && { tags: team.tags }),
    ...(team.memberKeyDuration && { team_member_key_duration: team.memberKeyDuration }),
  };
}

function unique(lists: readonly (readonly string[])[]): string[] {
  return [...new Set(lists.flat())];
}
