import { Injectable } from '@nestjs/common';
import { Config } from '#libs/config';
import {
  driverErrorOf,
  Organization,
  OrganizationMember,
  Team,
  TeamMember,
  User,
  VirtualKey,
} from '#libs/database';
import { Clock, GatewayError, newId, type NanoUsd } from '#libs/kernel';
import { type EntityManager, In } from 'typeorm';
import { makerOf } from './authority.js';
import { PROVIDER } from './authors.js';
import { judgeNewKey } from './authority/key-judgement.js';
import { loadKeyJudgement } from './authority/load-judgement.js';
import { administersUser, judgeUserChange } from './authority/people-judgement.js';
import { adminOnly, fieldForbidden, notYours } from './authority/refusals.js';
import { administersOrganization, type Standing, standingOf } from './authority/standing.js';
import { isRoleOfOurs } from './custom-roles.js';
import { assignGroups, releaseGroups } from './group-assignments.js';
import { deleteKeysOf } from './key-cascade.js';
import { refuseDuplicateKey } from './key-refusals.js';
import { columnsOf, type KeyChange } from './key-settings.js';
import { type IssuedKey, Keys, type KeySecret } from './keys.js';
import { findUser, type PersonNamed } from './membership.js';
import { withUserDefaults } from './new-user.js';
import { assertGoodPassword } from './password-policy.js';
import { hashPassword } from './passwords.js';
import { type Author, type Transaction, Transactions } from './transactions.js';
import { violatedIndex } from './unique.js';
import { isPlainRole, USER_ROLES, type UserChange, userColumns } from './user-settings.js';

export interface NewUser {
  /** Absent: one is made. */
  readonly id?: string | undefined;
  readonly settings: UserChange;
  /** Absent: the operator's defaults. */
  readonly teams?:
    | readonly {
        readonly teamId: string;
        readonly role: 'admin' | 'user';
        readonly capNanoUsd: NanoUsd | null;
      }[]
    | undefined;
  readonly organizationIds: readonly string[];
  /** A first key, made together with the user; absent: none. */
  readonly firstKey?: { readonly settings: KeyChange; readonly secret: KeySecret } | undefined;
}

export interface MadeUser {
  readonly user: User;
  readonly teamIds: readonly string[];
  readonly issued: IssuedKey | undefined;
}

/** People and services that keys belong to. Who may change what is judged on rows that are locked. */
@Injectable()
export class Users {
  constructor(
    private readonly transactions: Transactions,
    private readonly keys: Keys,
    private readonly clock: Clock,
    private readonly config: Config,
  ) {}

  /**
   * Makes a user, its memberships and its first key, all or none of them, and what `also` adds in the same transaction. Throws
   * 409 when the id or the e-mail address is taken.
   */
  async create(
    author: Author,
    draft: NewUser,
    also?: (transaction: Transaction, user: User) => Promise<void>,
  ): Promise<MadeUser> {
    const id = draft.id ?? newId('user', this.clock.nowMs());
    const settings = withUserDefaults(this.config, draft.settings);
    const teams = draft.teams ?? this.config.people.newUser.teams;
    try {
      return await this.transactions.run(author, async (transaction) => {
        const { manager } = transaction;
        const standing = await standingOf(manager, author.principal);
        await this.#assertMayMake(
          manager,
          standing,
          draft,
          settings,
          teams.map(({ teamId }) => teamId),
        );
        await this.#assertRole(manager, author, draft.settings.role);
        const user = await this.#insert(manager, id, draft, settings);
        for (const organizationId of draft.organizationIds)
          await manager.insert(OrganizationMember, { organizationId, userId: id });
        for (const { teamId, role, capNanoUsd } of teams)
          await manager.insert(TeamMember, { teamId, userId: id, role, maxBudgetNano: capNanoUsd });
        await transaction.record('created', 'user', id, { before: null, after: { ...user, teams } });
        await assignGroups(transaction, author, { type: 'user', id }, settings.accessGroupIds);
        const issued =
          draft.firstKey && (await this.#firstKey(transaction, author, standing, user, draft.firstKey));
        if (issued !== undefined) {
          const holder = { type: 'key', id: issued.key.id, teamId: issued.key.teamId } as const;
          await assignGroups(transaction, author, holder, draft.firstKey?.settings.accessGroupIds);
        }
        await also?.(transaction, user);
        return { user, teamIds: teams.map(({ teamId }) => teamId), issued };
      });
    } catch (thrown) {
      refuseDuplicateKey(thrown, draft.firstKey?.settings.alias ?? null);
      throw refusalOf(thrown, id, settings) ?? thrown;
    }
  }

