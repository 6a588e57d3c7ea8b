import { HttpCode } from '@nestjs/common';
import type { Tag } from '#libs/database';
import { type Principal, usdNumber } from '#libs/kernel';
import { Answers, Caller, Handles } from '#libs/rbac';
import { type Author, type TagChange, Tags, type TagView } from '#libs/tenancy';
import { z } from 'zod';
import { AdminBody, AdminController, By } from '../http/decorators.js';
import { GovernedAnswers } from '../http/governed-answers.js';
import { toGovernedChange } from '../http/governed.schemas.js';
import { toApiTime } from '../http/wire.js';
import {
  tagBody,
  type TagBody,
  tagNameBody,
  type TagNameBody,
  tagNamesBody,
  type TagNamesBody,
} from './tags.schemas.js';

const TAG = z.looseObject({
  name: z.string(),
  description: z.string().nullable(),
  models: z.array(z.string()),
});
const CHANGED = z.object({ message: z.string(), tag: TAG });

/** Tags with limits and budgets. */
@AdminController()
export class TagsController {
  constructor(
    private readonly tags: Tags,
    private readonly governed: GovernedAnswers,
  ) {}

  @Handles('POST /tag/new')
  @Answers('Gives a tag limits, a budget or a description', CHANGED)
  @HttpCode(200)
  async create(@By() author: Author, @AdminBody(tagBody) body: TagBody): Promise<object> {
    const tag = await this.tags.create(author, body.name, toTagChange(body));
    return { message: `Tag ${tag.name} created successfully`, tag: this.#tag(tag) };
  }

  @Handles('POST /tag/update')
  @Answers('Changes what is sent of a tag', CHANGED)
  @HttpCode(200)
  async update(@By() author: Author, @AdminBody(tagBody) body: TagBody): Promise<object> {
    const tag = await this.tags.update(author, body.name, toTagChange(body));
    return { message: `Tag ${tag.name} updated successfully`, tag: this.#tag(tag) };
  }

  @Handles('POST /tag/delete')
  @Answers('Takes settings of a tag back', z.object({ message: z.string() }))
  @HttpCode(200)
  async delete(@By() author: Author, @AdminBody(tagNameBody) body: TagNameBody): Promise<object> {
    await this.tags.delete(author, body.name);
    return { message: `Tag ${body.name} deleted successfully` };
  }

  @Handles('POST /tag/info')
  @Answers('Shows tags, by their names', z.record(z.string(), TAG))
  @HttpCode(200)
  async info(@Caller() caller: Principal, @AdminBody(tagNamesBody) body: TagNamesBody): Promise<object> {
    const views = await this.tags.find(caller, body.names);
    return Object.fromEntries(views.map((view) => [view.tag.name, this.#row(view)]));
  }

  /** Stored tags, then those that calls carried without anybody storing them. */
  @Handles('GET /tag/list')
  @Answers('Lists tags', z.array(TAG))
  async list(@Caller() caller: Principal): Promise<object> {
    const stored = (await this.tags.list(caller)).map((view) => this.#row(view));
    const seen = (await this.tags.seen(caller)).map(({ name, lastSeenAt, spentNanoUsd }) => ({
      name,
      description: 'Not stored: calls carried this tag (dynamic).',
      models: [],
      model_info: null,
      spend: usdNumber(spentNanoUsd),
      created_at: null,
      updated_at: toApiTime(lastSeenAt),
      created_by: null,
      litellm_budget_table: null,
    }));
    return [...stored, ...seen];
  }

  #row({ tag, budget, spentNanoUsd }: TagView): Record<string, unknown> {
    return {
      ...this.#tag(tag),
      spend: usdNumber(spentNanoUsd),
      litellm_budget_table: this.governed.effective(tag, budget),
    };
  }

  #tag(tag: Tag): Record<string, unknown> {
    return {
      name: tag.name,
      description: tag.description,
      models: tag.models,
      model_info: null,
      budget_id: tag.budgetId,
      created_at: toApiTime(tag.createdAt),
      updated_at: toApiTime(tag.updatedAt),
      created_by: tag.createdBy,
    };
  }
}

function toTagChange(body: TagBody): TagChange {
  return { ...toGovernedChange(body), description: body.description };
}
