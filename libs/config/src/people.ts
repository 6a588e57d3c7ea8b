import { parseUsd } from '#libs/kernel';
import type { ConfigTree } from './config.js';
import type { Sections } from './sections.js';

/** What an operator says about new users and teams. A default of `default_internal_user_params` wins over the older settings. */
export function readPeople({ litellm }: Sections): ConfigTree['people'] {
  const user = litellm.default_internal_user_params ?? {};
  const team = litellm.default_team_params ?? {};
  return {
    newUser: {
      role: user.user_role ?? 'internal_user',
      signInRole: user.user_role ?? 'internal_user_viewer',
      models: user.models,
      capNanoUsd: nanoUsd(user.max_budget ?? litellm.max_internal_user_budget),
      budgetDuration: user.budget_duration ?? litellm.internal_user_budget_duration ?? null,
      tokensPerMinute: user.tpm_limit ?? null,
      requestsPerMinute: user.rpm_limit ?? null,
      parallelRequests: user.max_parallel_requests ?? null,
      teams: (user.teams ?? []).map((each) =>
        typeof each === 'string'
          ? { teamId: each, role: 'user', capNanoUsd: null }
          : {
              teamId: each.team_id,
              role: each.user_role ?? 'user',
              capNanoUsd: nanoUsd(each.max_budget_in_team),
            },
      ),
    },
    teamsToJoin: user.available_teams ?? [],
    newTeam: {
      organizationId: team.organization_id ?? null,
      models: team.models ?? [],
      capNanoUsd: nanoUsd(team.max_budget),
      budgetDuration: team.budget_duration ?? null,
      tokensPerMinute: team.tpm_limit ?? null,
      requestsPerMinute: team.rpm_limit ?? null,
      memberPermissions: team.team_member_permissions,
    },
    addsCreatingAdmin: litellm.disable_auto_add_proxy_admin_to_teams !== true,
  };
}

function nanoUsd(dollars: number | null | undefined): bigint | null {
  return dollars === null || dollars === undefined ? null : parseUsd(dollars);
}