  /**
   * Changes what `settings` names. A proxy administrator who names somebody who is not there makes that user; for everybody
   * else that is the same as somebody else's account.
   */
  async update(author: Author, named: PersonNamed, settings: UserChange): Promise<User> {
    // Before the transaction: it takes its time on purpose, and no lock should wait for it.
    if (settings.password !== undefined) assertGoodPassword(this.config, settings.password);
    const passwordHash = settings.password === undefined ? undefined : await hashPassword(settings.password);
    try {
      return await this.transactions.run(author, async (transaction) => {
        const { manager } = transaction;
        const standing = await standingOf(manager, author.principal);
        const found = await findUser(manager, named);
        const before =
          found &&
          (await manager.findOne(User, { where: { id: found.id }, lock: { mode: 'pessimistic_write' } }));
        if (before === null) return this.#insertNamed(transaction, author, standing, named, settings);
        const now = new Date(this.clock.nowMs());
        const columns = {
          ...userColumns(settings, before, now.getTime()),
          // Somebody else's word for it is good for one sign-in.
          ...(passwordHash && { passwordHash, passwordResetRequired: standing.userId !== before.id }),
          updatedAt: now,
        };
        judgeUserChange(standing, before, Object.assign(new User(), before, columns));
        if (settings.role !== before.role) await this.#assertRole(manager, author, settings.role);
        await manager.update(User, { id: before.id }, columns as never);
        const user = await manager.findOneByOrFail(User, { id: before.id });
        await transaction.record('updated', 'user', user.id, { before, after: user });
        await assignGroups(transaction, author, { type: 'user', id: user.id }, settings.accessGroupIds);
        return user;
      });
    } catch (thrown) {
      throw refusalOf(thrown, named.userId ?? '', settings) ?? thrown;
    }
  }

