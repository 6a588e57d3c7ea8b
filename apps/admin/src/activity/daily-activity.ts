import { Injectable } from '@nestjs/common';
import {
  ACTIVITY_NOUNS,
  type ActivityNoun,
  type DailyFilter,
  DailySums,
  EntityActivity,
  KeyActivity,
} from '#libs/budget';
import { pagesOf } from '../http/wire.js';
import { toActivity } from './activity-answers.js';
import { type ActivityQuery, daysOf } from './activity.schemas.js';

/** Names in one breakdown: more than anybody reads, few enough that no answer grows with their number. */
const MOST_ENTITIES = 100;
/** Where nobody is named. */
const MOST_OF_ALL = 25;

export interface ActivityAsked {
  readonly noun: ActivityNoun;
  readonly view: DailyFilter['view'];
  /** Absent: all that are in view. */
  readonly ids?: readonly string[] | undefined;
  readonly exceptTeams?: readonly string[] | undefined;
}

/** The daily activity of users, teams, organizations, customers and tags: one shape for all of them. */
@Injectable()
export class DailyActivityReport {
  constructor(
    private readonly sums: DailySums,
    private readonly entities: EntityActivity,
    private readonly keys: KeyActivity,
  ) {}

  /** `whole`: all days in one answer; else pages of days, so that a day is never cut in two. */
  async read(asked: ActivityAsked, query: ActivityQuery, whole: boolean): Promise<object> {
    const { column, coarse, fine } = ACTIVITY_NOUNS[asked.noun];
    const keyId = query.api_key ? await this.keys.idNamed(query.api_key) : undefined;
    const only = { [column]: asked.ids, ...(keyId === undefined ? {} : { key_id: [keyId] }) };
    const filter: DailyFilter = {
      view: asked.view,
      model: query.model || undefined,
      only,
      exceptTeams: asked.exceptTeams,
      ...daysOf(query),
    };
    const needsNames = asked.ids !== undefined && (asked.noun === 'customer' || asked.noun === 'user');
    // One tag has rows of its own; calls with any of several must not be counted for each.
    const oneTag = asked.noun === 'tag' && asked.ids?.length === 1;
    const severalTags = asked.noun === 'tag' && asked.ids !== undefined && !oneTag;
    const models = await this.sums.sum({
      ...filter,
      by: ['day', 'model_group', 'model', 'provider', 'endpoint'],
      ...(needsNames || severalTags ? {} : { coarse: oneTag ? 'tagged' : coarse }),
      fine,
    });
    const days = [...new Set(models.map(({ day }) => day ?? ''))].toSorted().reverse();
    const pages = whole ? 1 : pagesOf(days.length, query.page_size);
    const shown = whole ? days : days.slice((query.page - 1) * query.page_size, query.page * query.page_size);
    const inDays = { ...filter, from: undefined, until: undefined, days: shown };
    const everybody = asked.view.everything && asked.ids === undefined && keyId === undefined;
    const [entities, keys] =
      shown.length === 0
        ? [[], []]
        : await Promise.all([
            this.entities.days(asked.noun, inDays, everybody ? MOST_OF_ALL : MOST_ENTITIES, everybody),
            this.keys.days(
              inDays,
              fine,
              column === 'tag' ? 'user_id' : column,
              query.api_key_limit,
              everybody,
            ),
          ]);
    const labels = new Map(entities.map(({ entity, label }) => [entity ?? '', labelled(asked.noun, label)]));
    const inPage = new Set(shown);
    const { results, totals } = toActivity(
      models.filter(({ day }) => inPage.has(day ?? '')),
      entities,
      keys,
      labels,
    );
    return {
      results,
      metadata: {
        ...totals,
        page: whole ? 1 : query.page,
        total_pages: pages,
        has_more: !whole && query.page < pages,
        api_key_limit: query.api_key_limit,
      },
    };
  }
}

function labelled(noun: ActivityNoun, label: string | null): object {
  if (label === null) return {};
  return noun === 'user' ? { user_email: label } : { [`${noun}_alias`]: label };
}
