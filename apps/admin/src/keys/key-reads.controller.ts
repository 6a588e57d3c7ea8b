import { HttpCode } from '@nestjs/common';
import { GatewayError, type Principal } from '#libs/kernel';
import { Caller, Handles } from '#libs/rbac';
import {
  hashOfNamed,
  KeyCatalogue,
  type KeyView,
  type Page,
  type Paging,
  seesEverything,
} from '#libs/tenancy';
import { AdminBody, AdminController, AdminQuery } from '../http/decorators.js';
import { pagesOf } from '../http/wire.js';
import { KeyAnswers } from './key-answers.js';
import {
  infoQuery,
  type InfoQuery,
  listQuery,
  type ListQuery,
  toKeyFilter,
  toKeyOrder,
} from './key-queries.schemas.js';
import { namedKeysBody, type NamedKeysBody } from './keys.schemas.js';
import { namedBy } from './keys.controller.js';

/** Shows keys. A key that is not the caller's to see is answered like one that does not exist. */
@AdminController()
export class KeyReadsController {
  constructor(
    private readonly catalogue: KeyCatalogue,
    private readonly answers: KeyAnswers,
  ) {}

  /** One key; without a name the caller's own, and for the master key, which has no row, a page of all keys. */
  @Handles('GET /key/info')
  async info(@Caller() caller: Principal, @AdminQuery(infoQuery) query: InfoQuery): Promise<object> {
    const own = caller.key?.hash;
    const asked = query.key || own;
    if (asked !== undefined) {
      const view = await this.catalogue.get(caller, hashOfNamed(asked));
      return { key: asked, info: this.answers.info(view) };
    }
    if (!seesEverything(caller)) {
      throw new GatewayError('request.not_found', 'Key not found in database', { param: 'key' });
    }
    const found = await this.catalogue.list(caller, {}, { by: 'createdAt', direction: 'DESC' }, query);
    return {
      key: caller.displayName,
      info: { user_id: caller.user?.id ?? null, user_role: caller.role, status: 'active' },
      ...this.#page(found, query, true),
    };
  }

  /** Several keys at once; those the caller may not see are left out without a word. */
  @Handles('POST /v2/key/info')
  @HttpCode(200)
  async infos(@Caller() caller: Principal, @AdminBody(namedKeysBody) body: NamedKeysBody): Promise<object> {
    const [named, sent] = namedBy(body);
    const views = await this.catalogue.find(caller, named);
    return { key: sent, info: views.map((view) => this.answers.info(view)) };
  }

  @Handles('GET /key/list')
  async list(@Caller() caller: Principal, @AdminQuery(listQuery) query: ListQuery): Promise<object> {
    // Keys of agents and access groups do not exist yet, so nothing can match.
    if (query.agent_id || query.access_group_id) return this.#page({ items: [], total: 0 }, query, false);
    const filter = toKeyFilter(query);
    const found =
      query.status === 'deleted'
        ? await this.catalogue.listDeleted(caller, filter, query)
        : await this.catalogue.list(caller, filter, toKeyOrder(query), query);
    return this.#page(found, query, query.return_full_object);
  }

  #page({ items, total }: Page<KeyView>, { page, size }: Paging, full: boolean): object {
    return {
      keys: items.map((view) => (full ? this.answers.listed(view) : view.key.tokenHash)),
      total_count: total,
      current_page: page,
      total_pages: pagesOf(total, size),
    };
  }
}