  /** Deletes the users with their keys, memberships and invitations, all or none; the keys are kept in the archive. Returns how many. */
  async delete(author: Author, userIds: readonly string[]): Promise<number> {
    // What hangs on an account may be hidden from its administrator: keys and memberships elsewhere, which decide, and die too.
    return this.transactions.run(author, (transaction) => this.#delete(transaction, author, userIds), {
      system: 'delete-users',
    });
  }

  async #delete(transaction: Transaction, author: Author, userIds: readonly string[]): Promise<number> {
    const { manager } = transaction;
    const standing = await standingOf(manager, author.principal);
    const ids = [...new Set(userIds)].toSorted();
    for (const id of ids) {
      const user = await manager.findOne(User, { where: { id }, lock: { mode: 'pessimistic_write' } });
      if (user === null && standing.role === 'proxy_admin') throw userNotFound(id);
      if (user === null || !(await this.#isWhollyInside(manager, standing, user)))
        throw notYours('user', 'user_ids');
      await deleteKeysOf(transaction, { userId: id }, makerOf(author.principal));
      await releaseGroups(transaction, { type: 'user', id }, makerOf(author.principal));
      await manager.delete(User, { id });
      await transaction.record('deleted', 'user', id, { before: user, after: null });
    }
    return ids.length;
  }

  async #assertMayMake(
    manager: EntityManager,
    standing: Standing,
    { organizationIds }: NewUser,
    settings: UserChange,
    teamIds: readonly string[],
  ): Promise<void> {
    if (standing.role !== 'proxy_admin') {
      const isInside =
        organizationIds.length > 0 && organizationIds.every((id) => administersOrganization(standing, id));
      if (!isInside) throw adminOnly('users', standing.role);
      if (settings.role !== undefined && !isPlainRole(settings.role))
        throw fieldForbidden(
          'user_role',
          'of an administrator, or of the operator’s own, can only be given by a proxy administrator.',
        );
      for (const field of ['ssoUserId', 'budgetId'] as const)
        if ((settings[field] ?? null) !== null)
          throw fieldForbidden(
            field === 'budgetId' ? 'budget_id' : 'sso_user_id',
            'can only be set by a proxy administrator.',
          );
      const teams = await manager.findBy(Team, { id: In([...teamIds]) });
      const ours = teams.filter(({ organizationId }) => administersOrganization(standing, organizationId));
      if (ours.length < new Set(teamIds).size) throw notYours('team', 'teams');
      return;
    }
    const found = await manager.countBy(Organization, { id: In([...organizationIds]) });
    if (found < new Set(organizationIds).size)
      throw new GatewayError('request.bad_field', 'An organization in `organizations` does not exist.', {
        param: 'organizations',
      });
  }

  /** A name that means nothing is a mistake of people's. What an identity provider says is kept as it is: it gives no rights. */
  async #assertRole(manager: EntityManager, author: Author, role: string | undefined): Promise<void> {
    if (role === undefined || author === PROVIDER || USER_ROLES.some((each) => each === role)) return;
    if (await isRoleOfOurs(manager, this.config.roles, role)) return;
    throw new GatewayError('request.unprocessable', `There is no role of this name: ${role.slice(0, 64)}.`, {
      param: 'user_role',
    });
  }

  async #insert(manager: EntityManager, id: string, draft: NewUser, settings: UserChange): Promise<User> {
    const nowMs = this.clock.nowMs();
    const [home, ...others] = draft.organizationIds;
    await manager.insert(User, {
      ...userColumns(settings, undefined, nowMs),
      id,
      // An account of several organizations is nobody's but the proxy administrators'.
      organizationId: others.length === 0 ? (home ?? null) : null,
      createdAt: new Date(nowMs),
      updatedAt: new Date(nowMs),
    } as never);
    return manager.findOneByOrFail(User, { id });
  }

  /** Judged as if the new user made it with its maker's key: whoever makes an account may not give it more than either has. */
  async #firstKey(
    transaction: Transaction,
    author: Author,
    standing: Standing,
    user: User,
    { settings, secret }: NonNullable<NewUser['firstKey']>,
  ): Promise<IssuedKey> {
    const wanted = { ...settings, userId: user.id, organizationId: user.organizationId };
    if (standing.role === 'proxy_admin') return this.keys.issue(transaction, author, wanted, secret);
    const { manager } = transaction;
    const nowMs = this.clock.nowMs();
    const own = await standingOf(manager, {
      ...author.principal,
      role: 'internal_user',
      user: { id: user.id },
    });
    const columns: Partial<VirtualKey> = columnsOf(wanted, undefined, nowMs);
    const judgement = await loadKeyJudgement(manager, author.principal, columns, {
      grants: { editableFields: [] },
      nowMs,
      standing: own,
    });
    const inherited = judgeNewKey(columns, judgement);
    const issued = await this.keys.issue(transaction, author, wanted, secret);
    if (Object.keys(inherited).length === 0) return issued;
    await manager.update(VirtualKey, { id: issued.key.id }, inherited as never);
    return { ...issued, key: await manager.findOneByOrFail(VirtualKey, { id: issued.key.id }) };
  }

  async #insertNamed(
    transaction: Transaction,
    author: Author,
    standing: Standing,
    named: PersonNamed,
    settings: UserChange,
  ): Promise<User> {
    if (standing.role !== 'proxy_admin') throw notYours('user', 'user_id');
    await this.#assertRole(transaction.manager, author, settings.role);
    const id = named.userId ?? newId('user', this.clock.nowMs());
    const whole = withUserDefaults(this.config, {
      ...settings,
      email: settings.email ?? named.email ?? null,
    });
    const user = await this.#insert(transaction.manager, id, { settings: whole, organizationIds: [] }, whole);
    await transaction.record('created', 'user', id, { before: null, after: user });
    await assignGroups(transaction, author, { type: 'user', id }, settings.accessGroupIds);
    return user;
  }

  /** An organization's administrator deletes only who belongs nowhere else. */
  async #isWhollyInside(manager: EntityManager, standing: Standing, user: User): Promise<boolean> {
    if (standing.role === 'proxy_admin') return true;
    if (!administersUser(standing, user) || user.id === standing.userId) return false;
    const elsewhere = await standingOf(manager, {
      role: 'internal_user',
      user: { id: user.id },
    } as Parameters<typeof standingOf>[1]);
    const places = [
      ...elsewhere.organizations.keys(),
      ...[...elsewhere.teams.values()].map(({ organizationId }) => organizationId),
    ];
    return places.every((id) => administersOrganization(standing, id));
  }
}

function refusalOf(thrown: unknown, id: string, settings: UserChange): GatewayError | undefined {
  const index = violatedIndex(thrown);
  if (index === 'users_pkey') return taken('id', id, 'user_id', thrown);
  if (index === 'users_email_key') return taken('email', settings.email ?? '', 'user_email', thrown);
  if (index === 'users_sso_user_id_key')
    return taken('sso id', settings.ssoUserId ?? '', 'sso_user_id', thrown);
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
  const { code, table } = driverErrorOf(thrown) ?? {};
  return code === '23503' && table === 'team_members';
}

export function userNotFound(userId: string): GatewayError {
  const message = `User ${userId} not found`;
  return new GatewayError('request.not_found', message, { param: 'user_id', detail: { error: message } });
}
