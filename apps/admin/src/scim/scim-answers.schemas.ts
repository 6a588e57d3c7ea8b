import { z } from 'zod';
import { MOST_RESULTS } from './scim-words.js';

/** Shapes of the standard, as loose as they are sent (`attributes` may leave nothing but the id): for the documents. */
export const SCIM_USER = z
  .looseObject({ id: z.string(), userName: z.string().optional(), active: z.boolean().optional() })
  .meta({ id: 'ScimUser' });
export const SCIM_GROUP = z
  .looseObject({ id: z.string(), displayName: z.string().optional() })
  .meta({ id: 'ScimGroup' });
export const SCIM_DOCUMENT = z.looseObject({ schemas: z.array(z.string()) });
export const scimList = (row: z.ZodType) =>
  z.looseObject({
    totalResults: z.int(),
    startIndex: z.int(),
    itemsPerPage: z.int(),
    Resources: z.array(row),
  });

export const SENT_USER = z.looseObject({
  schemas: z.array(z.string()).optional(),
  userName: z.string(),
  externalId: z.string().optional(),
  active: z.boolean().optional(),
});
export const SENT_GROUP = z.looseObject({
  schemas: z.array(z.string()).optional(),
  displayName: z.string(),
  members: z.array(z.looseObject({ value: z.string() })).optional(),
});
export const SENT_PATCH = z.looseObject({
  schemas: z.array(z.string()),
  Operations: z.array(z.looseObject({ op: z.string(), path: z.string().optional() })),
});
export const LIST_QUERY = z.looseObject({
  filter: z.string().optional(),
  startIndex: z.string().optional(),
  count: z.string().optional().describe(`At most ${MOST_RESULTS}`),
  attributes: z.string().optional(),
  excludedAttributes: z.string().optional(),
});
