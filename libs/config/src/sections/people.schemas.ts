import { z } from 'zod';
import { count, dollars, duration, flag, text, textList } from './fields.js';

/** The roles a person can be given, the strongest first. */
export const USER_ROLE_NAMES = [
  'proxy_admin',
  'proxy_admin_viewer',
  'internal_user',
  'internal_user_viewer',
] as const;
export type UserRoleName = (typeof USER_ROLE_NAMES)[number];

const role = z.enum(USER_ROLE_NAMES);

const newUser = z.strictObject({
  user_role: role.optional(),
  models: textList.optional(),
  max_budget: dollars.nullish(),
  budget_duration: duration.nullish(),
  tpm_limit: count.nullish(),
  rpm_limit: count.nullish(),
  max_parallel_requests: count.nullish(),
  available_teams: textList.optional(),
  teams: z
    .array(
      z.union([
        text,
        z.strictObject({
          team_id: text,
          max_budget_in_team: dollars.nullish(),
          user_role: z.enum(['admin', 'user']).optional(),
        }),
      ]),
    )
    .optional(),
});

const newTeam = z.strictObject({
  organization_id: text.nullish(),
  models: textList.optional(),
  max_budget: dollars.nullish(),
  budget_duration: duration.nullish(),
  tpm_limit: count.nullish(),
  rpm_limit: count.nullish(),
  team_member_permissions: textList.optional(),
});

/** Settings of `litellm_settings` about new users and teams. */
export const peopleSettings = {
  default_internal_user_params: newUser,
  default_team_params: newTeam,
  max_internal_user_budget: dollars,
  internal_user_budget_duration: duration,
  disable_auto_add_proxy_admin_to_teams: flag,
};
