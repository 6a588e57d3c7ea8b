import { type NanoUsd, parseUsd } from '#libs/kernel';
import type { Sections } from './sections.js';
import type { UserRoleName } from './sections/people.schemas.js';

export interface PeopleSettings {
  /** `default_internal_user_params`, `max_internal_user_budget`: what a new user gets where nothing else is said. */
  readonly newUser: {
    readonly role: UserRoleName;
    /** Of somebody whom single sign-on makes and gives no role: where the operator says nothing, such people only look. */
    readonly signInRole: UserRoleName;
    /** Absent: the operator says nothing. */
    readonly models: readonly string[] | undefined;
    readonly capNanoUsd: NanoUsd | null;
    readonly budgetDuration: string | null;
    readonly tokensPerMinute: number | null;
    readonly requestsPerMinute: number | null;
    readonly parallelRequests: number | null;
    readonly teams: readonly {
      readonly teamId: string;
      readonly role: 'admin' | 'user';
      readonly capNanoUsd: NanoUsd | null;
    }[];
  };
  /** `available_teams`: teams that anybody may join. */
  readonly teamsToJoin: readonly string[];
  /** `default_team_params`: what a new team gets where nothing else is said. */
  readonly newTeam: {
    /** Where the team does not say one itself; it has to be there. */
    readonly organizationId: string | null;
    readonly models: readonly string[];
    readonly capNanoUsd: NanoUsd | null;
    readonly budgetDuration: string | null;
    readonly tokensPerMinute: number | null;
    readonly requestsPerMinute: number | null;
    readonly memberPermissions: readonly string[] | undefined;
  };
  /** Whether a proxy administrator who makes a team joins it (`disable_auto_add_proxy_admin_to_teams`). */
  readonly addsCreatingAdmin: boolean;
}

/** What an operator says about new users and teams. A default of `default_internal_user_params` wins over the older settings. */
export function readPeople({ litellm }: Sections): PeopleSettings {
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
