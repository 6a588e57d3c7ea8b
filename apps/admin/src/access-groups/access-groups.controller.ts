import { HttpCode, Param } from '@nestjs/common';
import { Answers, Handles } from '#libs/rbac';
import { AccessGroups } from '#libs/runtime';
import type { Author } from '#libs/tenancy';
import { z } from 'zod';
import { AdminBody, AdminController, By } from '../http/decorators.js';
import {
  accessGroupBody,
  type AccessGroupBody,
  accessGroupRow,
  newAccessGroupBody,
  type NewAccessGroupBody,
  toApiGroup,
  toDraft,
} from './access-groups.schemas.js';

/** Models under a name, given to teams, users and keys as a whole. */
@AdminController()
export class AccessGroupsController {
  constructor(private readonly groups: AccessGroups) {}

  @Handles('POST /v1/access_group', 'POST /v1/unified_access_group')
  @Answers('Makes an access group', accessGroupRow)
  @HttpCode(201)
  async create(
    @By() author: Author,
    @AdminBody(newAccessGroupBody) body: NewAccessGroupBody,
  ): Promise<object> {
    return toApiGroup(await this.groups.create(author, { ...toDraft(body), name: body.access_group_name }));
  }

  @Handles('GET /v1/access_group', 'GET /v1/unified_access_group')
  @Answers('Lists access groups', z.array(accessGroupRow))
  async list(): Promise<object[]> {
    return (await this.groups.list()).map(toApiGroup);
  }

  @Handles('GET /v1/access_group/{id}', 'GET /v1/unified_access_group/{id}')
  @Answers('Shows one access group', accessGroupRow)
  async get(@Param('id') id: string): Promise<object> {
    return toApiGroup(await this.groups.get(id));
  }

  @Handles('PUT /v1/access_group/{id}', 'PUT /v1/unified_access_group/{id}')
  @Answers('Changes an access group: lists are replaced', accessGroupRow)
  async update(
    @By() author: Author,
    @Param('id') id: string,
    @AdminBody(accessGroupBody) body: AccessGroupBody,
  ): Promise<object> {
    return toApiGroup(await this.groups.update(author, id, toDraft(body)));
  }

  @Handles('DELETE /v1/access_group/{id}', 'DELETE /v1/unified_access_group/{id}')
  @Answers('Deletes an access group', null)
  @HttpCode(204)
  async delete(@By() author: Author, @Param('id') id: string): Promise<void> {
    await this.groups.delete(author, id);
  }
}
