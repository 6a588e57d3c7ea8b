import { LOG_ORDERS, type LogFilter, type LogPaging } from '#libs/budget';
import { hashOfNamed } from '#libs/tenancy';
import { z } from 'zod';
import { amount, name } from '../http/fields.schemas.js';
import { assertForwards, calendarDay, instant } from '../http/days.schemas.js';
import { LARGEST_REPORT, paging, sortOrder, yesNo } from '../http/query.schemas.js';

const optionalDay = calendarDay.or(z.literal('').transform(() => undefined)).optional();
export const spendQuery = z
  .object({
    api_key: name.optional(),
    user_id: name.optional(),
    request_id: name.optional(),
    start_date: z.preprocess((value) => value ?? '', optionalDay),
    end_date: z.preprocess((value) => value ?? '', optionalDay),
    summarize: yesNo(true),
  })
  .superRefine(assertForwards);
export type SpendQuery = z.output<typeof spendQuery>;

export function toSpendFilter(query: SpendQuery): LogFilter {
  return {
    keyHash: query.api_key ? hashOfNamed(query.api_key) : undefined,
    userId: query.user_id || undefined,
    requestId: query.request_id || undefined,
    from: query.start_date,
    until: query.end_date,
  };
}

/** `span_type` and grouping need what is not recorded; a filter that cannot be honoured must not look as if it were. */
const notThere = z
  .string()
  .refine((text) => text === '' || text === 'false', 'this filter is not there yet; leave it out')
  .optional();

export const logsQuery = z.object({
  start_date: z.string().max(40).optional(),
  end_date: z.string().max(40).optional(),
  api_key: name.optional(),
  user_id: name.optional(),
  request_id: name.optional(),
  session_id: name.optional(),
  team_id: name.optional(),
  end_user: name.optional(),
  key_alias: name.optional(),
  min_spend: amount,
  max_spend: amount,
  status_filter: z.enum(['success', 'failure', '']).optional(),
  cache_hit_filter: notThere,
  span_type: notThere,
  model: name.optional(),
  model_id: name.optional(),
  model_group: name.optional(),
  error_code: name.optional(),
  error_message: name.optional(),
  search: name.optional(),
  group_by_session: notThere,
  ...paging(50, LARGEST_REPORT),
  sort_by: z
    .string()
    .refine((text): text is (typeof LOG_ORDERS)[number] => LOG_ORDERS.some((each) => each === text), {
      error: `send one of: ${LOG_ORDERS.join(', ')}`,
    })
    .default('startTime'),
  sort_order: sortOrder('desc'),
  /** `next_cursor` of the page before: goes on from there, however deep. */
  cursor: z.string().max(600).optional(),
});
export type LogsQuery = z.output<typeof logsQuery>;

/** The range must be there, unless one request is named. */
export const logRange = z
  .object({ start_date: instant(false), end_date: instant(true) })
  .superRefine(assertForwards);
export type LogRange = z.output<typeof logRange>;

export function toLogFilter(query: LogsQuery, range: LogRange | undefined): LogFilter {
  return {
    keyHash: query.api_key ? hashOfNamed(query.api_key) : undefined,
    keyAlias: query.key_alias || undefined,
    userId: query.user_id || undefined,
    teamId: query.team_id || undefined,
    customerId: query.end_user || undefined,
    sessionId: query.session_id || undefined,
    requestId: query.request_id || undefined,
    from: range?.start_date,
    until: range?.end_date,
    minNanoUsd: query.min_spend ?? undefined,
    maxNanoUsd: query.max_spend ?? undefined,
    status: query.status_filter || undefined,
    model: query.model || undefined,
    deploymentId: query.model_id || undefined,
    modelGroup: query.model_group || undefined,
    errorCode: query.error_code || undefined,
    errorMessage: query.error_message || undefined,
    search: query.search || undefined,
  };
}

export function toLogPaging(query: LogsQuery): LogPaging {
  return {
    page: query.page,
    size: query.page_size,
    by: query.sort_by,
    direction: query.sort_order === 'asc' ? 'ASC' : 'DESC',
    after: query.cursor && query.sort_by === 'startTime' ? readCursor(query.cursor) : undefined,
  };
}

/** Where a page ended, for the next one. */
export function cursorAfter(last: { startedAt: Date; id: string } | undefined): string | null {
  return last === undefined
    ? null
    : Buffer.from(JSON.stringify([last.startedAt.getTime(), last.id])).toString('base64url');
}

const cursorContent = z.tuple([z.number(), z.string()]);

/** A cursor that nobody gave out is none. */
function readCursor(cursor: string): LogPaging['after'] {
  try {
    const [at, id] = cursorContent.parse(JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8')));
    return { startedAt: new Date(at), id };
  } catch {
    return undefined;
  }
}

export const sessionQuery = z.object({
  session_id: name.min(1),
  ...paging(50, LARGEST_REPORT),
});
export type SessionQuery = z.output<typeof sessionQuery>;
