import {
  CONSOLE_TEAM_ID,
  MEMBER_PERMISSIONS,
  type MemberDraft,
  type NewTeam,
  type TeamChange,
} from '#libs/tenancy';
import { z } from 'zod';
import {
  aliasMap,
  amount,
  flag,
  limit,
  lifetime,
  metadata,
  name,
  names,
  optionalName,
  passThroughPaths,
  period,
  requiredParams,
  tokenLimit,
} from '../http/fields.schemas.js';
import { FOLDED_OF_TEAMS } from '../http/folded.js';
import { GOVERNED_FIELDS, toGovernedChange, USUAL_ANSWER_FIELDS } from '../http/governed.schemas.js';
import { MEMBER_NAMES_NOBODY, namesPerson, PERSON_FIELDS, toPerson } from '../http/person.schemas.js';
import type { BodyDefinition } from '../http/request-body.js';
import { paging, sortBy, sortOrder } from '../http/query.schemas.js';

/** Each member is a row; a larger team is made in several calls. */
export const MOST_MEMBERS = 500;

export const member = z
  .object({ role: z.enum(['admin', 'user']), ...PERSON_FIELDS })
  .refine(namesPerson, MEMBER_NAMES_NOBODY);

const userIds = z.array(name.min(1)).max(MOST_MEMBERS).nullable().optional();

export const memberPermissions = z
  .array(z.enum(MEMBER_PERMISSIONS, { error: `send some of: ${MEMBER_PERMISSIONS.join(', ')}` }))
  .max(MEMBER_PERMISSIONS.length);

const TEAM_FIELDS = {
  ...GOVERNED_FIELDS,
  ...USUAL_ANSWER_FIELDS,
  team_alias: optionalName,
  organization_id: optionalName,
  models: names,
  model_aliases: aliasMap,
  blocked: flag,
  tags: names,
  metadata,
  team_member_permissions: memberPermissions.nullable().optional(),
  team_member_budget: amount,
  team_member_budget_duration: period,
  team_member_rpm_limit: limit,
  team_member_tpm_limit: tokenLimit,
  team_member_key_duration: lifetime,
  default_team_member_models: names,
  allowed_passthrough_routes: passThroughPaths,
  denied_passthrough_routes: passThroughPaths,
  enforced_params: requiredParams,
  access_group_ids: names,
} as const;
const teamFields = z.object(TEAM_FIELDS);

/** Fields of the contract's teams that are not there: only their default may be sent. */
export const TEAM_FIELDS_NOT_BUILT = [
  'allow_team_guardrail_config',
  'allowed_vector_store_indexes',
  'disable_global_guardrails',
  'enforced_batch_output_expires_after',
  'enforced_file_expires_after',
  'guardrails',
  'logging',
  'mcp_rpm_limit',
  'object_permission',
  'policies',
  'prompts',
  'router_settings',
  'rpm_limit_type',
  'secret_manager_settings',
  'spend',
  'tpd_limit',
  'tpm_limit_type',
] as const;

export const newTeamBody = {
  schema: z.object({
    ...TEAM_FIELDS,
    team_id: optionalName.refine((id) => id !== CONSOLE_TEAM_ID, 'this id is reserved'),
    members_with_roles: z.array(member).max(MOST_MEMBERS).nullable().optional(),
    admins: userIds,
    members: userIds,
  }),
  notBuilt: TEAM_FIELDS_NOT_BUILT,
  folded: FOLDED_OF_TEAMS,
  optional: true,
} satisfies BodyDefinition;
export type NewTeamBody = z.output<typeof newTeamBody.schema>;

export const updateTeamBody = {
  schema: z.object({ ...TEAM_FIELDS, team_id: name.min(1) }),
  notBuilt: TEAM_FIELDS_NOT_BUILT,
  folded: FOLDED_OF_TEAMS,
} satisfies BodyDefinition;
export type UpdateTeamBody = z.output<typeof updateTeamBody.schema>;

export const patchTeamBody = {
  schema: teamFields,
  notBuilt: TEAM_FIELDS_NOT_BUILT,
  folded: FOLDED_OF_TEAMS,
} satisfies BodyDefinition;
export type PatchTeamBody = z.output<typeof patchTeamBody.schema>;

export const teamBody = { schema: z.object({ team_id: name.min(1) }) } satisfies BodyDefinition;
export type TeamBody = z.output<typeof teamBody.schema>;

