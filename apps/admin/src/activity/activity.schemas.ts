import { z } from 'zod';
import { DAY_MS, dayOf } from '#libs/kernel';
import { assertForwards, DAY_RANGE, type Days } from '../http/days.schemas.js';
import { name } from '../http/fields.schemas.js';
import { LARGEST_REPORT, most, nameList, paging } from '../http/query.schemas.js';

/** Longer ranges are reports for another day. */
const MOST_DAYS = 400;

function assertRange(range: { start_date: Date; end_date: Date }, context: z.RefinementCtx): void {
  assertForwards(range, context);
  const days = (range.end_date.getTime() - range.start_date.getTime()) / DAY_MS;
  if (days > MOST_DAYS)
    context.addIssue({ code: 'custom', path: ['end_date'], message: `ask for at most ${MOST_DAYS} days` });
}

export const chartQuery = z.object(DAY_RANGE).superRefine(assertRange);
export type ChartQuery = z.output<typeof chartQuery>;

const activity = {
  ...DAY_RANGE,
  model: name.optional(),
  api_key: name.optional(),
  /** Minutes that the reader's clock is behind UTC, as browsers say it. Days are UTC's; the range grows to cover the reader's. */
  timezone: z.coerce.number().int().min(-900).max(900).optional(),
  /** Ours: keys in the breakdowns, those that spent most. */
  api_key_limit: most(10),
  /** Accepted: today is always there. */
  include_current_utc_day: z.string().max(8).optional(),
};

export const userActivityQuery = z
  .object({ ...activity, user_id: name.optional(), ...paging(50, LARGEST_REPORT) })
  .superRefine(assertRange);
export const teamActivityQuery = z
  .object({ ...activity, team_ids: nameList, exclude_team_ids: nameList, ...paging(10, LARGEST_REPORT) })
  .superRefine(assertRange);
export const organizationActivityQuery = z
  .object({ ...activity, organization_ids: nameList, ...paging(10, LARGEST_REPORT) })
  .superRefine(assertRange);
export const customerActivityQuery = z
  .object({ ...activity, end_user_ids: nameList, ...paging(10, LARGEST_REPORT) })
  .superRefine(assertRange);
export const tagActivityQuery = z
  .object({ ...activity, tags: nameList, ...paging(10, LARGEST_REPORT) })
  .superRefine(assertRange);

/** `GET /team/spend/by_user`. */
export const teamSpendQuery = z.object({ ...DAY_RANGE, team_ids: nameList }).superRefine(assertRange);

export type ActivityQuery = Pick<
  z.output<typeof userActivityQuery>,
  'start_date' | 'end_date' | 'model' | 'api_key' | 'page' | 'page_size' | 'timezone' | 'api_key_limit'
>;

/** The days of the range, `YYYY-MM-DD`, both included. */
export function daysOf({
  start_date,
  end_date,
  timezone = 0,
}: Pick<ActivityQuery, 'start_date' | 'end_date' | 'timezone'>): Days {
  const from = timezone < 0 ? start_date.getTime() - DAY_MS : start_date.getTime();
  const until = timezone > 0 ? end_date.getTime() + DAY_MS : end_date.getTime();
  return { from: dayOf(from), until: dayOf(until) };
}
