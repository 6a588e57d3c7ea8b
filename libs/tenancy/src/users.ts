import { Injectable } from '@nestjs/common';
import { Team, TeamMember, User, VirtualKey } from '#libs/database';
import { Clock, GatewayError, type NanoUsd, newId, type Principal, type Role } from '#libs/kernel';
import { DataSource, In } from 'typeorm';
import { assertAdministers, seesEverything } from './authority.js';
import { budgetColumns, type KeyChange } from './key-settings.js';
import { type IssuedKey, Keys, type KeySecret, refuseDuplicateKey } from './keys.js';
import { type Author, Transactions } from './transactions.js';
import { violatedIndex } from './unique.js';

/** The roles a person can be given; the others come from memberships or are no persons. */
export const USER_ROLES = [
  'proxy_admin',
  'proxy_admin_viewer',
  'internal_user',
  'internal_user_viewer',
] as const satisfies Role[];

export interface NewUser {
  /** Absent: one is made. */
  readonly id?: string | undefined;
  readonly email: string | null;
  readonly alias: string | null;
  readonly role: (typeof USER_ROLES)[number];
  readonly models: readonly string[];
  readonly capNanoUsd: NanoUsd | null;
  readonly budgetDuration: string | null;
  readonly requestsPerMinute: number | null;
  readonly tokensPerMinute: number | null;
  readonly parallelRequests: number | null;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly ssoUserId: string | null;
  readonly teams: readonly { readonly teamId: string; readonly role: 'admin' | 'user' }[];
  /** A first key, made together with the user; absent: none. */
  readonly firstKey?: { readonly settings: KeyChange; readonly secret: KeySecret } | undefined;
}

export interface MadeUser {
  readonly user: User;
  readonly teamIds: readonly string[];
  readonly issued: IssuedKey | undefined;
}

/** A user with what belongs to it. */
export interface UserView {
  readonly userId: string;
  /** Null when only keys know the name. */
  readonly user: User | null;
  readonly keys: readonly VirtualKey[];
  readonly teams: readonly Team[];
}

/** More rows than this in one unpaged answer would hurt the process that builds it. */
const MOST_ROWS = 10_000;

/** People and services that keys belong to. */
@Injectable()
export class Users {
  constructor(
    private readonly database: DataSource,
    private readonly transactions: Transactions,
    private readonly keys: Keys,
    private readonly clock: Clock,
  ) {}

  /** Makes a user, its memberships and its first key, all or none of them. Throws 409 when the id or the e-mail address is taken. */
  async create(author: Author, draft: NewUser): Promise<MadeUser> {
    assertAdministers(author.principal);
    const id = draft.id ?? newId('user', this.clock.nowMs());
    try {
      return await this.transactions.run(author, async (transaction) => {
        const { manager } = transaction;
        await manager.insert(User, this.#columnsOf(id, draft) as never);
        for (const { teamId, role } of draft.teams)
          await manager.insert(TeamMember, { teamId, userId: id, role });
        const user = await manager.findOneByOrFail(User, { id });
        await transaction.record('created', 'user', id, {
          before: null,
          after: { ...user, teams: draft.teams },
        });
        const { firstKey } = draft;
        const issued = firstKey
          ? await this.keys.issue(transaction, author, { ...firstKey.settings, userId: id }, firstKey.secret)
          : undefined;
        return { user, teamIds: draft.teams.map(({ teamId }) => teamId), issued };
      });
    } catch (thrown) {
      refuseDuplicateKey(thrown, draft.firstKey?.settings.alias ?? null);
      throw refusalOf(thrown, id, draft) ?? thrown;
    }
  }

  /** A user, its keys and its teams. Throws 404 when nobody of that name is there, or it is not the caller's to see. */
  async info(caller: Principal, userId: string): Promise<UserView> {
    if (!seesEverything(caller) && caller.user?.id !== userId) throw userNotFound(userId);
    const user = await this.database.getRepository(User).findOneBy({ id: userId });
    const keys = await this.database
      .getRepository(VirtualKey)
      .find({ where: { userId }, order: { createdAt: 'DESC' }, take: MOST_ROWS });
    if (user === null && keys.length === 0) throw userNotFound(userId);
    const memberships = await this.database.getRepository(TeamMember).findBy({ userId });
    const teams = await this.database
      .getRepository(Team)
      .find({ where: { id: In(memberships.map(({ teamId }) => teamId)) }, order: { id: 'ASC' } });
    return { userId, user, keys, teams };
  }

  /** What an administrator sees who names nobody: every key and every team. */
  async overview(userId: string): Promise<UserView> {
    const user = await this.database.getRepository(User).findOneBy({ id: userId });
    const order = { createdAt: 'DESC' } as const;
    const keys = await this.database.getRepository(VirtualKey).find({ order, take: MOST_ROWS });
    const teams = await this.database.getRepository(Team).find({ order, take: MOST_ROWS });
    return { userId, user, keys, teams };
  }

  #columnsOf(id: string, draft: NewUser): Partial<User> {
    const nowMs = this.clock.nowMs();
    return {
      id,
      email: draft.email,
      alias: draft.alias,
      role: draft.role,
      models: [...draft.models],
      maxBudgetNano: draft.capNanoUsd,
      ...budgetColumns(draft.budgetDuration, null, nowMs),
      rpmLimit: draft.requestsPerMinute,
      tpmLimit: draft.tokensPerMinute,
      maxParallelRequests: draft.parallelRequests,
      metadata: { ...draft.metadata },
      ssoUserId: draft.ssoUserId,
      createdAt: new Date(nowMs),
      updatedAt: new Date(nowMs),
    };
  }
}

function refusalOf(thrown: unknown, id: string, draft: NewUser): GatewayError | undefined {
  const index = violatedIndex(thrown);
  if (index === 'users_pkey') return taken('id', id, 'user_id', thrown);
  if (index === 'users_email_key') return taken('email', draft.email ?? '', 'user_email', thrown);
  if (index === 'users_sso_user_id_key') return taken('sso id', draft.ssoUserId ?? '', 'sso_user_id', thrown);
  if (isMissingTeam(thrown)) {
    return new GatewayError('request.bad_field', 'A team in `teams` does not exist.', {
      param: 'teams',
      cause: thrown,
    });
  }
  return undefined;
}

function taken(what: string, value: string, param: string, cause: unknown): GatewayError {
  return new GatewayError('request.conflict', `User with ${what} ${value} already exists`, { param, cause });
}

function isMissingTeam(thrown: unknown): boolean {
  const driver = (thrown as { driverError?: { code?: string; table?: string } }).driverError;
  return driver?.code === '23503' && driver.table === 'team_members';
}

function userNotFound(userId: string): GatewayError {
  return new GatewayError('request.not_found', `User ${userId} not found`, { param: 'user_id' });
}
