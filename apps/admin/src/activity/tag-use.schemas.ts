import { z } from 'zod';
import { name } from '../http/fields.schemas.js';
import { LARGEST_REPORT, paging } from '../http/query.schemas.js';
import { chartQuery } from './activity.schemas.js';

const MOST_TAGS = 200;

/** `tag_filters` once or several times: each is one tag, whatever it holds. */
const tags = {
  tag_filter: name.optional(),
  tag_filters: z
    .union([name.transform((one) => [one]), z.array(name).max(MOST_TAGS)])
    .transform((list) => list.filter((tag) => tag !== ''))
    .optional(),
};

export const activeUsersQuery = z.object(tags);
export type ActiveUsersQuery = z.output<typeof activeUsersQuery>;

export const tagSummaryQuery = chartQuery.safeExtend(tags);
export type TagSummaryQuery = z.output<typeof tagSummaryQuery>;

export const usersOfTagsQuery = z.object({
  ...tags,
  ...paging(50, LARGEST_REPORT),
});
export type UsersOfTagsQuery = z.output<typeof usersOfTagsQuery>;

/** Shapes of the answers, for the documents. */
export const DISTINCT_TAGS = z.object({ results: z.array(z.object({ tag: z.string() })) });
export const ACTIVE_USERS = z.object({
  results: z.array(
    z.object({
      tag: z.string(),
      active_users: z.int(),
      date: z.string(),
      period_start: z.string().nullable(),
      period_end: z.string().nullable(),
    }),
  ),
});
export const TAG_SUMMARY = z.object({
  results: z.array(
    z.object({
      tag: z.string(),
      unique_users: z.int(),
      total_requests: z.int(),
      successful_requests: z.int(),
      failed_requests: z.int(),
      total_tokens: z.int(),
      total_spend: z.number(),
    }),
  ),
});
export const USERS_OF_TAGS = z.object({
  results: z.array(
    z.object({
      user_id: z.string(),
      user_email: z.string().nullable(),
      user_agent: z.string().nullable(),
      successful_requests: z.int(),
      failed_requests: z.int(),
      total_requests: z.int(),
      total_tokens: z.int(),
      spend: z.number(),
    }),
  ),
  total_count: z.int(),
  page: z.int(),
  page_size: z.int(),
  total_pages: z.int(),
});
