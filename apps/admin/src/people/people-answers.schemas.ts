import { z } from 'zod';

/** Answers about people and where they belong, as the OpenAPI document tells of them. They describe; the `*-answers.ts` make them. */
const text = z.string().nullable();
const money = z.number().nullable();
const limits = { max_budget: money, tpm_limit: z.number().nullable(), rpm_limit: z.number().nullable() };

export const USER_ROW = z.looseObject({
  user_id: z.string(),
  user_email: text,
  user_alias: text,
  user_role: text,
  teams: z.array(z.string()),
  models: z.array(z.string()),
  spend: z.number(),
  ...limits,
});
/** A new user looks like the key that was made with it. */
export const NEW_USER = z.looseObject({
  user_id: z.string(),
  user_role: text,
  key: text,
  teams: z.array(z.string()),
});
export const USER_VIEW = z.looseObject({
  user_id: z.string(),
  user_info: USER_ROW.nullable(),
  keys: z.array(z.looseObject({})),
  teams: z.array(z.looseObject({})),
});
/** A page, under the name its rows have in the contract. */
export const pageOfRows = (name: string, row: z.ZodType) =>
  z.looseObject({
    [name]: z.array(row),
    total: z.int(),
    page: z.int(),
    page_size: z.int(),
    total_pages: z.int(),
  });

export const TEAM_ROW = z.looseObject({
  team_id: z.string(),
  team_alias: text,
  organization_id: text,
  members_with_roles: z.array(z.looseObject({ role: z.string() })),
  models: z.array(z.string()),
  spend: z.number(),
  blocked: z.boolean(),
  ...limits,
});
export const TEAM_INFO = z.looseObject({
  team_id: z.string(),
  team_info: TEAM_ROW,
  keys: z.array(z.looseObject({})),
  team_memberships: z.array(z.looseObject({ user_id: z.string() })),
});
export const NAMED_TEAM = z.looseObject({ team_id: z.string(), team_alias: text });
export const TEAM_MEMBERSHIP = z.looseObject({ user_id: z.string(), team_id: z.string() });

export const ORGANIZATION_ROW = z.looseObject({
  organization_id: z.string(),
  organization_alias: text,
  models: z.array(z.string()),
  spend: z.number(),
});
export const ORGANIZATION_VIEW = ORGANIZATION_ROW.extend({
  members: z.array(z.looseObject({ user_id: z.string() })),
  teams: z.array(TEAM_ROW),
});
export const ORGANIZATION_MEMBERSHIP = z.looseObject({
  user_id: z.string(),
  organization_id: z.string(),
  user_role: text,
});

export const PROJECT_ROW = z.looseObject({
  project_id: z.string(),
  project_alias: text,
  team_id: text,
  models: z.array(z.string()),
});

export const INVITATION = z.looseObject({
  id: z.string(),
  user_id: z.string(),
  is_accepted: z.boolean(),
  expires_at: z.string(),
});
