import { z } from 'zod';
import { amount, dollars, interval, isEmpty, name } from '../http/fields.schemas.js';
import { FOLDED_OF_KEYS } from '../http/folded.js';
import { isWholeIncrease, WHOLE_INCREASE } from '../http/governed.schemas.js';
import type { BodyDefinition } from '../http/request-body.js';
import { ALL_KEY_FIELDS, NOT_BUILT, keyName } from './key-fields.schemas.js';

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

/** What a key has spent when it comes from elsewhere; an answer repeats it. */
const spend = amount;

export const generateBody = {
  schema: z.object({ ...ALL_KEY_FIELDS, key: rawKey, spend }).refine(isWholeIncrease, WHOLE_INCREASE),
  notBuilt: NOT_BUILT,
  folded: FOLDED_OF_KEYS,
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
  folded: FOLDED_OF_KEYS,
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
  folded: FOLDED_OF_KEYS,
  optional: true,
} satisfies BodyDefinition;
export type RegenerateBody = z.output<typeof regenerateBody.schema>;

export const resetSpendBody = {
  schema: z.object({
    reset_to: z
      .number()
      .transform((sent): unknown => sent)
      .pipe(dollars),
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
