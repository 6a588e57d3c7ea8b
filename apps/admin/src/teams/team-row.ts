import type { Team } from '#libs/database';
import { type NanoUsd, usdNumber } from '#libs/kernel';
import type { Membership } from '#libs/tenancy';
import { toApiTime, toApiUsd } from '../http/wire.js';

/** A team as the contract writes its row. */
export function teamRow(
  team: Team,
  members: readonly Membership[],
  spent: NanoUsd,
  resetsAt: Date | null,
): Record<string, unknown> {
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
    metadata: team.tags.length === 0 ? team.metadata : { ...team.metadata, tags: team.tags },
    max_budget: toApiUsd(team.maxBudgetNano),
    soft_budget: toApiUsd(team.softBudgetNano),
    spend: usdNumber(spent),
    models: team.models,
    max_parallel_requests: team.maxParallelRequests,
    tpm_limit: team.tpmLimit,
    rpm_limit: team.rpmLimit,
    tpd_limit: null,
    budget_duration: team.budgetDuration,
    budget_reset_at: toApiTime(resetsAt),
    blocked: team.blocked,
    created_at: toApiTime(team.createdAt),
    updated_at: toApiTime(team.updatedAt),
    model_spend: {},
    model_max_budget: {},
    router_settings: null,
    team_member_permissions: [],
    access_group_ids: [],
    policies: [],
    default_team_member_models: [],
    budget_limits: null,
    model_id: null,
    litellm_model_table:
      Object.keys(team.modelAliases).length === 0 ? null : { id: null, aliases: team.modelAliases },
    object_permission: null,
  };
}
