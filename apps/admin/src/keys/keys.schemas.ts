import { ROUTE_GROUPS } from '#libs/rbac';
import { KEY_TYPES, type KeyChange, LIMIT_TYPES } from '#libs/tenancy';
import { z } from 'zod';
import {
  aliasMap,
  amount,
  flag,
  interval,
  isEmpty,
  lifetime,
  limit,
  metadata,
  name,
  names,
  optionalName,
  passThroughPaths,
  period,
  tokenLimit,
} from '../http/fields.schemas.js';
import {
  GOVERNED_FIELDS,
  INCREASE_FIELDS,
  isWholeIncrease,
  requestsByName,
  toGovernedChange,
  WHOLE_INCREASE,
} from '../http/governed.schemas.js';
import type { BodyDefinition } from '../http/request-body.js';

/** Fields of the contract's keys that are not there yet: only their default may be sent. */
const NOT_BUILT = [
  'budget_fallbacks',
  'agent_id',
  'tpd_limit',
  'mcp_rpm_limit',
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
  'allowed_vector_store_indexes',
  'enforced_params',
  'enable_prompt_caching',
  'object_permission',
  'send_invite_email',
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

/** The settings of a key that other nouns share, under all their spellings. */
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

/** Those that only keys have here. */
const MORE_KEY_FIELDS = {
  ...GOVERNED_FIELDS,
  ...INCREASE_FIELDS,
  organization_id: optionalName,
  project_id: optionalName,
  auto_rotate: flag,
  rotation_interval: interval,
  rpm_limit_type: z.enum(LIMIT_TYPES).nullable().optional(),
  tpm_limit_type: z.enum(LIMIT_TYPES).nullable().optional(),
  tag_rpm_limit: requestsByName,
  throttle_on_budget_exceeded: flag,
  end_user_budget_id: optionalName,
  allowed_passthrough_routes: passThroughPaths,
  denied_passthrough_routes: passThroughPaths,
  access_group_ids: names,
} as const;

/** For nouns that take a key's fields: what of them is not theirs. */
export const KEY_FIELDS_NOT_BUILT: readonly string[] = [
  ...NOT_BUILT,
  ...Object.keys(MORE_KEY_FIELDS).filter((field) => !Object.hasOwn(KEY_FIELDS, field)),
];

/** Fields that clients may also send inside `metadata`, where the contract keeps them. */
const FOLDED = [
  'model_rpm_limit',
  'model_tpm_limit',
  'rpm_limit_type',
  'tpm_limit_type',
  'temp_budget_increase',
  'temp_budget_expiry',
  'tag_rpm_limit',
  'throttle_on_budget_exceeded',
  'end_user_budget_id',
  'allowed_passthrough_routes',
  'denied_passthrough_routes',
] as const;

const ALL_KEY_FIELDS = { ...KEY_FIELDS, ...MORE_KEY_FIELDS } as const;
const keyFields = z.object(ALL_KEY_FIELDS);
export type KeyFields = Partial<z.output<typeof keyFields>>;

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

/** What a key has spent when it comes from elsewhere; an answer repeats it. */
const spend = amount;

export const generateBody = {
  schema: z.object({ ...ALL_KEY_FIELDS, key: rawKey, spend }).refine(isWholeIncrease, WHOLE_INCREASE),
  notBuilt: NOT_BUILT,
  folded: FOLDED,
  optional: true,
} satisfies BodyDefinition;
export type GenerateBody = z.output<typeof generateBody.schema>;

export const updateBody = {
  schema: z
    .object({ ...ALL_KEY_FIELDS, key: keyName.nullable().optional(), spend })
    .refine(({ key, key_alias }) => Boolean(key) || Boolean(key_alias), {
      message: 'either key or key_alias must be provided',
      params: { shape: true },
    })
    .refine(isWholeIncrease, WHOLE_INCREASE),
  notBuilt: NOT_BUILT,
  folded: FOLDED,
} satisfies BodyDefinition;
export type UpdateBody = z.output<typeof updateBody.schema>;

export const regenerateBody = {
  schema: z
    .object({
      ...ALL_KEY_FIELDS,
      key: keyName.nullable().optional(),
      new_key: rawKey,
      grace_period: interval,
    })
    .refine(isWholeIncrease, WHOLE_INCREASE),
  notBuilt: [...NOT_BUILT, 'spend', 'new_master_key'],
  folded: FOLDED,
  optional: true,
} satisfies BodyDefinition;
export type RegenerateBody = z.output<typeof regenerateBody.schema>;

/** A word that nobody sends by mistake. */
export const blockAllBody = {
  schema: z.object({
    confirm: z.literal('block all keys', "send confirm: 'block all keys'"),
  }),
} satisfies BodyDefinition;

/** More in one call would hold a client's connection for minutes. */
const MOST_UPDATES = 500;

export const bulkUpdateBody = {
  schema: z.object({
    keys: z
      .array(z.record(z.string(), z.unknown()))
      .min(1, `send 1 to ${MOST_UPDATES} keys`)
      .max(MOST_UPDATES, `send 1 to ${MOST_UPDATES} keys`),
  }),
} satisfies BodyDefinition;
export type BulkUpdateBody = z.output<typeof bulkUpdateBody.schema>;

/** One entry of a bulk update. */
export const bulkItem = {
  schema: z.object({
    key: keyName,
    budget_id: optionalName,
    max_budget: amount,
    team_id: optionalName,
    tags: names,
  }),
  notBuilt: ['object_permission'],
} satisfies BodyDefinition;

/** What a team's manager may set for many keys at once; anything else is refused, not ignored. */
const teamKeyFields = keyFields
  .pick({
    max_budget: true,
    budget_id: true,
    budget_duration: true,
    budget_limits: true,
    model_max_budget: true,
    tpm_limit: true,
    rpm_limit: true,
    model_tpm_limit: true,
    model_rpm_limit: true,
    max_parallel_requests: true,
    rpm_limit_type: true,
    tpm_limit_type: true,
    temp_budget_increase: true,
    temp_budget_expiry: true,
    duration: true,
    tags: true,
    metadata: true,
  })
  .strict();

export const teamKeysBody = {
  schema: z
    .object({
      team_id: name.min(1),
      key_ids: z
        .array(keyName)
        .min(1)
        .max(MOST_UPDATES, `send 1 to ${MOST_UPDATES} keys`)
        .nullable()
        .optional(),
      all_keys_in_team: flag,
      update_fields: teamKeyFields.refine(isWholeIncrease, WHOLE_INCREASE),
    })
    .refine(({ key_ids, all_keys_in_team }) => Boolean(key_ids) !== (all_keys_in_team === true), {
      message: 'send either key_ids or all_keys_in_team: true',
    }),
} satisfies BodyDefinition;
export type TeamKeysBody = z.output<typeof teamKeysBody.schema>;

export const resetSpendBody = {
  schema: z.object({
    reset_to: z.number().transform((value, context) => {
      const parsed = amount.safeParse(value);
      if (parsed.success && typeof parsed.data === 'bigint') return parsed.data;
      context.addIssue({ code: 'custom', message: 'an amount is a number of dollars from 0 to one billion' });
      return z.NEVER;
    }),
  }),
} satisfies BodyDefinition;
export type ResetSpendBody = z.output<typeof resetSpendBody.schema>;

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
    ...toGovernedChange(body),
    alias: body.key_alias,
    label: body.key_name,
    userId: body.user_id,
    teamId: body.team_id,
    organizationId: body.organization_id,
    projectId: body.project_id,
    customerId: body.end_user_id,
    models: body.models,
    modelAliases: body.aliases,
    lifetime: body.duration,
    allowedRoutes: body.allowed_routes,
    keyType: body.key_type ?? undefined,
    tags: body.tags ?? oldTags,
    metadata: body.metadata === undefined ? undefined : rest,
    blocked: body.blocked ?? undefined,
    autoRotate: body.auto_rotate ?? undefined,
    rotationInterval: body.rotation_interval,
    requestLimitType: body.rpm_limit_type,
    tokenLimitType: body.tpm_limit_type,
    tagRequestsPerMinute: body.tag_rpm_limit,
    throttled: body.throttle_on_budget_exceeded ?? undefined,
    customerBudgetId: body.end_user_budget_id,
    allowedPassThrough: body.allowed_passthrough_routes,
    deniedPassThrough: body.denied_passthrough_routes,
    accessGroupIds: body.access_group_ids,
  };
}
