import { Inject, Injectable } from '@nestjs/common';
import type { User, VirtualKey } from '#libs/database';
import { type NanoUsd, type Scope, usdNumber } from '#libs/kernel';
import { AccessGroupIndex, LiveCatalogue } from '#libs/runtime';
import { blankKey, type ListedUser, type MadeUser, SpendReader, type UserView } from '#libs/tenancy';
import { foldedOf, GovernedAnswers, modelBudgetsOf } from '../http/governed-answers.js';
import { orNull, toApiTime, toApiUsd } from '../http/wire.js';
import { KeyAnswers } from '../keys/key-answers.js';
import { TeamAnswers } from '../teams/team-answers.js';
import type { NewUserBody } from './users.schemas.js';

/** Users as the contract writes them; the password is in none of them. */
@Injectable()
export class UserAnswers {
  constructor(
    private readonly governed: GovernedAnswers,
    private readonly keys: KeyAnswers,
    private readonly teams: TeamAnswers,
    private readonly spend: SpendReader,
    private readonly groups: AccessGroupIndex,
    @Inject(LiveCatalogue) private readonly live: Pick<LiveCatalogue, 'settled'>,
  ) {}

  /** The shape of a generated key, with the user's own values where both have them. */
  async made({ user, teamIds, issued }: MadeUser, body: NewUserBody, maker: string): Promise<object> {
    await this.live.settled();
    const echo = { duration: body.duration, label: body.key_name, blocked: body.blocked };
    const base = this.keys.issued(issued ?? { key: keyless(user, maker), raw: '' }, echo, 0n);
    return {
      ...base,
      ...this.#limits(user),
      models: user.models,
      metadata: shownMetadata(user),
      key_name: issued ? base['key_name'] : null,
      token_id: issued ? issued.key.tokenHash : null,
      token: null,
      user_id: user.id,
      user_email: user.email,
      user_role: user.role,
      teams: teamIds,
      user_alias: user.alias,
      model_max_budget: modelBudgetsOf(user),
      access_group_ids: orNull(this.#groupIds(user)),
    };
  }

  async view({ userId, user, keys, teams }: UserView): Promise<object> {
    const scopes: Scope[] = [
      { type: 'user', id: userId },
      ...keys.map(({ id }): Scope => ({ type: 'key', id })),
      ...teams.map(({ id }): Scope => ({ type: 'team', id })),
    ];
    const spent = await this.spend.spendOf(scopes);
    const spentBy = (type: string, id: string): NanoUsd => spent.get(`${type}:${id}`) ?? 0n;
    const aliasOf = new Map(teams.map((team) => [team.id, team.alias]));
    const teamIds = teams.map(({ id }) => id);
    return {
      user_id: userId,
      user_info: user && this.row(user, spentBy('user', user.id), teamIds),
      keys: keys.map((key: VirtualKey) => ({
        ...this.keys.row(key, spentBy('key', key.id)),
        // The word, not null: clients of the contract compare with it.
        team_alias: (key.teamId === null ? null : aliasOf.get(key.teamId)) ?? 'None',
      })),
      teams: teams.map((team) => this.teams.row(team, [], spentBy('team', team.id))),
    };
  }

  async one(user: User, teamIds: readonly string[] = []): Promise<Record<string, unknown>> {
    const spent = await this.spend.spendOf([{ type: 'user', id: user.id }]);
    // What this process changed of access groups it also shows.
    await this.live.settled();
    return this.row(user, spent.get(`user:${user.id}`) ?? 0n, teamIds);
  }

  async listed(users: readonly ListedUser[]): Promise<object[]> {
    const spent = await this.spend.spendIn(
      users.map(({ user }) => ({ scope: { type: 'user', id: user.id }, budget: user })),
    );
    return users.map(({ user, teamIds, keyCount }) => ({
      ...this.row(user, spent.get(`user:${user.id}`) ?? 0n, teamIds),
      key_count: keyCount,
    }));
  }

  row(user: User, spent: NanoUsd, teamIds: readonly string[]): Record<string, unknown> {
    return {
      user_id: user.id,
      user_alias: user.alias,
      team_id: null,
      sso_user_id: user.ssoUserId,
      organization_id: user.organizationId,
      object_permission_id: null,
      teams: teamIds,
      user_role: user.role,
      spend: usdNumber(spent),
      user_email: user.email,
      models: user.models,
      metadata: shownMetadata(user),
      ...this.#limits(user),
      budget_reset_at: this.governed.resetsAt(user),
      allowed_cache_controls: [],
      policies: [],
      access_group_ids: this.#groupIds(user),
      model_spend: {},
      model_max_budget: modelBudgetsOf(user),
      blocked: user.blocked,
      password_reset_required: user.passwordResetRequired,
      object_permission: null,
      created_at: toApiTime(user.createdAt),
      updated_at: toApiTime(user.updatedAt),
    };
  }

  #groupIds({ id }: User): readonly string[] {
    return this.groups.groupsOf({ type: 'user', id }).map((group) => group.id);
  }

  #limits(user: User) {
    return {
      max_budget: toApiUsd(user.maxBudgetNano),
      soft_budget: toApiUsd(user.softBudgetNano),
      budget_duration: user.budgetDuration,
      budget_limits: this.governed.windows(user),
      budget_id: user.budgetId,
      max_parallel_requests: user.maxParallelRequests,
      tpm_limit: user.tpmLimit,
      rpm_limit: user.rpmLimit,
    };
  }
}

/** Stands for the key that was not asked for, so that the answer keeps its shape. */
function keyless(user: User, maker: string): VirtualKey {
  const none = {
    tokenHash: '',
    maskedName: '',
    userId: user.id,
    models: user.models,
    createdBy: maker,
    updatedBy: maker,
  };
  return Object.assign(blankKey('', user.createdAt), none);
}

/** The contract says in the metadata that the identity provider deactivated somebody. */
function shownMetadata(user: User): Record<string, unknown> {
  return { ...user.metadata, ...foldedOf(user), ...(user.scimActive ? {} : { scim_active: false }) };
}
