import { isStorableText } from '#libs/kernel';
import { z } from 'zod';
import { name, optionalName } from '../http/fields.schemas.js';
import { GOVERNED_FIELDS } from '../http/governed.schemas.js';
import type { BodyDefinition } from '../http/request-body.js';

/** Longer than a name: a sentence. */
const description = z
  .string()
  .max(2_000)
  .refine(isStorableText, 'text may not contain NUL or broken Unicode')
  .nullable()
  .optional();

export const tagBody = {
  schema: z.object({ ...GOVERNED_FIELDS, budget_id: optionalName, name: name.min(1), description }),
  notBuilt: ['models', 'model_info', 'tpd_limit'],
} satisfies BodyDefinition;
export type TagBody = z.output<typeof tagBody.schema>;

export const tagNameBody = { schema: z.object({ name: name.min(1) }) } satisfies BodyDefinition;
export type TagNameBody = z.output<typeof tagNameBody.schema>;

export const tagNamesBody = {
  schema: z.object({ names: z.array(name.min(1)).max(1_000) }),
} satisfies BodyDefinition;
export type TagNamesBody = z.output<typeof tagNamesBody.schema>;
