import { ROUTE_GROUPS } from '#libs/rbac';
import { KEY_TYPES, type KeyChange } from '#libs/tenancy';
import { z } from 'zod';
import {
  aliasMap,
  amount,
  flag,
  isEmpty,
  lifetime,
  limit,
  metadata,
  name,
  names,
  optionalName,
  period,
  tokenLimit,
  zeroSpend,
} from '../http/fields.schemas.js';
import type { BodyDefinition } from '../http/request-body.js';

/** Fields of the contract's keys that are not there yet: only their default may be sent. */
export const KEY_FIELDS_NOT_BUILT = [
  'soft_budget',
  'budget_limits',
  'budget_id',
  'budget_fallbacks',
  'model_max_budget',
  'agent_id',
  'organization_id',
  'project_id',
  'tpd_limit',
  'model_rpm_limit',
  'model_tpm_limit',
  'mcp_rpm_limit',
  'tag_rpm_limit',
  'rpm_limit_type',
  'tpm_limit_type',
  'default_estimated_output_tokens',
  'default_estimated_output_tokens_per_model',
  'guardrails',
  'policies',
  'prompts',
  'disable_global_guardrails',
  'config',
  'router_settings',
  'permissions',
  'allowed_cache_controls',
  'allowed_passthrough_routes',
  'denied_passthrough_routes',
  'allowed_vector_store_indexes',
  'enforced_params',
  'enable_prompt_caching',
  'throttle_on_budget_exceeded',
  'end_user_budget_id',
  'object_permission',
  'access_group_ids',
  'auto_rotate',
  'rotation_interval',
  'send_invite_email',
  'temp_budget_increase',
  'temp_budget_expiry',
  'enforced_batch_output_expires_after',
  'enforced_file_expires_after',
  'logging',
  'secret_manager_settings',
] as const;

const KNOWN_GROUPS: ReadonlySet<string> = new Set(ROUTE_GROUPS);

/** A path of ours, a prefix ending in `*`, or the name of a group; a name nobody knows would open nothing and hide the mistake. */
const routes = z
  .array(
    name
      .min(1)
      .refine(
        (route) => route.startsWith('/') || KNOWN_GROUPS.has(route),
        `send paths or one of: ${ROUTE_GROUPS.join(', ')}`,
      ),
  )
  .max(200)
  .nullable()
  .transform((list) => list ?? [])
  .optional();

/** The settings of a key, under all their spellings. */
export const KEY_FIELDS = {
  key_alias: optionalName,
  key_name: optionalName,
  user_id: optionalName,
  team_id: optionalName,
  end_user_id: optionalName,
  models: names,
  aliases: aliasMap,
  duration: lifetime,
  max_budget: amount,
  budget_duration: period,
  rpm_limit: limit,
  rpm: limit,
  tpm_limit: tokenLimit,
  tpm: tokenLimit,
  max_parallel_requests: limit,
  allowed_routes: routes,
  key_type: z.enum(KEY_TYPES).nullable().optional(),
  tags: names,
  metadata,
  blocked: flag,
} as const;

const keyFields = z.object(KEY_FIELDS);
export type KeyFields = z.output<typeof keyFields>;

/** A raw key somebody chose: it has to look like one, so that it is never taken for a hash. */
const rawKey = name
  .min(1)
  .refine((raw) => raw.startsWith('sk-'), 'a key starts with sk-')
  .refine(
    (raw) => /^[\x21-\x7e]+$/.test(raw),
    'a key has printable ASCII characters only, because it travels in a header',
  )
  .nullable()
  .optional();

/** A key named raw (`sk-…`) or by its hash. */
export const keyName = name.min(1);

export const generateBody = {
  schema: z.object({ ...KEY_FIELDS, key: rawKey, spend: zeroSpend }),
  notBuilt: KEY_FIELDS_NOT_BUILT,
  optional: true,
} satisfies BodyDefinition;
export type GenerateBody = z.output<typeof generateBody.schema>;

export const updateBody = {
  schema: z
    .object({ ...KEY_FIELDS, key: keyName.nullable().optional() })
    .refine(({ key, key_alias }) => Boolean(key) || Boolean(key_alias), {
      message: 'either key or key_alias must be provided',
      params: { shape: true },
    }),
  notBuilt: [...KEY_FIELDS_NOT_BUILT, 'spend'],
} satisfies BodyDefinition;
export type UpdateBody = z.output<typeof updateBody.schema>;

export const regenerateBody = {
  schema: z.object({ ...KEY_FIELDS, key: keyName.nullable().optional(), new_key: rawKey }),
  notBuilt: [...KEY_FIELDS_NOT_BUILT, 'spend', 'grace_period', 'new_master_key'],
  optional: true,
} satisfies BodyDefinition;
export type RegenerateBody = z.output<typeof regenerateBody.schema>;

/** As many as one transaction should lock and one answer should repeat. */
const keyNames = z.array(keyName).max(1_000).nullable().optional();

export const namedKeysBody = {
  schema: z.object({ keys: keyNames, key_aliases: keyNames, key: keyName.nullable().optional() }),
} satisfies BodyDefinition;
export type NamedKeysBody = z.output<typeof namedKeysBody.schema>;

export const deleteBody = {
  schema: namedKeysBody.schema.refine((body) => Object.values(body).some((value) => !isEmpty(value)), {
    message: 'keys, key_aliases or key must be provided',
    params: { shape: true },
  }),
} satisfies BodyDefinition;

export const blockBody = {
  schema: z.object({
    key: keyName.refine(
      (key) => key.startsWith('sk-') || /^[0-9a-f]{64}$/i.test(key),
      'send the key, or its 64 hexadecimal digits',
    ),
  }),
} satisfies BodyDefinition;
export type BlockBody = z.output<typeof blockBody.schema>;

/**
 * The settings a body names. `real` spellings win over the short ones; `metadata.tags` is the older place of `tags`.
 * What is absent from the body is absent here.
 */
export function toKeyChange(body: KeyFields): KeyChange {
  const { tags: inMetadata, ...rest } = body.metadata ?? {};
  const oldTags = Array.isArray(inMetadata) ? inMetadata.filter((tag) => typeof tag === 'string') : undefined;
  return {
    alias: body.key_alias,
    label: body.key_name,
    userId: body.user_id,
    teamId: body.team_id,
    customerId: body.end_user_id,
    models: body.models,
    modelAliases: body.aliases,
    lifetime: body.duration,
    capNanoUsd: body.max_budget,
    budgetDuration: body.budget_duration,
    requestsPerMinute: body.rpm_limit === undefined ? body.rpm : body.rpm_limit,
    tokensPerMinute: body.tpm_limit === undefined ? body.tpm : body.tpm_limit,
    parallelRequests: body.max_parallel_requests,
    allowedRoutes: body.allowed_routes,
    keyType: body.key_type ?? undefined,
    tags: body.tags ?? oldTags,
    metadata: body.metadata === undefined ? undefined : rest,
    blocked: body.blocked ?? undefined,
  };
}
