import { Inject, Injectable } from '@nestjs/common';
import { SpendLedger } from '../ledger/spend-ledger.js';
import { narrowDaily, type Sums, SUMS, sumsOf, type StoredSums } from './daily-sums.js';
import { Reading } from './reading.js';
import type { View } from './view.js';
import { Where } from './where.js';

/** Which tags, on which days, in whose view. */
export interface TagUseFilter {
  readonly view: View;
  /** `YYYY-MM-DD`, both included. */
  readonly from: string;
  readonly until: string;
  /** These alone. */
  readonly tags?: readonly string[] | undefined;
  /** Tags with this in their name, whatever the case. Read where `tags` is absent. */
  readonly part?: string | undefined;
}

export interface ActiveUsers {
  readonly tag: string;
  readonly users: number;
  /** How many periods lie between this one and the last. */
  readonly periodsBack: number;
}

export interface TagSummary extends Sums {
  readonly tag: string;
  /** People, not keys: calls that nobody made count for nobody. */
  readonly users: number;
}

export interface UserOfTags extends Sums {
  readonly userId: string;
  readonly email: string | null;
  /** One of the tags that were asked for. */
  readonly tag: string;
}

/** Who used which tags, from the daily rows of single keys with tags. Each question is one statement. */
@Injectable()
export class TagUse {
  constructor(
    private readonly reading: Reading,
    @Inject(SpendLedger) private readonly ledger: Pick<SpendLedger, 'flush'>,
  ) {}

  /** People by tag and period of so many days, the last of which ends with the range; the most people first. */
  async activeUsers(filter: TagUseFilter, periodDays: number, most: number): Promise<ActiveUsers[]> {
    const where = this.#where(filter);
    where.and('user_id IS NOT NULL');
    const back = `(${where.parameter(filter.until)}::date - day) / ${where.parameter(periodDays)}::int`;
    const rows = await this.#read<{ tag: string; users: string; back: number }>(
      filter,
      // Told apart by hash and then counted: `count(DISTINCT)` sorts every row, which takes five times as long.
      `WITH people AS (
         SELECT DISTINCT tag, ${back} AS back, user_id FROM daily_activity, unnest(tags) AS tag
         WHERE ${where.sql} AND ${isWanted(where, filter)}
       ) SELECT tag, back, count(*) AS users FROM people GROUP BY 1, 2 ORDER BY users DESC, 1 LIMIT ${where.parameter(most)}`,
      where,
    );
    return rows.map(({ tag, users, back: periodsBack }) => ({ tag, users: Number(users), periodsBack }));
  }

  /** The tags of the range, the most calls first. A call with two tags is in both. */
  async summary(filter: TagUseFilter, most: number): Promise<TagSummary[]> {
    const where = this.#where(filter);
    const rows = await this.#read<StoredSums & { tag: string; users: string }>(
      filter,
      `WITH people AS (
         SELECT tag, user_id, ${SUMS} FROM daily_activity, unnest(tags) AS tag
         WHERE ${where.sql} AND ${isWanted(where, filter)} GROUP BY 1, 2
       ) SELECT tag, count(user_id) AS users, ${SUMS} FROM people GROUP BY 1 ORDER BY sum(requests) DESC, 1 LIMIT ${where.parameter(most)}`,
      where,
    );
    return rows.map((row) => ({ ...sumsOf(row), tag: row.tag, users: Number(row.users) }));
  }

  /** A page of the people who used the tags, the most successful calls first, and how many there are. A call counts once, whatever its tags. */
  async people(
    filter: TagUseFilter,
    { page, size }: { readonly page: number; readonly size: number },
  ): Promise<{ readonly total: number; readonly people: readonly UserOfTags[] }> {
    const where = this.#where(filter);
    where.and('user_id IS NOT NULL');
    const rows = await this.#read<
      StoredSums & { total: string; user_id: string | null; email: string | null; tag: string }
    >(
      filter,
      `WITH people AS MATERIALIZED (
         SELECT user_id, min(named.tag) AS tag, ${SUMS} FROM daily_activity,
           LATERAL (SELECT min(tag) AS tag FROM unnest(tags) AS tag WHERE ${isWanted(where, filter)}) AS named
         WHERE ${where.sql} AND named.tag IS NOT NULL GROUP BY user_id
       ), page AS (
         SELECT * FROM people ORDER BY successes DESC, user_id LIMIT ${where.parameter(size)} OFFSET ${where.parameter((page - 1) * size)}
       )
       SELECT counted.total, page.*, u.email FROM (SELECT count(*) AS total FROM people) AS counted
       LEFT JOIN page ON true LEFT JOIN users u ON u.id = page.user_id ORDER BY page.successes DESC, page.user_id`,
      where,
    );
    const people = rows.flatMap((row): UserOfTags[] =>
      row.user_id === null ? [] : [{ ...sumsOf(row), userId: row.user_id, email: row.email, tag: row.tag }],
    );
    return { total: Number(rows[0]?.total ?? 0), people };
  }

  #where({ view, from, until, tags }: TagUseFilter): Where {
    const where = new Where();
    narrowDaily(where, { view, from, until, only: { tag: tags } }, 'tags');
    return where;
  }

  async #read<Row>({ view }: TagUseFilter, sql: string, where: Where): Promise<Row[]> {
    await this.ledger.flush();
    return this.reading.query<Row>(view, sql, where.parameters);
  }
}

/** The condition on a single `tag`. */
function isWanted(where: Where, { tags, part }: TagUseFilter): string {
  if (tags !== undefined) return `tag = ANY(${where.parameter(tags)}::text[])`;
  if (part === undefined) return 'true';
  return `strpos(lower(tag), lower(${where.parameter(part)}::text)) > 0`;
}
