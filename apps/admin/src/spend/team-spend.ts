import { Injectable } from '@nestjs/common';
import { type DailyRow, DailySums } from '#libs/budget';
import { readAs } from '#libs/database';
import { type Principal, usdNumber } from '#libs/kernel';
import { DataSource } from 'typeorm';
import type { ActivityAsked } from '../activity/daily-activity.js';
import type { Days } from '../http/days.schemas.js';

/** People in one answer: more than anybody reads. */
const MOST_ROWS = 1_000;
/** Where no team is named. A team's people are summed from its keys' days, so every team costs reading. */
const MOST_TEAMS = 10;

interface Named {
  readonly kind: 'team' | 'user';
  readonly id: string;
  readonly alias: string | null;
  readonly email: string | null;
}

/** What the people of teams spent, the largest spend first. */
@Injectable()
export class TeamSpend {
  constructor(
    private readonly sums: DailySums,
    private readonly database: DataSource,
  ) {}

  /** Of the teams asked for; where none is named, of those in view that spent most in the range. Calls of nobody have no user. */
  async byUser(caller: Principal, { view, ids }: ActivityAsked, range: Days): Promise<object[]> {
    const teamIds = ids ?? (await this.#largest({ view, ...range }));
    if (teamIds.length === 0) return [];
    const rows = await this.sums.sum({
      view,
      ...range,
      only: { team_id: teamIds },
      by: ['team_id', 'user_id'],
      top: MOST_ROWS,
    });
    const named = await this.#names(caller, rows);
    return rows.map((row) => {
      const user = named.get(`user:${row.user_id}`);
      return {
        team_id: row.team_id,
        team_alias: named.get(`team:${row.team_id}`)?.alias ?? null,
        user_id: row.user_id,
        user_email: user?.email ?? null,
        user_alias: user?.alias ?? null,
        spend: usdNumber(row.spendNanoUsd),
        prompt_tokens: row.inputTokens,
        completion_tokens: row.outputTokens,
        total_tokens: row.inputTokens + row.outputTokens,
        api_requests: row.requests,
        successful_requests: row.successes,
        failed_requests: row.requests - row.successes,
      };
    });
  }

  async #largest(filter: Pick<ActivityAsked, 'view'> & Days): Promise<string[]> {
    const rows = await this.sums.sum({ ...filter, by: ['team_id'], coarse: 'team_days', top: MOST_TEAMS });
    return rows.map(({ team_id: id }) => id).filter((id) => id !== null);
  }

  /** As far as the caller may see them. */
  async #names(
    caller: Principal,
    rows: readonly DailyRow<'team_id' | 'user_id'>[],
  ): Promise<ReadonlyMap<string, Named>> {
    const named = await readAs(this.database, caller, (manager): Promise<Named[]> =>
      manager.query(
        `SELECT 'team' AS kind, id, alias, NULL AS email FROM teams WHERE id = ANY($1)
           UNION ALL SELECT 'user', id, alias, email FROM users WHERE id = ANY($2)`,
        [rows.map(({ team_id: id }) => id), rows.map(({ user_id: id }) => id)],
      ),
    );
    return new Map(named.map((one) => [`${one.kind}:${one.id}`, one]));
  }
}
