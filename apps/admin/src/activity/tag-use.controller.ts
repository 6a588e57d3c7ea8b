import { DailySums, type Sums, TagUse, Views } from '#libs/budget';
import { Clock, DAY_MS, dayOf, type Principal, usdNumber } from '#libs/kernel';
import { Answers, Caller, Handles } from '#libs/rbac';
import { ReadsApart } from '../apart/reads-apart.js';
import { type Days, toDays } from '../http/days.schemas.js';
import { AdminController, AdminQuery } from '../http/decorators.js';
import { pagesOf } from '../http/wire.js';
import { monthAndDay, monthOf } from './months.js';
import {
  ACTIVE_USERS,
  activeUsersQuery,
  type ActiveUsersQuery,
  DISTINCT_TAGS,
  TAG_SUMMARY,
  tagSummaryQuery,
  type TagSummaryQuery,
  USERS_OF_TAGS,
  usersOfTagsQuery,
  type UsersOfTagsQuery,
} from './tag-use.schemas.js';

/** Charts have so many days, weeks or months. */
const PERIODS = 7;
/** Tags in a list; in a chart, lines of a tag and a period. */
const MOST_TAGS = 250;
const MOST_LINES = MOST_TAGS * PERIODS;

/** Who uses which tags: what LiteLLM's dashboard shows of coding tools and their people. Everybody sees the tags of calls in view. */
@AdminController()
@ReadsApart()
export class TagUseController {
  constructor(
    private readonly views: Views,
    private readonly sums: DailySums,
    private readonly use: TagUse,
    private readonly clock: Clock,
  ) {}

  @Handles('GET /tag/distinct')
  @Answers('Lists the tags that calls carried, the most used first', DISTINCT_TAGS)
  async distinct(@Caller() caller: Principal): Promise<object> {
    const view = await this.views.of(caller);
    const rows = await this.sums.sum({ view, by: ['tag'], coarse: 'tagged', fine: 'tags', top: MOST_TAGS });
    const mostUsed = rows.toSorted((one, other) => other.requests - one.requests);
    return { results: mostUsed.map(({ tag }) => ({ tag })) };
  }

  @Handles('GET /tag/dau')
  @Answers('Counts the people who used a tag on each of the last seven days', ACTIVE_USERS)
  daily(@Caller() caller: Principal, @AdminQuery(activeUsersQuery) query: ActiveUsersQuery): Promise<object> {
    return this.#active(caller, query, 1, (start) => start);
  }

  @Handles('GET /tag/wau')
  @Answers(
    'Counts the people who used a tag in each of the last seven weeks, the first week first',
    ACTIVE_USERS,
  )
  weekly(
    @Caller() caller: Principal,
    @AdminQuery(activeUsersQuery) query: ActiveUsersQuery,
  ): Promise<object> {
    return this.#active(caller, query, 7, (start, number) => `Week ${number} (${monthAndDay(start)})`);
  }

  @Handles('GET /tag/mau')
  @Answers(
    'Counts the people who used a tag in each of the last seven times thirty days, the first first',
    ACTIVE_USERS,
  )
  monthly(
    @Caller() caller: Principal,
    @AdminQuery(activeUsersQuery) query: ActiveUsersQuery,
  ): Promise<object> {
    return this.#active(caller, query, 30, (start, number) => `Month ${number} (${monthOf(start)})`);
  }

  @Handles('GET /tag/summary')
  @Answers('Sums up each tag: its people, calls, tokens and spend', TAG_SUMMARY)
  async summary(
    @Caller() caller: Principal,
    @AdminQuery(tagSummaryQuery) query: TagSummaryQuery,
  ): Promise<object> {
    const rows = await this.use.summary(
      { ...wantedIn(query), ...toDays(query), view: await this.views.of(caller) },
      MOST_TAGS,
    );
    return {
      results: rows.map((row) => {
        const { spend: total_spend, ...calls } = toCalls(row);
        return { tag: row.tag, unique_users: row.users, ...calls, total_spend };
      }),
    };
  }

  /** The last thirty days. */
  @Handles('GET /tag/user-agent/per-user-analytics')
  @Answers('Lists the people who used tags in thirty days, page by page', USERS_OF_TAGS)
  async people(
    @Caller() caller: Principal,
    @AdminQuery(usersOfTagsQuery) query: UsersOfTagsQuery,
  ): Promise<object> {
    const filter = { ...wantedIn(query), ...this.#lastDays(30), view: await this.views.of(caller) };
    const { page, page_size: size } = query;
    const { total, people } = await this.use.people(filter, { page, size });
    return {
      results: people.map((row) => ({
        user_id: row.userId,
        user_email: row.email,
        user_agent: row.tag,
        ...toCalls(row),
      })),
      total_count: total,
      page,
      page_size: size,
      total_pages: pagesOf(total, size),
    };
  }

  async #active(
    caller: Principal,
    query: ActiveUsersQuery,
    days: number,
    nameOf: (start: string, number: number) => string,
  ): Promise<object> {
    const range = this.#lastDays(days * PERIODS);
    const filter = { ...wantedIn(query), ...range, view: await this.views.of(caller) };
    const rows = await this.use.activeUsers(filter, days, MOST_LINES);
    const isDay = days === 1;
    // As the charts draw them: days from the last, weeks and months from the first.
    const order = isDay ? 1 : -1;
    const ordered = rows.toSorted((one, other) => order * (one.periodsBack - other.periodsBack));
    return {
      results: ordered.map(({ tag, users, periodsBack }) => {
        const end = dayBefore(range.until, periodsBack * days);
        const start = dayBefore(end, days - 1);
        return {
          tag,
          active_users: users,
          date: nameOf(start, PERIODS - periodsBack),
          period_start: isDay ? null : start,
          period_end: isDay ? null : end,
        };
      }),
    };
  }

  /** So many days, UTC's, the last of which is today. */
  #lastDays(days: number): Days {
    const until = dayOf(this.clock.nowMs());
    return { from: dayBefore(until, days - 1), until };
  }
}

function wantedIn({ tag_filter, tag_filters }: ActiveUsersQuery): {
  readonly tags?: readonly string[];
  readonly part?: string;
} {
  if (tag_filters !== undefined && tag_filters.length > 0) return { tags: tag_filters };
  return tag_filter === undefined || tag_filter === '' ? {} : { part: tag_filter };
}

function toCalls(row: Sums): Readonly<Record<string, number>> {
  return {
    total_requests: row.requests,
    successful_requests: row.successes,
    failed_requests: row.requests - row.successes,
    total_tokens: row.inputTokens + row.outputTokens,
    spend: usdNumber(row.spendNanoUsd),
  };
}

function dayBefore(day: string, days: number): string {
  return dayOf(Date.parse(`${day}T00:00:00Z`) - days * DAY_MS);
}