export const teamsBody = {
  schema: z.object({ team_ids: z.array(name.min(1)).min(1).max(1_000) }),
} satisfies BodyDefinition;
export type TeamsBody = z.output<typeof teamsBody.schema>;

export const teamModelsBody = {
  schema: z.object({ team_id: name.min(1), models: z.array(name.min(1)).max(1_000) }),
} satisfies BodyDefinition;
export type TeamModelsBody = z.output<typeof teamModelsBody.schema>;

export const permissionsBody = {
  schema: z.object({ team_id: name.min(1), team_member_permissions: memberPermissions }),
} satisfies BodyDefinition;
export type PermissionsBody = z.output<typeof permissionsBody.schema>;

export const bulkPermissionsBody = {
  schema: z
    .object({
      permissions: memberPermissions.min(1),
      team_ids: z.array(name.min(1)).max(1_000).nullable().optional(),
      apply_to_all_teams: flag,
    })
    .refine(
      (body) => Boolean(body.team_ids?.length) !== Boolean(body.apply_to_all_teams),
      'send team_ids or apply_to_all_teams',
    ),
} satisfies BodyDefinition;
export type BulkPermissionsBody = z.output<typeof bulkPermissionsBody.schema>;

export const teamQuery = z.object({
  team_id: name.min(1),
  key_limit: z.coerce.number().int().min(0).optional(),
});
export type TeamQuery = z.output<typeof teamQuery>;

export const teamListQuery = z.object({ user_id: name.optional(), organization_id: name.optional() });
export type TeamListQuery = z.output<typeof teamListQuery>;

const SORTS = { team_id: 'id', team_alias: 'alias', created_at: 'created_at' } as const;
export const teamPageQuery = z.object({
  ...paging(10),
  user_id: name.optional(),
  organization_id: name.optional(),
  team_id: name.optional(),
  team_alias: name.optional(),
  search: name.optional(),
  search_team_id_match: z.enum(['exact', 'prefix']).default('exact'),
  sort_by: sortBy(SORTS, 'created_at'),
  sort_order: sortOrder('asc'),
  status: z.enum(['deleted']).optional(),
});
export type TeamPageQuery = z.output<typeof teamPageQuery>;

/** The settings a body names; what is absent there is absent here. `metadata.tags` is the older place of `tags`. */
export function toTeamChange(body: Partial<z.output<typeof teamFields>>): TeamChange {
  const { tags: inMetadata, ...rest } = body.metadata ?? {};
  const oldTags = Array.isArray(inMetadata)
    ? inMetadata.filter((tag) => typeof tag === 'string' && tag !== '')
    : undefined;
  return {
    ...toGovernedChange(body),
    alias: body.team_alias,
    organizationId: body.organization_id,
    models: body.models,
    modelAliases: body.model_aliases,
    blocked: body.blocked ?? undefined,
    tags: body.tags ?? oldTags,
    metadata: body.metadata === undefined ? undefined : rest,
    memberPermissions: body.team_member_permissions,
    memberCapNanoUsd: body.team_member_budget,
    memberBudgetDuration: body.team_member_budget_duration,
    memberRequestsPerMinute: body.team_member_rpm_limit,
    memberTokensPerMinute: body.team_member_tpm_limit,
    memberKeyDuration: body.team_member_key_duration,
    memberModels: body.default_team_member_models,
    allowedPassThrough: body.allowed_passthrough_routes,
    deniedPassThrough: body.denied_passthrough_routes,
    requiredParams: body.enforced_params,
    usualOutputTokens: body.default_estimated_output_tokens,
    modelUsualOutputTokens: body.default_estimated_output_tokens_per_model,
    accessGroupIds: body.access_group_ids,
  };
}

export function toNewTeam(body: NewTeamBody): NewTeam {
  return {
    id: body.team_id ?? undefined,
    settings: toTeamChange(body),
    members: [
      ...(body.members_with_roles ?? []).map(toMember),
      ...(body.admins ?? []).map((userId) => ({ role: 'admin' as const, userId })),
      ...(body.members ?? []).map((userId) => ({ role: 'user' as const, userId })),
    ],
  };
}

export function toMember(sent: z.output<typeof member>): MemberDraft {
  return { role: sent.role, ...toPerson(sent) };
}
