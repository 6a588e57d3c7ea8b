import { HttpCode, Param } from '@nestjs/common';
import type { Principal } from '#libs/kernel';
import { Answers, Caller, Handles } from '#libs/rbac';
import { type Author, OrganizationCatalogue, Organizations } from '#libs/tenancy';
import { z } from 'zod';
import { AdminBody, AdminController, AdminQuery, By } from '../http/decorators.js';
import { ORGANIZATION_ROW, ORGANIZATION_VIEW } from '../people/people-answers.schemas.js';
import { OrganizationAnswers } from './organization-answers.js';
import {
  deleteOrganizationsBody,
  type DeleteOrganizationsBody,
  newOrganizationBody,
  type NewOrganizationBody,
  organizationListQuery,
  type OrganizationListQuery,
  organizationQuery,
  type OrganizationQuery,
  organizationsBody,
  type OrganizationsBody,
  patchOrganizationBody,
  type PatchOrganizationBody,
  toOrganizationChange,
  updateOrganizationBody,
  type UpdateOrganizationBody,
} from './organizations.schemas.js';

/** Organizations on the wire. Who may is decided in `Organizations` and `OrganizationCatalogue`. */
@AdminController()
export class OrganizationsController {
  constructor(
    private readonly organizations: Organizations,
    private readonly catalogue: OrganizationCatalogue,
    private readonly answers: OrganizationAnswers,
  ) {}

  @Handles('POST /organization/new')
  @Answers('Makes an organization', ORGANIZATION_ROW)
  @HttpCode(200)
  async create(
    @By() author: Author,
    @AdminBody(newOrganizationBody) body: NewOrganizationBody,
  ): Promise<object> {
    return this.answers.one(
      await this.organizations.create(author, body.organization_id ?? undefined, toOrganizationChange(body)),
    );
  }

  @Handles('PATCH /organization/update')
  @Answers('Changes an organization', ORGANIZATION_ROW)
  async update(
    @By() author: Author,
    @AdminBody(updateOrganizationBody) body: UpdateOrganizationBody,
  ): Promise<object> {
    return this.answers.one(
      await this.organizations.update(author, body.organization_id, toOrganizationChange(body)),
    );
  }

  /** The same by path; a member nobody knows is refused, not ignored. */
  @Handles('PATCH /v2/organization/{organization_id}')
  @Answers('Changes an organization', ORGANIZATION_ROW)
  async patch(
    @By() author: Author,
    @Param('organization_id') id: string,
    @AdminBody(patchOrganizationBody) body: PatchOrganizationBody,
  ): Promise<object> {
    return this.answers.one(await this.organizations.update(author, id, toOrganizationChange(body)));
  }

  @Handles('DELETE /organization/delete')
  @Answers('Deletes organizations', z.array(ORGANIZATION_ROW))
  async delete(
    @By() author: Author,
    @AdminBody(deleteOrganizationsBody) body: DeleteOrganizationsBody,
  ): Promise<object[]> {
    const deleted = await this.organizations.delete(author, body.organization_ids);
    return Promise.all(deleted.map((organization) => this.answers.one(organization)));
  }

  @Handles('GET /organization/list')
  @Answers('Lists organizations', z.array(ORGANIZATION_VIEW))
  async list(
    @Caller() caller: Principal,
    @AdminQuery(organizationListQuery) query: OrganizationListQuery,
  ): Promise<object[]> {
    return this.answers.views(
      await this.catalogue.list(caller, { id: query.org_id, alias: query.org_alias }),
    );
  }

  @Handles('GET /organization/info')
  @Answers('Shows an organization, its members and its teams', ORGANIZATION_VIEW)
  async info(
    @Caller() caller: Principal,
    @AdminQuery(organizationQuery) query: OrganizationQuery,
  ): Promise<object> {
    const [shown] = await this.answers.views([await this.catalogue.get(caller, query.organization_id)]);
    return shown ?? {};
  }

  /** The older form: several at once; those that are not the caller's to see are left out. */
  @Handles('POST /organization/info')
  @Answers('Shows several organizations', z.array(ORGANIZATION_VIEW))
  @HttpCode(200)
  async infos(
    @Caller() caller: Principal,
    @AdminBody(organizationsBody) body: OrganizationsBody,
  ): Promise<object[]> {
    return this.answers.views(await this.catalogue.find(caller, body.organizations));
  }
}
