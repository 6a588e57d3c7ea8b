import { ROUTE_GROUPS } from '#libs/rbac';
import { KEY_TYPES, type KeyChange, LIMIT_TYPES } from '#libs/tenancy';
import { z } from 'zod';
import {
  aliasMap,
  amount,
  flag,
  interval,
  lifetime,
  limit,
  metadata,
  modelLists,
  name,
  names,
  optionalName,
  passThroughPaths,
  period,
  requiredParams,
  tokenLimit,
} from '../http/fields.schemas.js';
import {
  GOVERNED_FIELDS,
  INCREASE_FIELDS,
  requestsByName,
  toGovernedChange,
  USUAL_ANSWER_FIELDS,
} from '../http/governed.schemas.js';

/** Fields of the contract's keys that are not there yet: only their default may be sent. */
export const NOT_BUILT = [
  'agent_id',
  'tpd_limit',
  'mcp_rpm_limit',
  'guardrails',
  'policies',
  'prompts',
  'disable_global_guardrails',
  'config',
  'router_settings',
  'permissions',
  'allowed_cache_controls',
  'allowed_vector_store_indexes',
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
  ...USUAL_ANSWER_FIELDS,
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
  enforced_params: requiredParams,
  budget_fallbacks: modelLists,
  access_group_ids: names,
} as const;

/** For nouns that take a key's fields: what of them is not theirs. */
export const KEY_FIELDS_NOT_BUILT: readonly string[] = [
  ...NOT_BUILT,
  ...Object.keys(MORE_KEY_FIELDS).filter((field) => !Object.hasOwn(KEY_FIELDS, field)),
];

export const ALL_KEY_FIELDS = { ...KEY_FIELDS, ...MORE_KEY_FIELDS } as const;
export const keyFields = z.object(ALL_KEY_FIELDS);
export type KeyFields = Partial<z.output<typeof keyFields>>;

/** A key named raw (`sk-…`) or by its hash. */
export const keyName = name.min(1);

/**
 * The settings a body names. `real` spellings win over the short ones; `metadata.tags` is the older place of `tags`.
 * What is absent from the body is absent here.
 */
export function toKeyChange(body: KeyFields): KeyChange {
  const { tags: inMetadata, ...rest } = body.metadata ?? {};
  const oldTags = Array.isArray(inMetadata)
    ? inMetadata.filter((tag) => typeof tag === 'string' && tag !== '')
    : undefined;
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
    requiredParams: body.enforced_params,
    usualOutputTokens: body.default_estimated_output_tokens,
    modelUsualOutputTokens: body.default_estimated_output_tokens_per_model,
    budgetFallbacks: body.budget_fallbacks,
    accessGroupIds: body.access_group_ids,
  };
}
