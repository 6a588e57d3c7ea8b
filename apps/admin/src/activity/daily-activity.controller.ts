import type { Principal } from '#libs/kernel';
import { Answers, Caller, Handles } from '#libs/rbac';
import type { z } from 'zod';
import { ReadsApart } from '../apart/reads-apart.js';
import { AdminController, AdminQuery } from '../http/decorators.js';
import { ActivityScopes } from './activity-scopes.js';
import {
  customerActivityQuery,
  organizationActivityQuery,
  tagActivityQuery,
  teamActivityQuery,
  userActivityQuery,
} from './activity.schemas.js';
import { DailyActivityReport } from './daily-activity.js';
import { activityShape } from '../spend/spend-shapes.js';

/** What users, teams, organizations, customers and tags did, day by day; `aggregated` is the whole range in one answer. */
@AdminController()
@ReadsApart()
export class DailyActivityController {
  constructor(
    private readonly scopes: ActivityScopes,
    private readonly report: DailyActivityReport,
  ) {}

  @Handles('GET /user/daily/activity')
  @Answers('Shows the activity of users day by day, page by page', activityShape)
  async user(@Caller() caller: Principal, @AdminQuery(userActivityQuery) query: UserQuery): Promise<object> {
    return this.report.read(this.scopes.user(caller, query.user_id || undefined), query, false);
  }

  @Handles('GET /user/daily/activity/aggregated')
  @Answers('Shows the activity of users day by day, in one piece', activityShape)
  async wholeUser(
    @Caller() caller: Principal,
    @AdminQuery(userActivityQuery) query: UserQuery,
  ): Promise<object> {
    return this.report.read(this.scopes.user(caller, query.user_id || undefined), query, true);
  }

  @Handles('GET /team/daily/activity')
  @Answers('Shows the activity of teams day by day, page by page', activityShape)
  async team(@Caller() caller: Principal, @AdminQuery(teamActivityQuery) query: TeamQuery): Promise<object> {
    return this.report.read(
      await this.scopes.team(caller, query.team_ids, query.exclude_team_ids),
      query,
      false,
    );
  }

  @Handles('GET /team/daily/activity/aggregated')
  @Answers('Shows the activity of teams day by day, in one piece', activityShape)
  async wholeTeam(
    @Caller() caller: Principal,
    @AdminQuery(teamActivityQuery) query: TeamQuery,
  ): Promise<object> {
    return this.report.read(
      await this.scopes.team(caller, query.team_ids, query.exclude_team_ids),
      query,
      true,
    );
  }

  @Handles('GET /organization/daily/activity')
  @Answers('Shows the activity of organizations day by day, page by page', activityShape)
  async organization(
    @Caller() caller: Principal,
    @AdminQuery(organizationActivityQuery) query: OrganizationQuery,
  ): Promise<object> {
    return this.report.read(await this.scopes.organization(caller, query.organization_ids), query, false);
  }

  @Handles('GET /organization/daily/activity/aggregated')
  @Answers('Shows the activity of organizations day by day, in one piece', activityShape)
  async wholeOrganization(
    @Caller() caller: Principal,
    @AdminQuery(organizationActivityQuery) query: OrganizationQuery,
  ): Promise<object> {
    return this.report.read(await this.scopes.organization(caller, query.organization_ids), query, true);
  }

  @Handles('GET /customer/daily/activity', 'GET /end_user/daily/activity')
  @Answers('Shows the activity of customers day by day, page by page', activityShape)
  async customer(@AdminQuery(customerActivityQuery) query: CustomerQuery): Promise<object> {
    return this.report.read(this.scopes.customer(query.end_user_ids), query, false);
  }

  @Handles('GET /customer/daily/activity/aggregated', 'GET /end_user/daily/activity/aggregated')
  @Answers('Shows the activity of customers day by day, in one piece', activityShape)
  async wholeCustomer(@AdminQuery(customerActivityQuery) query: CustomerQuery): Promise<object> {
    return this.report.read(this.scopes.customer(query.end_user_ids), query, true);
  }

  @Handles('GET /tag/daily/activity')
  @Answers('Shows the activity of tags day by day, page by page', activityShape)
  async tag(@Caller() caller: Principal, @AdminQuery(tagActivityQuery) query: TagQuery): Promise<object> {
    return this.report.read(await this.scopes.tag(caller, query.tags), query, false);
  }

  @Handles('GET /tag/daily/activity/aggregated')
  @Answers('Shows the activity of tags day by day, in one piece', activityShape)
  async wholeTag(
    @Caller() caller: Principal,
    @AdminQuery(tagActivityQuery) query: TagQuery,
  ): Promise<object> {
    return this.report.read(await this.scopes.tag(caller, query.tags), query, true);
  }
}

type UserQuery = z.output<typeof userActivityQuery>;
type TeamQuery = z.output<typeof teamActivityQuery>;
type OrganizationQuery = z.output<typeof organizationActivityQuery>;
type CustomerQuery = z.output<typeof customerActivityQuery>;
type TagQuery = z.output<typeof tagActivityQuery>;
