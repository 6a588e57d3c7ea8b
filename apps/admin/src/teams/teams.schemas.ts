import type { NewTeam } from '#libs/tenancy';
import { z } from 'zod';
import {
  aliasMap,
  amount,
  flag,
  limit,
  metadata,
  name,
  names,
  optionalName,
  period,
  tokenLimit,
} from '../http/fields.schemas.js';
import type { BodyDefinition } from '../http/request-body.js';
import { KEY_FIELDS_NOT_BUILT } from '../keys/keys.schemas.js';

/** Each member is a row; a larger team is made in several calls. */
const MOST_MEMBERS = 500;

const member = z
  .object({
    role: z.enum(['admin', 'user']),
    user_id: name.nullable().optional(),
    user_email: name.nullable().optional(),
  })
  .refine(
    (each) => Boolean(each.user_id) || Boolean(each.user_email),
    'each member needs a user_id or a user_email',
  );

const userIds = z.array(name.min(1)).max(MOST_MEMBERS).nullable().optional();

export const newTeamBody = {
  schema: z.object({
    team_id: optionalName.refine((id) => id !== 'litellm-dashboard', 'this id is reserved'),
    team_alias: optionalName,
    members_with_roles: z.array(member).max(MOST_MEMBERS).nullable().optional(),
    admins: userIds,
    members: userIds,
    models: names,
    model_aliases: aliasMap,
    max_budget: amount,
    budget_duration: period,
    rpm_limit: limit,
    rpm: limit,
    tpm_limit: tokenLimit,
    tpm: tokenLimit,
    max_parallel_requests: limit,
    blocked: flag,
    tags: names,
    metadata,
  }),
  notBuilt: [
    ...KEY_FIELDS_NOT_BUILT,
    'spend',
    'team_member_permissions',
    'team_member_budget',
    'team_member_budget_duration',
    'team_member_rpm_limit',
    'team_member_tpm_limit',
    'team_member_key_duration',
    'default_team_member_models',
    'allow_team_guardrail_config',
  ],
  optional: true,
} satisfies BodyDefinition;
export type NewTeamBody = z.output<typeof newTeamBody.schema>;

export const teamBody = { schema: z.object({ team_id: name.min(1) }) } satisfies BodyDefinition;
export type TeamBody = z.output<typeof teamBody.schema>;

export const teamQuery = z.object({
  team_id: name.min(1),
  key_limit: z.coerce.number().int().min(0).optional(),
});
export type TeamQuery = z.output<typeof teamQuery>;

export function toNewTeam(body: NewTeamBody): NewTeam {
  const { tags: inMetadata, ...rest } = body.metadata ?? {};
  const oldTags = Array.isArray(inMetadata) ? inMetadata.filter((tag) => typeof tag === 'string') : [];
  return {
    id: body.team_id ?? undefined,
    alias: body.team_alias ?? null,
    models: body.models ?? [],
    modelAliases: body.model_aliases ?? {},
    capNanoUsd: body.max_budget ?? null,
    budgetDuration: body.budget_duration ?? null,
    requestsPerMinute: (body.rpm_limit === undefined ? body.rpm : body.rpm_limit) ?? null,
    tokensPerMinute: (body.tpm_limit === undefined ? body.tpm : body.tpm_limit) ?? null,
    parallelRequests: body.max_parallel_requests ?? null,
    blocked: body.blocked ?? false,
    tags: body.tags ?? oldTags,
    metadata: rest,
    members: [
      ...(body.members_with_roles ?? []).map(({ role, user_id, user_email }) => ({
        role,
        userId: user_id || undefined,
        email: user_email || undefined,
      })),
      ...(body.admins ?? []).map((userId) => ({ role: 'admin' as const, userId })),
      ...(body.members ?? []).map((userId) => ({ role: 'user' as const, userId })),
    ],
  };
}
