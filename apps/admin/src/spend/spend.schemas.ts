import { hashOfNamed } from '#libs/tenancy';
import { z } from 'zod';
import { name } from '../http/fields.schemas.js';
import type { SpendFilter } from './spend-log.js';

/** A day of the calendar, UTC. */
const day = z
  .string()
  .transform((text, context): Date => {
    const match = /^(\d{4}-\d{2}-\d{2})(?:[ T]00:00:00Z?)?$/.exec(text);
    const date = new Date(`${match?.[1]}T00:00:00Z`);
    // The calendar rolls 31 February over to March; a date that changes when written again was none.
    if (match !== null && !Number.isNaN(date.getTime()) && date.toISOString().startsWith(match[1] ?? ' '))
      return date;
    context.addIssue({ code: 'custom', message: 'send a date as YYYY-MM-DD' });
    return z.NEVER;
  })
  .optional();

export const spendQuery = z.object({
  api_key: name.optional(),
  user_id: name.optional(),
  request_id: name.optional(),
  start_date: day,
  end_date: day,
  summarize: z
    .enum(['true', 'false', 'True', 'False', '1', '0'])
    .default('true')
    .transform((text) => text !== 'false' && text !== 'False' && text !== '0'),
});
export type SpendQuery = z.output<typeof spendQuery>;

export function toSpendFilter(query: SpendQuery): SpendFilter {
  return {
    keyHash: query.api_key ? hashOfNamed(query.api_key) : undefined,
    userId: query.user_id || undefined,
    requestId: query.request_id || undefined,
    from: query.start_date,
    until: query.end_date,
  };
}
