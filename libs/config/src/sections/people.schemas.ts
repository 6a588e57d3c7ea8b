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

/** Columns of people and teams hold no more. */
const perMinute = count.refine((value) => value <= 2_147_483_647, 'expected at most 2147483647');
const role = z.enum(USER_ROLE_NAMES);

const newUser = z.strictObject({
  user_role: role.optional(),
  models: textList.optional(),
  max_budget: dollars.nullish(),
  budget_duration: duration.nullish(),
  tpm_limit: perMinute.nullish(),
  rpm_limit: perMinute.nullish(),
  max_parallel_requests: perMinute.nullish(),
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
  tpm_limit: perMinute.nullish(),
  rpm_limit: perMinute.nullish(),
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
