import { HttpCode } from '@nestjs/common';
import { Config } from '#libs/config';
import type { User, VirtualKey } from '#libs/database';
import { type NanoUsd, type Principal, type Scope, usdNumber } from '#libs/kernel';
import { Caller, Handles } from '#libs/rbac';
import {
  type Author,
  makerOf,
  type MadeUser,
  seesEverything,
  SpendReader,
  Users,
  type UserView,
} from '#libs/tenancy';
import { BudgetCalendar } from '../http/budget-calendar.js';
import { AdminBody, AdminController, AdminQuery, By } from '../http/decorators.js';
import { toApiTime, toApiUsd } from '../http/wire.js';
import { KeyAnswers } from '../keys/key-answers.js';
import { teamRow } from '../teams/team-row.js';
import {
  newUserBody,
  type NewUserBody,
  toNewUser,
  userInfoQuery,
  type UserInfoQuery,
} from './users.schemas.js';

/** Users on the wire. */
@AdminController()
export class UsersController {
  constructor(
    private readonly users: Users,
    private readonly spend: SpendReader,
    private readonly keyAnswers: KeyAnswers,
    private readonly calendar: BudgetCalendar,
    private readonly config: Config,
  ) {}

  @Handles('POST /user/new')
  @HttpCode(200)
  async create(@By() author: Author, @AdminBody(newUserBody) body: NewUserBody): Promise<object> {
    const made = await this.users.create(author, toNewUser(body, this.config.keys.generatedLength));
    return this.#made(made, body, makerOf(author.principal));
  }

  /** One user; without a name the caller. An administrator who names nobody gets every key and every team. */
  @Handles('GET /user/info')
  async info(@Caller() caller: Principal, @AdminQuery(userInfoQuery) query: UserInfoQuery): Promise<object> {
    if (query.user_id) return this.#view(await this.users.info(caller, query.user_id));
    if (seesEverything(caller)) return this.#view(await this.users.overview(caller, makerOf(caller)));
    return this.#view(await this.users.info(caller, makerOf(caller)));
  }

  /** The shape of a generated key, with the user's own values where both have them. */
  #made({ user, teamIds, issued }: MadeUser, body: NewUserBody, maker: string): object {
    const echo = { duration: body.duration, label: body.key_name, blocked: body.blocked };
    const base = this.keyAnswers.issued(issued ?? { key: keyless(user, maker), raw: '' }, echo, 0n);
    return {
      ...base,
      ...limitsOf(user),
      models: user.models,
      metadata: user.metadata,
      key_name: issued ? base['key_name'] : null,
      token_id: issued ? issued.key.tokenHash : null,
      token: null,
      user_id: user.id,
      user_email: user.email,
      user_role: user.role,
      teams: teamIds,
      user_alias: user.alias,
    };
  }

  async #view({ userId, user, keys, teams }: UserView): Promise<object> {
    const scopes: Scope[] = [
      { type: 'user', id: userId },
      ...keys.map(({ id }): Scope => ({ type: 'key', id })),
      ...teams.map(({ id }): Scope => ({ type: 'team', id })),
    ];
    const spent = await this.spend.spendOf(scopes);
    const spentBy = (type: string, id: string): NanoUsd => spent.get(`${type}:${id}`) ?? 0n;
    const aliasOf = new Map(teams.map((team) => [team.id, team.alias]));
    return {
      user_id: userId,
      user_info:
        user &&
        this.#row(
          user,
          spentBy('user', user.id),
          teams.map(({ id }) => id),
        ),
      keys: keys.map((key) => ({
        ...this.keyAnswers.row(key, spentBy('key', key.id)),
        // The word, not null: clients of the contract compare with it.
        team_alias: (key.teamId === null ? null : aliasOf.get(key.teamId)) ?? 'None',
      })),
      teams: teams.map((team) => teamRow(team, [], spentBy('team', team.id), this.calendar.resetsAt(team))),
    };
  }

  #row(user: User, spent: NanoUsd, teamIds: readonly string[]): object {
    return {
      user_id: user.id,
      user_alias: user.alias,
      team_id: null,
      sso_user_id: user.ssoUserId,
      organization_id: null,
      object_permission_id: null,
      teams: teamIds,
      user_role: user.role,
      spend: usdNumber(spent),
      user_email: user.email,
      models: user.models,
      metadata: user.metadata,
      ...limitsOf(user),
      budget_reset_at: toApiTime(this.calendar.resetsAt(user)),
      allowed_cache_controls: [],
      policies: [],
      model_spend: {},
      model_max_budget: {},
      blocked: user.blocked,
      created_at: toApiTime(user.createdAt),
      updated_at: toApiTime(user.updatedAt),
    };
  }
}

function limitsOf(user: User) {
  return {
    max_budget: toApiUsd(user.maxBudgetNano),
    budget_duration: user.budgetDuration,
    max_parallel_requests: user.maxParallelRequests,
    tpm_limit: user.tpmLimit,
    rpm_limit: user.rpmLimit,
  };
}

/** Stands for the key that was not asked for, so that the answer keeps its shape. */
function keyless(user: User, maker: string): VirtualKey {
  return {
    id: '',
    tokenHash: '',
    maskedName: '',
    alias: null,
    label: null,
    userId: user.id,
    teamId: null,
    organizationId: null,
    projectId: null,
    customerId: null,
    models: user.models,
    aliases: {},
    allowedRoutes: [],
    maxBudgetNano: null,
    softBudgetNano: null,
    budgetDuration: null,
    budgetAnchorAt: null,
    budgetResetAt: null,
    budgetWindows: [],
    modelBudgets: {},
    tempBudgetNano: null,
    tempBudgetEndsAt: null,
    budgetId: null,
    rpmLimit: null,
    tpmLimit: null,
    inputTpmLimit: null,
    outputTpmLimit: null,
    maxParallelRequests: null,
    modelRpmLimits: {},
    modelTpmLimits: {},
    tags: [],
    metadata: {},
    blocked: false,
    expiresAt: null,
    keyType: null,
    rotationCount: 0,
    lastRotationAt: null,
    autoRotate: false,
    rotationInterval: null,
    rotationAt: null,
    serviceAccountId: null,
    rpmLimitType: null,
    tpmLimitType: null,
    throttleOnBudgetExceeded: false,
    customerBudgetId: null,
    createdBy: maker,
    updatedBy: maker,
    createdAt: user.createdAt,
    updatedAt: user.updatedAt,
    settingsUpdatedAt: null,
    lastActiveAt: null,
  };
}
