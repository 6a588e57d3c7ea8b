import { HttpCode } from '@nestjs/common';
import { Answers, Handles } from '#libs/rbac';
import { type Author, Organizations } from '#libs/tenancy';
import { z } from 'zod';
import { toPerson } from '../http/person.schemas.js';
import { AdminBody, AdminController, By } from '../http/decorators.js';
import { ORGANIZATION_MEMBERSHIP } from '../people/people-answers.schemas.js';
import { OrganizationAnswers } from './organization-answers.js';
import {
  orgMemberAddBody,
  type OrgMemberAddBody,
  orgMemberDeleteBody,
  type OrgMemberDeleteBody,
  orgMemberUpdateBody,
  type OrgMemberUpdateBody,
  toOrganizationMember,
} from './organizations.schemas.js';

/** Who is in which organization. */
@AdminController()
export class OrganizationMembersController {
  constructor(
    private readonly organizations: Organizations,
    private readonly answers: OrganizationAnswers,
  ) {}

  @Handles('POST /organization/member_add')
  @Answers('Makes people members of an organization', z.looseObject({ organization_id: z.string() }))
  @HttpCode(200)
  async add(@By() author: Author, @AdminBody(orgMemberAddBody) body: OrgMemberAddBody): Promise<object> {
    const governed = { capNanoUsd: body.max_budget_in_organization, budgetDuration: body.budget_duration };
    const added = await this.organizations.addMembers(
      author,
      body.organization_id,
      body.member.map(toOrganizationMember),
      governed,
    );
    return {
      organization_id: body.organization_id,
      updated_users: added.map(({ user, isOwn }) => this.answers.addedUser(user, isOwn)),
      updated_organization_memberships: added.map(({ member }) => this.answers.membership(member)),
    };
  }

  @Handles('PATCH /organization/member_update')
  @Answers('Changes a member of an organization', ORGANIZATION_MEMBERSHIP)
  async update(
    @By() author: Author,
    @AdminBody(orgMemberUpdateBody) body: OrgMemberUpdateBody,
  ): Promise<object> {
    const change = {
      role: body.role ?? undefined,
      capNanoUsd: body.max_budget_in_organization,
      budgetDuration: body.budget_duration,
    };
    return this.answers.membership(
      await this.organizations.updateMember(author, body.organization_id, toPerson(body), change),
    );
  }

  @Handles('DELETE /organization/member_delete')
  @Answers('Ends a membership in an organization', ORGANIZATION_MEMBERSHIP)
  async delete(
    @By() author: Author,
    @AdminBody(orgMemberDeleteBody) body: OrgMemberDeleteBody,
  ): Promise<object> {
    return this.answers.membership(
      await this.organizations.removeMember(author, body.organization_id, toPerson(body)),
    );
  }
}
