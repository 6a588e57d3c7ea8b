import { z } from 'zod';
import { name, storable } from '../http/fields.schemas.js';
import { GOVERNED_FIELDS } from '../http/governed.schemas.js';
import type { BodyDefinition } from '../http/request-body.js';

/** Longer than a name: a sentence. */
const description = storable(2_000).nullable().optional();

export const tagBody = {
  schema: z.object({ ...GOVERNED_FIELDS, name: name.min(1), description }),
  notBuilt: ['models', 'model_info', 'tpd_limit'],
} satisfies BodyDefinition;
export type TagBody = z.output<typeof tagBody.schema>;

export const tagNameBody = { schema: z.object({ name: name.min(1) }) } satisfies BodyDefinition;
export type TagNameBody = z.output<typeof tagNameBody.schema>;

export const tagNamesBody = {
  schema: z.object({ names: z.array(name.min(1)).max(1_000) }),
} satisfies BodyDefinition;
export type TagNamesBody = z.output<typeof tagNamesBody.schema>;
