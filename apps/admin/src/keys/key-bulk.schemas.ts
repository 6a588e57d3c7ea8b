import { z } from 'zod';
import { amount, flag, name, names, optionalName } from '../http/fields.schemas.js';
import { isWholeIncrease, WHOLE_INCREASE } from '../http/governed.schemas.js';
import type { BodyDefinition } from '../http/request-body.js';
import { keyFields, keyName } from './key-fields.schemas.js';

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
