import { EVERYTHING, KeyActivity, ownView, type View, Views } from '#libs/budget';
import { GatewayError, type Principal } from '#libs/kernel';
import { Answers, Caller, Handles } from '#libs/rbac';
import { hashOfNamed, notYours } from '#libs/tenancy';
import { z } from 'zod';
import { ReadsApart } from '../apart/reads-apart.js';
import { assertForwards, DAY_RANGE, toDays } from '../http/days.schemas.js';
import { AdminController, AdminQuery } from '../http/decorators.js';
import { name } from '../http/fields.schemas.js';
import { SpendReport } from './spend-report.js';
import { keyReportShape, reportShape } from './spend-shapes.js';

const id = name.optional().transform((text) => text || undefined);
const globalQuery = z
  .object({
    ...DAY_RANGE,
    group_by: z
      .string()
      .refine(
        (text) => text === 'team' || text === 'customer' || text === 'api_key',
        'send team, customer or api_key',
      )
      .default('team'),
    api_key: id,
    internal_user_id: id,
    team_id: id,
    customer_id: id,
  })
  .superRefine(assertForwards);
const keyQuery = z.object({ ...DAY_RANGE, api_key: id }).superRefine(assertForwards);
const userQuery = z.object({ ...DAY_RANGE, internal_user_id: id }).superRefine(assertForwards);
const teamQuery = z.object({ ...DAY_RANGE, team_id: id }).superRefine(assertForwards);
const organizationQuery = z.object({ ...DAY_RANGE, organization_id: id }).superRefine(assertForwards);

/** Reports: of everything for administrators, of their own for everybody else. */
@AdminController()
@ReadsApart()
export class SpendReportController {
  constructor(
    private readonly report: SpendReport,
    private readonly views: Views,
    private readonly keys: KeyActivity,
  ) {}

  @Handles('GET /global/spend/report')
  @Answers('Reports spend day by day, by team or customer, or key by key', reportShape)
  async all(@AdminQuery(globalQuery) query: z.output<typeof globalQuery>): Promise<readonly object[]> {
    const days = toDays(query);
    const { api_key, internal_user_id, team_id, customer_id } = query;
    if (api_key !== undefined)
      return this.report.byKey(EVERYTHING, { key_id: [await this.keys.idNamed(api_key)] }, days);
    if (internal_user_id !== undefined)
      return this.report.byKey(EVERYTHING, { user_id: [internal_user_id] }, days);
    if (team_id !== undefined) return this.report.byKey(EVERYTHING, { team_id: [team_id] }, days);
    if (customer_id !== undefined) return this.report.byKey(EVERYTHING, { customer_id: [customer_id] }, days);
    if (query.group_by === 'api_key') return this.report.byKey(EVERYTHING, {}, days);
    return this.report.byDay(query.group_by === 'customer' ? 'customer' : 'team', days);
  }

  @Handles('GET /key/spend/report')
  @Answers('Reports the spend of a key', keyReportShape)
  async key(
    @Caller() caller: Principal,
    @AdminQuery(keyQuery) query: z.output<typeof keyQuery>,
  ): Promise<readonly object[]> {
    const view = ownView(caller);
    const asked = query.api_key === undefined ? undefined : hashOfNamed(query.api_key);
    if (!view.everything && asked !== undefined && asked !== caller.key?.hash)
      throw notYours('key', 'api_key');
    if (view.everything && asked === undefined) throw missing('api_key');
    const keyId = view.everything ? await this.keys.idNamed(asked ?? '') : (caller.key?.id ?? '');
    return this.report.byKey(view, { key_id: [keyId] }, toDays(query));
  }

  @Handles('GET /user/spend/report')
  @Answers('Reports the spend of a user, key by key', keyReportShape)
  async user(
    @Caller() caller: Principal,
    @AdminQuery(userQuery) query: z.output<typeof userQuery>,
  ): Promise<readonly object[]> {
    const view = ownView(caller);
    const asked = query.internal_user_id;
    if (!view.everything && asked !== undefined && asked !== view.userId)
      throw notYours('user', 'internal_user_id');
    const userId = asked ?? caller.user?.id;
    if (userId === undefined) throw missing('internal_user_id');
    return this.report.byKey(view, { user_id: [userId] }, toDays(query));
  }

  @Handles('GET /team/spend/report')
  @Answers('Reports the spend of a team, key by key', keyReportShape)
  async team(
    @Caller() caller: Principal,
    @AdminQuery(teamQuery) query: z.output<typeof teamQuery>,
  ): Promise<readonly object[]> {
    const view = await this.views.of(caller);
    const teamId = own(view, view.teamIds, query.team_id ?? caller.team?.id, 'team');
    return this.report.byKey(view, { team_id: [teamId] }, toDays(query));
  }

  @Handles('GET /organization/spend/report')
  @Answers('Reports the spend of an organization, key by key', keyReportShape)
  async organization(
    @Caller() caller: Principal,
    @AdminQuery(organizationQuery) query: z.output<typeof organizationQuery>,
  ): Promise<readonly object[]> {
    const view = await this.views.of(caller);
    const id = own(
      view,
      view.organizationIds,
      query.organization_id ?? caller.organizationId,
      'organization',
    );
    return this.report.byKey(view, { organization_id: [id] }, toDays(query));
  }
}

/** The team or organization asked for, if it is one that the caller administers. */
function own(view: View, theirs: readonly string[], asked: string | undefined, noun: string): string {
  if (asked === undefined) throw missing(`${noun}_id`);
  if (!view.everything && !theirs.includes(asked)) throw notYours(noun, `${noun}_id`);
  return asked;
}

function missing(param: string): GatewayError {
  return new GatewayError('request.bad_field', `'${param}': say whose report you want`, { param });
}
