import type { Principal } from '#libs/kernel';
import { Caller, Handles } from '#libs/rbac';
import type { z } from 'zod';
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

/** What users, teams, organizations, customers and tags did, day by day; `aggregated` is the whole range in one answer. */
@AdminController()
export class DailyActivityController {
  constructor(
    private readonly scopes: ActivityScopes,
    private readonly report: DailyActivityReport,
  ) {}

  @Handles('GET /user/daily/activity')
  async user(@Caller() caller: Principal, @AdminQuery(userActivityQuery) query: UserQuery): Promise<object> {
    return this.report.read(this.scopes.user(caller, query.user_id || undefined), query, false);
  }

  @Handles('GET /user/daily/activity/aggregated')
  async wholeUser(
    @Caller() caller: Principal,
    @AdminQuery(userActivityQuery) query: UserQuery,
  ): Promise<object> {
    return this.report.read(this.scopes.user(caller, query.user_id || undefined), query, true);
  }

  @Handles('GET /team/daily/activity')
  async team(@Caller() caller: Principal, @AdminQuery(teamActivityQuery) query: TeamQuery): Promise<object> {
    return this.report.read(
      await this.scopes.team(caller, query.team_ids, query.exclude_team_ids),
      query,
      false,
    );
  }

  @Handles('GET /team/daily/activity/aggregated')
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
  async organization(
    @Caller() caller: Principal,
    @AdminQuery(organizationActivityQuery) query: OrganizationQuery,
  ): Promise<object> {
    return this.report.read(await this.scopes.organization(caller, query.organization_ids), query, false);
  }

  @Handles('GET /organization/daily/activity/aggregated')
  async wholeOrganization(
    @Caller() caller: Principal,
    @AdminQuery(organizationActivityQuery) query: OrganizationQuery,
  ): Promise<object> {
    return this.report.read(await this.scopes.organization(caller, query.organization_ids), query, true);
  }

  @Handles('GET /customer/daily/activity')
  async customer(@AdminQuery(customerActivityQuery) query: CustomerQuery): Promise<object> {
    return this.report.read(this.scopes.customer(query.end_user_ids), query, false);
  }

  @Handles('GET /customer/daily/activity/aggregated')
  async wholeCustomer(@AdminQuery(customerActivityQuery) query: CustomerQuery): Promise<object> {
    return this.report.read(this.scopes.customer(query.end_user_ids), query, true);
  }

  @Handles('GET /tag/daily/activity')
  async tag(@Caller() caller: Principal, @AdminQuery(tagActivityQuery) query: TagQuery): Promise<object> {
    return this.report.read(await this.scopes.tag(caller, query.tags), query, false);
  }

  @Handles('GET /tag/daily/activity/aggregated')
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
