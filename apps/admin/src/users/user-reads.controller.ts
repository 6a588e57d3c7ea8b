import { Inject } from '@nestjs/common';
import { GatewayError, isRefusal, type Principal, usdNumber } from '#libs/kernel';
import { Answers, Caller, Handles } from '#libs/rbac';
import { CustomRoles, makerOf, seesEverything, UserCatalogue, type UserView } from '#libs/tenancy';
import { z } from 'zod';
import { ReadsApart } from '../apart/reads-apart.js';
import { AdminController, AdminQuery } from '../http/decorators.js';
import { USER_ROW, USER_VIEW, pageOfRows } from '../people/people-answers.schemas.js';
import { pagesOf } from '../http/wire.js';
import { UserAnswers } from './user-answers.js';
import { userInfoQuery, type UserInfoQuery, userPageQuery, type UserPageQuery } from './users.schemas.js';

const ASSIGNABLE_ROLES = {
  proxy_admin: {
    description: 'Everything: keys, people, models, settings and spend of all tenants.',
    ui_label: 'Admin (all permissions)',
  },
  proxy_admin_viewer: { description: 'Sees everything and changes nothing.', ui_label: 'Admin (view only)' },
  internal_user: {
    description: 'Makes, sees and deletes its own keys, and sees its own spend.',
    ui_label: 'Internal user (create, delete, view)',
  },
  internal_user_viewer: {
    description: 'Sees its own keys and its own spend.',
    ui_label: 'Internal user (view only)',
  },
} as const;

/** Shows users. One that is not the caller's to see is answered like one that does not exist. */
@AdminController()
@ReadsApart('list', 'olderList', 'search')
export class UserReadsController {
  constructor(
    private readonly catalogue: UserCatalogue,
    private readonly answers: UserAnswers,
    @Inject(CustomRoles) private readonly ownRoles: Pick<CustomRoles, 'list'>,
  ) {}

  /** One user; without a name the caller. An administrator who names nobody gets every key and every team. */
  @Handles('GET /user/info')
  @Answers('Shows a user, its keys and its teams', USER_VIEW)
  async info(@Caller() caller: Principal, @AdminQuery(userInfoQuery) query: UserInfoQuery): Promise<object> {
    if (query.user_id) return this.answers.view(await this.catalogue.info(caller, query.user_id));
    if (seesEverything(caller))
      return this.answers.view(await this.catalogue.overview(caller, makerOf(caller)));
    return this.answers.view(await this.catalogue.info(caller, makerOf(caller)));
  }

  /** The flat form: nobody of that name and nobody of the caller's are one 404. */
  @Handles('GET /v2/user/info')
  @Answers('Shows a user', USER_ROW)
  async profile(
    @Caller() caller: Principal,
    @AdminQuery(userInfoQuery) query: UserInfoQuery,
  ): Promise<object> {
    const id = query.user_id ?? makerOf(caller);
    const view = await this.#found(caller, id);
    if (view.user === null) throw notFound(id);
    const row = await this.answers.one(
      view.user,
      view.teams.map((team) => team.id),
    );
    return { ...row, model_max_budget_usage: null };
  }

  @Handles('GET /user/list')
  @Answers('Lists users, by the page', pageOfRows('users', USER_ROW))
  async list(@Caller() caller: Principal, @AdminQuery(userPageQuery) query: UserPageQuery): Promise<object> {
    return this.#page(caller, query);
  }

  /** The older name of the same. */
  @Handles('GET /user/get_users')
  @Answers('Lists users, by the page', pageOfRows('users', USER_ROW))
  async olderList(
    @Caller() caller: Principal,
    @AdminQuery(userPageQuery) query: UserPageQuery,
  ): Promise<object> {
    return this.#page(caller, query);
  }

  /** The search box: names only. */
  @Handles('GET /user/filter/ui')
  @Answers('Finds users by part of a name', z.array(z.looseObject({ user_id: z.string() })))
  async search(
    @Caller() caller: Principal,
    @AdminQuery(userPageQuery) query: UserPageQuery,
  ): Promise<object[]> {
    const filter = { userIds: query.user_id ? [query.user_id] : undefined, email: query.user_email };
    const found = await this.catalogue.page(
      caller,
      filter,
      { by: 'id', direction: 'ASC' },
      { page: query.page, size: query.page_size },
    );
    return found.items.map(({ user }) => ({ user_id: user.id, user_email: user.email }));
  }

  @Handles('GET /user/available_roles')
  @Answers(
    'Lists the roles a user can be given',
    z.record(z.string(), z.looseObject({ description: z.string() })),
  )
  async roles(@Caller() caller: Principal): Promise<object> {
    // What an operator calls his roles says who works there; only those who may give or see them are told.
    if (!seesEverything(caller)) return ASSIGNABLE_ROLES;
    const own = (await this.ownRoles.list(caller)).map(({ role: { name, base, description } }) => [
      name,
      { description: description ?? `A role of this proxy, on ${base}.`, ui_label: name },
    ]);
    return { ...ASSIGNABLE_ROLES, ...Object.fromEntries(own) };
  }

  /** Seats are not counted: null is unlimited. */
  @Handles('GET /user/available_users')
  @Answers('Says how many users there may be', z.looseObject({}))
  seats(): object {
    const unlimited = { total_users: null, total_users_used: null, total_users_remaining: null };
    return {
      ...unlimited,
      total_teams: null,
      total_teams_used: null,
      total_teams_remaining: null,
      spend: usdNumber(0n),
    };
  }

  async #page(caller: Principal, query: UserPageQuery): Promise<object> {
    const filter = {
      role: query.role,
      userIds: query.user_ids,
      ssoUserIds: query.sso_user_ids,
      email: query.user_email,
      search: query.search,
      teamId: query.team,
      organizationIds: query.organization_ids,
    };
    const order = {
      by: query.sort_by,
      direction: query.sort_order === 'asc' ? 'ASC' : 'DESC',
    } as const;
    const found = await this.catalogue.page(caller, filter, order, {
      page: query.page,
      size: query.page_size,
    });
    return {
      users: await this.answers.listed(found.items),
      total: found.total,
      page: query.page,
      page_size: query.page_size,
      total_pages: pagesOf(found.total, query.page_size),
    };
  }

  async #found(caller: Principal, id: string): Promise<UserView> {
    try {
      return await this.catalogue.info(caller, id);
    } catch (thrown) {
      if (isRefusal(thrown)) throw notFound(id);
      throw thrown;
    }
  }
}

function notFound(id: string): GatewayError {
  return new GatewayError('request.not_found', `User ${id} not found`, { param: 'user_id' });
}
