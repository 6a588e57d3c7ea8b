import { HttpCode } from '@nestjs/common';
import { Answers, Handles } from '#libs/rbac';
import { z } from 'zod';
import { dayOf } from '#libs/kernel';
import { ReadsApart } from '../apart/reads-apart.js';
import { AdminBody, AdminController, AdminQuery } from '../http/decorators.js';
import { name } from '../http/fields.schemas.js';
import { assertForwards, calendarDay, DAY_RANGE, instant, toDays } from '../http/days.schemas.js';
import { most, nameList } from '../http/query.schemas.js';
import { GlobalSpend } from './global-spend.js';

const keyQuery = z.object({ api_key: name.optional() });
const topQuery = (usual: number) => z.object({ limit: most(usual) });
const rangeQuery = z.object(DAY_RANGE).superRefine(assertForwards);
const openDay = z
  .preprocess((value) => (value === '' ? undefined : value), z.string().optional())
  .pipe(z.undefined().or(calendarDay));
const tagsQuery = z
  .object({ start_date: openDay, end_date: openDay, tags: nameList })
  .superRefine(assertForwards);
const optionalInstant = (end: boolean) =>
  z.preprocess((value) => value || undefined, z.undefined().or(instant(end))).optional();
const endUsersBody = z.object({
  api_key: name.nullable().optional(),
  startTime: optionalInstant(false),
  endTime: optionalInstant(true),
});
import {
  daysOfSpendShape,
  providersShape,
  tagSumsShape,
  teamDaysShape,
  topCustomersShape,
  topKeysShape,
  topModelsShape,
} from './spend-shapes.js';

/** Overviews of the whole proxy. */
@AdminController()
@ReadsApart()
export class GlobalSpendController {
  constructor(private readonly spend: GlobalSpend) {}

  @Handles('GET /global/spend')
  @Answers(
    'Shows what the whole proxy has spent, and its budget',
    z.object({ spend: z.number(), max_budget: z.number() }),
  )
  total(): Promise<object> {
    return this.spend.total();
  }

  /** What was spent on each of the last thirty days, by everybody or with one key. */
  @Handles('GET /global/spend/logs')
  @Answers('Shows what was spent on each of the last thirty days', daysOfSpendShape)
  byDay(@AdminQuery(keyQuery) { api_key }: z.output<typeof keyQuery>): Promise<readonly object[]> {
    return this.spend.byDay(api_key || undefined);
  }

  @Handles('GET /global/spend/keys')
  @Answers('Lists the keys that spent most in thirty days', topKeysShape)
  keys(@AdminQuery(topQuery(5)) query: { limit: number }): Promise<readonly object[]> {
    return this.spend.keys(query.limit);
  }

  @Handles('GET /global/spend/models')
  @Answers('Lists the models that cost most in thirty days', topModelsShape)
  models(@AdminQuery(topQuery(10)) query: { limit: number }): Promise<readonly object[]> {
    return this.spend.models(query.limit);
  }

  @Handles('GET /global/spend/teams')
  @Answers('Shows the spend of teams, day by day and in all', teamDaysShape)
  teams(): Promise<object> {
    return this.spend.teams();
  }

  @Handles('POST /global/spend/end_users')
  @Answers('Lists the customers that cost most', topCustomersShape)
  @HttpCode(200)
  customers(
    @AdminBody({ schema: endUsersBody, optional: true }) body: z.output<typeof endUsersBody>,
  ): Promise<readonly object[]> {
    return this.spend.customers(body.api_key || undefined, {
      from: body.startTime && dayOf(body.startTime.getTime()),
      until: body.endTime && dayOf(body.endTime.getTime()),
    });
  }

  @Handles('GET /global/spend/provider')
  @Answers('Lists providers with what they cost', providersShape)
  providers(@AdminQuery(rangeQuery) query: z.output<typeof rangeQuery>): Promise<readonly object[]> {
    return this.spend.providers(toDays(query));
  }

  @Handles('GET /global/spend/tags')
  @Answers('Lists tags with what they cost', tagSumsShape)
  tags(@AdminQuery(tagsQuery) query: z.output<typeof tagsQuery>): Promise<object> {
    return this.spend.tags(toRange(query), query.tags);
  }

  @Handles('GET /global/spend/all_tag_names')
  @Answers('Lists the names of all tags that calls carried', z.object({ tag_names: z.array(z.string()) }))
  tagNames(): Promise<object> {
    return this.spend.tagNames();
  }

  @Handles('GET /global/all_end_users')
  @Answers(
    'Lists the names of customers that calls carried lately',
    z.object({ end_users: z.array(z.string()) }),
  )
  customerNames(): Promise<object> {
    return this.spend.customerNames();
  }

  /** There are no views to refresh: sums are kept with every call. */
  @Handles('GET /global/spend/refresh')
  @Answers('Says that sums are always fresh', z.object({ message: z.string(), status: z.string() }))
  refresh(): object {
    return { message: 'Sums are kept with every call; there is nothing to refresh.', status: 'success' };
  }
}

function toRange({ start_date, end_date }: { start_date?: Date | undefined; end_date?: Date | undefined }): {
  from?: string | undefined;
  until?: string | undefined;
} {
  return {
    from: start_date && dayOf(start_date.getTime()),
    until: end_date && dayOf(end_date.getTime()),
  };
}
