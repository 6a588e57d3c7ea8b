import { HttpCode, Param } from '@nestjs/common';
import { GatewayError } from '#libs/kernel';
import { Answers, Handles } from '#libs/rbac';
import { Models } from '#libs/runtime';
import type { Author } from '#libs/tenancy';
import { z } from 'zod';
import { AdminBody, AdminController, By } from '../http/decorators.js';
import { ModelAnswers } from './model-answers.js';
import {
  blockedModelBody,
  type BlockedModelBody,
  idOf,
  modelChangeBody,
  type ModelChangeBody,
  modelIdBody,
  type ModelIdBody,
  newModelBody,
  type NewModelBody,
  toModelChange,
  toNewModel,
} from './models.schemas.js';

const row = z.looseObject({
  model_id: z.string(),
  model_name: z.string(),
  litellm_params: z.looseObject({}),
  model_info: z.looseObject({}),
  blocked: z.boolean(),
});

/** Models added, changed and removed while calls run; what is answered is served from then on. */
@AdminController()
export class ModelsController {
  constructor(
    private readonly models: Models,
    private readonly answers: ModelAnswers,
  ) {}

  @Handles('POST /model/new')
  @Answers('Adds a model; it can be called at once', row)
  @HttpCode(200)
  async create(@By() author: Author, @AdminBody(newModelBody) body: NewModelBody): Promise<object> {
    return this.answers.row(await this.models.create(author, toNewModel(body)));
  }

  @Handles('POST /model/update')
  @Answers('Changes a stored model: what is sent is merged in, null removes', row)
  @HttpCode(200)
  async update(@By() author: Author, @AdminBody(modelChangeBody) body: ModelChangeBody): Promise<object> {
    const id = idOf(body);
    if (id === undefined) {
      throw new GatewayError('request.bad_field', "'model_info.id' is needed: which model?", {
        param: 'model_info.id',
      });
    }
    return this.answers.row(await this.models.update(author, id, toModelChange(body)));
  }

  @Handles('PATCH /model/{model_id}/update')
  @Answers('Changes a stored model: what is sent is merged in, null removes', row)
  async patch(
    @By() author: Author,
    @Param('model_id') id: string,
    @AdminBody(modelChangeBody) body: ModelChangeBody,
  ): Promise<object> {
    return this.answers.row(await this.models.update(author, id, toModelChange(body)));
  }

  @Handles('POST /model/delete')
  @Answers('Removes a stored model', z.object({ message: z.string() }))
  @HttpCode(200)
  async delete(@By() author: Author, @AdminBody(modelIdBody) { id }: ModelIdBody): Promise<object> {
    await this.models.delete(author, id);
    return { message: `Model: ${id} deleted successfully` };
  }

  @Handles('POST /model/block')
  @Answers('Takes a stored model out of service', row)
  @HttpCode(200)
  async block(@By() author: Author, @AdminBody(blockedModelBody) body: BlockedModelBody): Promise<object> {
    return this.answers.row(await this.models.update(author, body.model_id, { blocked: true }));
  }

  @Handles('POST /model/unblock')
  @Answers('Puts a stored model back into service', row)
  @HttpCode(200)
  async unblock(@By() author: Author, @AdminBody(blockedModelBody) body: BlockedModelBody): Promise<object> {
    return this.answers.row(await this.models.update(author, body.model_id, { blocked: false }));
  }
}
