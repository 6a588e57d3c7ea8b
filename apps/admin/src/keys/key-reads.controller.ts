import { HttpCode } from '@nestjs/common';
import { GatewayError, type Principal } from '#libs/kernel';
import { Answers, Caller, Handles } from '#libs/rbac';
import {
  hashOfNamed,
  KeyCatalogue,
  type KeyView,
  type Page,
  type Paging,
  seesEverything,
} from '#libs/tenancy';
import { ReadsApart } from '../apart/reads-apart.js';
import { AdminBody, AdminController, AdminQuery } from '../http/decorators.js';
import { pagesOf } from '../http/wire.js';
import { KeyAnswers } from './key-answers.js';
import { ALIAS_PAGE, KEY_HEALTH, KEY_INFO, KEY_INFOS, KEY_PAGE } from './key-answers.schemas.js';
import { type KeyPage, KeyUsers } from './key-users.js';
import {
  aliasQuery,
  type AliasQuery,
  infoQuery,
  type InfoQuery,
  listQuery,
  type ListQuery,
  toKeyFilter,
  toKeyOrder,
} from './key-queries.schemas.js';
import { namedKeysBody, type NamedKeysBody } from './keys.schemas.js';
import { namedBy } from './key-requests.js';

/** Shows keys. A key that is not the caller's to see is answered like one that does not exist. */
@AdminController()
@ReadsApart('list', 'aliases')
export class KeyReadsController {
  constructor(
    private readonly catalogue: KeyCatalogue,
    private readonly answers: KeyAnswers,
    private readonly users: KeyUsers,
  ) {}

  /** One key; without a name the caller's own, and for the master key, which has no row, a page of all keys. */
  @Handles('GET /key/info')
  @Answers('Shows a key', KEY_INFO)
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
  @Answers('Shows several keys', KEY_INFOS)
  @HttpCode(200)
  async infos(@Caller() caller: Principal, @AdminBody(namedKeysBody) body: NamedKeysBody): Promise<object> {
    const [named, sent] = namedBy(body);
    const views = await this.catalogue.find(caller, named);
    return { key: sent, info: views.map((view) => this.answers.info(view)) };
  }

  @Handles('GET /key/list')
  @Answers('Lists keys, page by page', KEY_PAGE)
  async list(@Caller() caller: Principal, @AdminQuery(listQuery) query: ListQuery): Promise<object> {
    // Keys of agents do not exist yet, and the archive does not know groups: nothing can match.
    if (query.agent_id || (query.access_group_id && query.status === 'deleted'))
      return this.#page({ items: [], total: 0 }, query, false);
    const filter = toKeyFilter(query);
    const scope = {
      includesTeams: query.include_team_keys,
      includesMade: query.include_created_by_keys,
    };
    const found =
      query.status === 'deleted'
        ? await this.catalogue.listDeleted(caller, filter, query)
        : await this.catalogue.list(caller, filter, toKeyOrder(query), query, scope);
    const page = this.#page(found, query, query.return_full_object);
    return query.expand.includes('user') ? this.users.expand(caller, page, found.items) : page;
  }

  @Handles('GET /key/aliases')
  @Answers('Lists the aliases in use', ALIAS_PAGE)
  async aliases(@Caller() caller: Principal, @AdminQuery(aliasQuery) query: AliasQuery): Promise<object> {
    const filter = { search: query.search || undefined, teamId: query.team_id || undefined };
    const { items, total } = await this.catalogue.aliases(caller, filter, query);
    return {
      aliases: items,
      total_count: total,
      current_page: query.page,
      total_pages: pagesOf(total, query.size),
      size: query.size,
    };
  }

  /** Whoever gets here has a key that works. Callbacks of single keys do not exist. */
  @Handles('POST /key/health')
  @Answers('Says whether the calling key works', KEY_HEALTH)
  @HttpCode(200)
  health(): object {
    return { key: 'healthy', logging_callbacks: null };
  }

  #page({ items, total }: Page<KeyView>, { page, size }: Paging, full: boolean): KeyPage {
    return {
      keys: items.map((view) => (full ? this.answers.listed(view) : view.key.tokenHash)),
      total_count: total,
      current_page: page,
      total_pages: pagesOf(total, size),
    };
  }
}
