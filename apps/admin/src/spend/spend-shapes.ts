import { z } from 'zod';

/** Shapes of answers for the documents: as loose as the answers are. */
export const rowsShape = z.array(z.looseObject({}));
export const logPageShape = z.object({
  data: rowsShape,
  total: z.number(),
  page: z.number(),
  page_size: z.number(),
  total_pages: z.number(),
  total_is_capped: z.boolean().optional(),
  next_cursor: z.string().nullable().optional(),
});
export const activityShape = z.object({
  results: z.array(
    z.looseObject({ date: z.string(), metrics: z.looseObject({}), breakdown: z.looseObject({}) }),
  ),
  metadata: z.looseObject({ total_spend: z.number(), page: z.number(), has_more: z.boolean() }),
});
export const anyObject = z.looseObject({});
