import { HttpCode, Param, Res } from '@nestjs/common';
import { Config } from '#libs/config';
import type { Principal } from '#libs/kernel';
import { Answers, Caller, Handles } from '#libs/rbac';
import { type Author, ScimGroups } from '#libs/tenancy';
import type { Response } from 'express';
import { AdminController, AdminQuery, By } from '../http/decorators.js';
import { LIST_QUERY, SCIM_GROUP, scimList, SENT_GROUP, SENT_PATCH } from './scim-answers.schemas.js';
import { ScimAnswers, ScimBody } from './scim-decorators.js';
import { listAnswer, listQuery, Wanted } from './scim-lists.js';
import { patched } from './scim-patch.js';
import { groupDraftOf, groupFrom, groupResource } from './scim-resources.js';
import { scimBase } from './scim-words.js';

type Plain = Record<string, unknown>;

/** Teams, as groups of an identity provider. */
@AdminController()
export class ScimGroupsController {
  readonly #base: string;

  constructor(
    private readonly groups: ScimGroups,
    config: Config,
  ) {
    this.#base = scimBase(config);
  }

  @Handles('GET /scim/v2/Groups')
  @ScimAnswers('Lists teams for an identity provider', scimList(SCIM_GROUP))
  async list(@Caller() caller: Principal, @AdminQuery(LIST_QUERY) query: Plain): Promise<object> {
    const { filter, slice } = listQuery(query);
    const wanted = new Wanted(query);
    const { total, items } = await this.groups.list(caller, filter, slice, readingFor(wanted));
    return listAnswer(
      items.map((view) => wanted.of(groupResource(view, this.#base))),
      total,
      slice.startIndex,
    );
  }

  @Handles('GET /scim/v2/Groups/{id}')
  @ScimAnswers('Shows a team to an identity provider', SCIM_GROUP)
  async show(
    @Caller() caller: Principal,
    @Param('id') id: string,
    @AdminQuery(LIST_QUERY) query: Plain,
  ): Promise<object> {
    const wanted = new Wanted(query);
    return wanted.of(groupResource(await this.groups.find(caller, id, readingFor(wanted)), this.#base));
  }

  @Handles('POST /scim/v2/Groups')
  @ScimAnswers('Provisions a team with its members', SCIM_GROUP)
  @HttpCode(201)
  async create(
    @By() author: Author,
    @ScimBody(SENT_GROUP) body: Plain,
    @Res({ passthrough: true }) response: Response,
  ): Promise<object> {
    const resource = groupResource(await this.groups.create(author, groupFrom(body)), this.#base);
    response.setHeader('location', `${this.#base}/Groups/${encodeURIComponent(String(resource['id']))}`);
    return resource;
  }

  @Handles('PUT /scim/v2/Groups/{id}')
  @ScimAnswers("Replaces a team's name and members", SCIM_GROUP)
  async replace(
    @By() author: Author,
    @Param('id') id: string,
    @ScimBody(SENT_GROUP) body: Plain,
  ): Promise<object> {
    const reading = { withMembers: true };
    const view = await this.groups.change(author, id, (current) => groupFrom(body, current), reading);
    return groupResource(view, this.#base);
  }

  @Handles('PATCH /scim/v2/Groups/{id}')
  @ScimAnswers("Changes a team's name or members", SCIM_GROUP)
  async patch(
    @By() author: Author,
    @Param('id') id: string,
    @ScimBody(SENT_PATCH) body: Plain,
    @AdminQuery(LIST_QUERY) query: Plain,
  ): Promise<object> {
    const wanted = new Wanted(query);
    const view = await this.groups.change(
      author,
      id,
      (current) => groupFrom(patched(groupDraftOf(current), body), current),
      readingFor(wanted),
    );
    return wanted.of(groupResource(view, this.#base));
  }

  @Handles('DELETE /scim/v2/Groups/{id}')
  @Answers(
    'Lets nobody in by the team any more; the team stays, and is hidden from the identity provider',
    null,
  )
  @HttpCode(204)
  async remove(@By() author: Author, @Param('id') id: string): Promise<void> {
    await this.groups.remove(author, id);
  }
}

function readingFor(wanted: Wanted): { withMembers: boolean } {
  return { withMembers: wanted.has('members') };
}
