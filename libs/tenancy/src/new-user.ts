import type { Config } from '#libs/config';
import type { User } from '#libs/database';
import { NO_MODELS } from '#libs/kernel';
import type { Standing } from './authority/standing.js';
import { type UserChange, userColumns } from './user-settings.js';

/** An account with these calls models through its teams, and not on its own account. */
const ONLY_THROUGH_TEAMS = [NO_MODELS];

/** What the operator's defaults give a new user, as far as `settings` leaves it open. */
export function withUserDefaults(config: Config, settings: UserChange): UserChange {
  const { newUser } = config.people;
  return {
    ...settings,
    role: settings.role ?? newUser.role,
    models: settings.models ?? newUser.models,
    capNanoUsd: settings.capNanoUsd ?? newUser.capNanoUsd,
    budgetDuration:
      settings.budgetDuration ?? (settings.capNanoUsd === undefined ? newUser.budgetDuration : null),
    tokensPerMinute: settings.tokensPerMinute ?? newUser.tokensPerMinute,
    requestsPerMinute: settings.requestsPerMinute ?? newUser.requestsPerMinute,
    parallelRequests: settings.parallelRequests ?? newUser.parallelRequests,
  };
}

/**
 * Columns of somebody who is made on the way, by becoming a member. Whoever may only manage a team must not make people who
 * may more than he: such an account is an internal user's, belongs to the team's organization, and where there is none it
 * has no models of its own unless the operator's defaults name some.
 */
export function newUserColumns(
  config: Config,
  standing: Standing,
  organizationId: string | null,
): Partial<User> {
  const defaults = withUserDefaults(config, {});
  const isDelegated = standing.role !== 'proxy_admin';
  const models = defaults.models ?? (isDelegated && organizationId === null ? ONLY_THROUGH_TEAMS : []);
  return {
    ...userColumns(
      { ...defaults, models, ...(isDelegated ? { role: 'internal_user' } : {}) },
      undefined,
      Date.now(),
    ),
    organizationId: isDelegated ? organizationId : null,
  };
}
