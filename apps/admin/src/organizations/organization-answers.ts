import { Injectable } from '@nestjs/common';
import type { Organization, OrganizationMember, User } from '#libs/database';
import { type NanoUsd, type Scope, usdNumber } from '#libs/kernel';
import { type OrganizationMembership, type OrganizationView, SpendReader } from '#libs/tenancy';
import { foldedOf, GovernedAnswers, modelBudgetsOf } from '../http/governed-answers.js';
import { toApiTime, toApiUsd } from '../http/wire.js';
import { TeamAnswers } from '../teams/team-answers.js';

/** Organizations as the contract writes them: with their budget in a row of its own. */
@Injectable()
export class OrganizationAnswers {
  constructor(
    private readonly governed: GovernedAnswers,
    private readonly teams: TeamAnswers,
    private readonly spend: SpendReader,
  ) {}

  async one(organization: Organization): Promise<Record<string, unknown>> {
    const spent = await this.spend.spendOf([{ type: 'organization', id: organization.id }]);
    return this.#row(organization, spent.get(`organization:${organization.id}`) ?? 0n);
  }

  async views(views: readonly OrganizationView[]): Promise<object[]> {
    const spent = await this.spend.spendOf(
      views.flatMap(({ organization, members, teams }): Scope[] => [
        { type: 'organization', id: organization.id },
        ...members.map(({ userId }): Scope => ({
          type: 'organization_member',
          id: `${organization.id}:${userId}`,
        })),
        ...teams.map(({ id }): Scope => ({ type: 'team', id })),
      ]),
    );
    const spentBy = (type: string, id: string): NanoUsd => spent.get(`${type}:${id}`) ?? 0n;
    return views.map(({ organization, members, teams }) => {
      const { id } = organization;
      const shown = members.map((each) =>
        this.#member(each, spentBy('organization_member', `${id}:${each.userId}`)),
      );
      return {
        ...this.#row(organization, spentBy('organization', id)),
        members: shown,
        teams: teams.map((team) => this.teams.row(team, [], spentBy('team', team.id))),
        users: shown.map(({ user }) => user),
        object_permission: null,
      };
    });
  }

  /** What an account's own administrators see of it; others see what they named. */
  addedUser(user: User, isOwn: boolean): object {
    const named = { user_id: user.id, user_email: user.email };
    return isOwn ? { ...named, user_alias: user.alias, user_role: user.role } : named;
  }

  membership(member: OrganizationMember): Record<string, unknown> {
    return {
      user_id: member.userId,
      organization_id: member.organizationId,
      user_role: member.role,
      spend: 0,
      budget_id: member.budgetId,
      litellm_budget_table: this.governed.effective(member, null),
      created_at: toApiTime(member.createdAt),
      updated_at: toApiTime(member.updatedAt),
    };
  }

  #member(member: OrganizationMembership, spent: NanoUsd) {
    const { userId, role, email, alias, capNanoUsd } = member;
    return {
      user_id: userId,
      organization_id: member.organizationId,
      user_role: role,
      user_email: email,
      user: { user_id: userId, user_email: email, user_alias: alias },
      spend: usdNumber(spent),
      budget_id: member.budgetId,
      max_budget: toApiUsd(capNanoUsd),
      created_at: toApiTime(member.createdAt),
      updated_at: toApiTime(member.updatedAt),
    };
  }

  #row(organization: Organization, spent: NanoUsd): Record<string, unknown> {
    return {
      organization_id: organization.id,
      organization_alias: organization.alias,
      budget_id: organization.budgetId,
      metadata: { ...organization.metadata, ...foldedOf(organization) },
      models: organization.models,
      spend: usdNumber(spent),
      model_spend: {},
      object_permission_id: null,
      created_at: toApiTime(organization.createdAt),
      created_by: organization.createdBy,
      updated_at: toApiTime(organization.updatedAt),
      updated_by: organization.updatedBy,
      litellm_budget_table: {
        budget_id: organization.budgetId,
        max_budget: toApiUsd(organization.maxBudgetNano),
        soft_budget: toApiUsd(organization.softBudgetNano),
        max_parallel_requests: organization.maxParallelRequests,
        tpm_limit: organization.tpmLimit,
        rpm_limit: organization.rpmLimit,
        model_max_budget: modelBudgetsOf(organization),
        budget_duration: organization.budgetDuration,
        budget_limits: this.governed.windows(organization),
        budget_reset_at: this.governed.resetsAt(organization),
      },
    };
  }
}
