import { HttpCode, Param, Res } from '@nestjs/common';
import { Config } from '#libs/config';
import type { Principal } from '#libs/kernel';
import { Answers, Caller, Handles } from '#libs/rbac';
import { type Author, ScimUsers } from '#libs/tenancy';
import type { Response } from 'express';
import { AdminController, AdminQuery, By } from '../http/decorators.js';
import { LIST_QUERY, SCIM_USER, scimList, SENT_PATCH, SENT_USER } from './scim-answers.schemas.js';
import { ScimAnswers, ScimBody } from './scim-decorators.js';
import { listAnswer, listQuery, Wanted } from './scim-lists.js';
import { patched } from './scim-patch.js';
import { changedPerson, personFrom, resourceOf, userResource } from './scim-resources.js';
import { scimBase } from './scim-words.js';

type Plain = Record<string, unknown>;

/** Users, for identity providers. Who is let in and who is last is decided in `ScimUsers`. */
@AdminController()
export class ScimUsersController {
  readonly #base: string;

  constructor(
    private readonly users: ScimUsers,
    config: Config,
  ) {
    this.#base = scimBase(config);
  }

  @Handles('GET /scim/v2/Users')
  @ScimAnswers('Lists users for an identity provider', scimList(SCIM_USER))
  async list(@Caller() caller: Principal, @AdminQuery(LIST_QUERY) query: Plain): Promise<object> {
    const { filter, slice } = listQuery(query);
    const wanted = new Wanted(query);
    const { total, items } = await this.users.list(caller, filter, slice);
    return listAnswer(
      items.map((view) => wanted.of(userResource(view, this.#base))),
      total,
      slice.startIndex,
    );
  }

  @Handles('GET /scim/v2/Users/{id}')
  @ScimAnswers('Shows a user to an identity provider', SCIM_USER)
  async show(
    @Caller() caller: Principal,
    @Param('id') id: string,
    @AdminQuery(LIST_QUERY) query: Plain,
  ): Promise<object> {
    return new Wanted(query).of(userResource(await this.users.find(caller, id), this.#base));
  }

  @Handles('POST /scim/v2/Users')
  @ScimAnswers('Provisions a user', SCIM_USER)
  @HttpCode(201)
  async create(
    @By() author: Author,
    @ScimBody(SENT_USER) body: Plain,
    @Res({ passthrough: true }) response: Response,
  ): Promise<object> {
    const resource = userResource(await this.users.create(author, personFrom(body)), this.#base);
    response.setHeader('location', `${this.#base}/Users/${encodeURIComponent(String(resource['id']))}`);
    return resource;
  }

  @Handles('PUT /scim/v2/Users/{id}')
  @ScimAnswers('Replaces a user; active: false lets nothing of it in any more', SCIM_USER)
  async replace(
    @By() author: Author,
    @Param('id') id: string,
    @ScimBody(SENT_USER) body: Plain,
  ): Promise<object> {
    const view = await this.users.change(author, id, (current) => changedPerson(current, body));
    return userResource(view, this.#base);
  }

  @Handles('PATCH /scim/v2/Users/{id}')
  @ScimAnswers('Changes a user; active: false lets nothing of it in any more', SCIM_USER)
  async patch(
    @By() author: Author,
    @Param('id') id: string,
    @ScimBody(SENT_PATCH) body: Plain,
  ): Promise<object> {
    const view = await this.users.change(author, id, (current) =>
      changedPerson(current, patched(resourceOf(current), body)),
    );
    return userResource(view, this.#base);
  }

  @Handles('DELETE /scim/v2/Users/{id}')
  @Answers(
    'Lets nothing of the user in any more; the account stays, and is hidden from the identity provider',
    null,
  )
  @HttpCode(204)
  async remove(@By() author: Author, @Param('id') id: string): Promise<void> {
    await this.users.remove(author, id);
  }
}
