import { HttpCode, Param } from '@nestjs/common';
import { Answers, Handles } from '#libs/rbac';
import { ModelGroups, type TaggedModels } from '#libs/runtime';
import type { Author } from '#libs/tenancy';
import { z } from 'zod';
import { AdminBody, AdminController, By } from '../http/decorators.js';
import {
  modelGroupBody,
  type ModelGroupBody,
  newModelGroupBody,
  type NewModelGroupBody,
  toMembers,
} from './access-groups.schemas.js';

const written = z.object({
  access_group: z.string(),
  model_names: z.array(z.string()),
  model_ids: z.array(z.string()),
  models_updated: z.number(),
});
const tagged = z.looseObject({
  access_group: z.string(),
  model_names: z.array(z.string()),
  deployment_count: z.number(),
});

/** Access groups as words that models carry. */
@AdminController()
export class ModelGroupsController {
  constructor(private readonly groups: ModelGroups) {}

  @Handles('POST /access_group/new')
  @Answers('Puts models into a new access group', written)
  @HttpCode(200)
  async create(@By() author: Author, @AdminBody(newModelGroupBody) body: NewModelGroupBody): Promise<object> {
    const updated = await this.groups.create(author, body.access_group, toMembers(body));
    return writtenOf(body.access_group, body, updated);
  }

  @Handles('GET /access_group/list')
  @Answers('Lists access groups and the models that carry them', z.object({ access_groups: z.array(tagged) }))
  list(): object {
    return { access_groups: this.groups.list().map(shown) };
  }

  @Handles('GET /access_group/{group}/info')
  @Answers('Shows one access group and its models', tagged)
  get(@Param('group') group: string): object {
    return shown(this.groups.get(group));
  }

  @Handles('PUT /access_group/{group}/update')
  @Answers('Replaces the models of an access group', written)
  async update(
    @By() author: Author,
    @Param('group') group: string,
    @AdminBody(modelGroupBody) body: ModelGroupBody,
  ): Promise<object> {
    return writtenOf(group, body, await this.groups.update(author, group, toMembers(body)));
  }

  @Handles('DELETE /access_group/{group}/delete')
  @Answers(
    'Takes the access group off every model',
    z.object({ access_group: z.string(), models_updated: z.number(), message: z.string() }),
  )
  async delete(@By() author: Author, @Param('group') group: string): Promise<object> {
    const updated = await this.groups.delete(author, group);
    return {
      access_group: group,
      models_updated: updated,
      message: `Access group ${group} deleted successfully`,
    };
  }
}

function writtenOf(group: string, body: ModelGroupBody, updated: number): object {
  const { modelNames, modelIds } = toMembers(body);
  return { access_group: group, model_names: modelNames, model_ids: modelIds, models_updated: updated };
}

function shown({ name, modelNames, deploymentCount }: TaggedModels): object {
  return {
    access_group: name,
    model_names: modelNames,
    deployment_count: deploymentCount,
    spend: null,
    budget: null,
  };
}
