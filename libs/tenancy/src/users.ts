import { Injectable } from '@nestjs/common';
import { Config } from '#libs/config';
import { insertRow, lockRow, OrganizationMember, TeamMember, User, writeRow } from '#libs/database';
import { Clock, newId, type NanoUsd } from '#libs/kernel';
import type { EntityManager } from 'typeorm';
import { makerOf } from './authority.js';
import { judgeUserChange } from './authority/people-judgement.js';
import { notYours } from './authority/refusals.js';
import { type Standing, standingOf } from './authority/standing.js';
import { type FirstKey, FirstKeys } from './first-keys.js';
import { assignGroups, releaseGroups } from './group-assignments.js';
import { deleteKeysOf } from './key-cascade.js';
import { refuseDuplicateKey } from './key-refusals.js';
import type { IssuedKey } from './keys.js';
import { findUser, type PersonNamed } from './membership.js';
import { withUserDefaults } from './new-user.js';
import { assertGoodPassword } from './password-policy.js';
import { hashPassword } from './passwords.js';
import { type Author, type Transaction, Transactions } from './transactions.js';
import { UserJudge } from './user-judge.js';
import { refusedUser, userNotFound } from './user-refusals.js';
import { type UserChange, userColumns } from './user-settings.js';

/** A user to be made, with everything that is made in the same transaction. */
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
  readonly firstKey?: FirstKey | undefined;
}

/** `issued`: the only answer that has the first key’s secret; undefined when none was asked for. */
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
    private readonly judge: UserJudge,
    private readonly firstKeys: FirstKeys,
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
    try {
      return await this.transactions.run(author, async (transaction) => {
        const made = await this.#make(transaction, author, id, draft, settings);
        await also?.(transaction, made.user);
        return made;
      });
    } catch (thrown) {
      refuseDuplicateKey(thrown, draft.firstKey?.settings.alias ?? null);
      throw refusedUser(thrown, id, settings) ?? thrown;
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
        const before = found && (await lockRow(manager, User, { id: found.id }));
        if (before === null) return this.#insertNamed(transaction, author, standing, named, settings);
        const now = new Date(this.clock.nowMs());
        const columns = {
          ...userColumns(settings, before, now.getTime()),
          // Somebody else's word for it is good for one sign-in.
          ...(passwordHash && { passwordHash, passwordResetRequired: standing.userId !== before.id }),
          updatedAt: now,
        };
        judgeUserChange(standing, before, Object.assign(new User(), before, columns));
        if (settings.role !== before.role) await this.judge.role(manager, author, settings.role);
        const user = await writeRow(manager, User, { id: before.id }, columns);
        await transaction.record('updated', 'user', user.id, { before, after: user });
        await assignGroups(transaction, author, { type: 'user', id: user.id }, settings.accessGroupIds);
        return user;
      });
    } catch (thrown) {
      throw refusedUser(thrown, named.userId ?? '', settings) ?? thrown;
    }
  }

  /** Deletes the users with their keys, memberships and invitations, all or none; the keys are kept in the archive. Returns how many. */
  async delete(author: Author, userIds: readonly string[]): Promise<number> {
    // What hangs on an account may be hidden from its administrator: keys and memberships elsewhere, which decide, and die too.
    return this.transactions.run(author, (transaction) => this.#delete(transaction, author, userIds), {
      system: 'delete-users',
    });
  }

  async #make(
    transaction: Transaction,
    author: Author,
    id: string,
    draft: NewUser,
    settings: UserChange,
  ): Promise<MadeUser> {
    const { manager } = transaction;
    const { organizationIds, firstKey, teams = this.config.people.newUser.teams } = draft;
    const teamIds = teams.map(({ teamId }) => teamId);
    const standing = await standingOf(manager, author.principal);
    await this.judge.newUser(manager, standing, settings, { organizationIds, teamIds });
    await this.judge.role(manager, author, draft.settings.role);
    const user = await this.#insert(manager, id, organizationIds, settings);
    for (const organizationId of organizationIds)
      await manager.insert(OrganizationMember, { organizationId, userId: id });
    for (const { teamId, role, capNanoUsd } of teams)
      await manager.insert(TeamMember, { teamId, userId: id, role, maxBudgetNano: capNanoUsd });
    await transaction.record('created', 'user', id, { before: null, after: { ...user, teams } });
    await assignGroups(transaction, author, { type: 'user', id }, settings.accessGroupIds);
    const issued = firstKey && (await this.firstKeys.issue(transaction, author, standing, user, firstKey));
    return { user, teamIds, issued };
  }

  async #delete(transaction: Transaction, author: Author, userIds: readonly string[]): Promise<number> {
    const { manager } = transaction;
    const standing = await standingOf(manager, author.principal);
    const ids = [...new Set(userIds)].toSorted();
    for (const id of ids) {
      const user = await lockRow(manager, User, { id });
      if (user === null && standing.role === 'proxy_admin') throw userNotFound(id);
      if (user === null || !(await this.judge.mayDelete(manager, standing, user)))
        throw notYours('user', 'user_ids');
      await deleteKeysOf(transaction, { userId: id }, makerOf(author.principal));
      await releaseGroups(transaction, { type: 'user', id }, makerOf(author.principal));
      await manager.delete(User, { id });
      await transaction.record('deleted', 'user', id, { before: user, after: null });
    }
    return ids.length;
  }

  async #insert(
    manager: EntityManager,
    id: string,
    organizationIds: readonly string[],
    settings: UserChange,
  ): Promise<User> {
    const nowMs = this.clock.nowMs();
    const [home, ...others] = organizationIds;
    return insertRow(manager, User, {
      ...userColumns(settings, undefined, nowMs),
      id,
      // An account of several organizations is nobody's but the proxy administrators'.
      organizationId: others.length === 0 ? (home ?? null) : null,
      createdAt: new Date(nowMs),
      updatedAt: new Date(nowMs),
    });
  }

  async #insertNamed(
    transaction: Transaction,
    author: Author,
    standing: Standing,
    named: PersonNamed,
    settings: UserChange,
  ): Promise<User> {
    if (standing.role !== 'proxy_admin') throw notYours('user', 'user_id');
    await this.judge.role(transaction.manager, author, settings.role);
    const id = named.userId ?? newId('user', this.clock.nowMs());
    const whole = withUserDefaults(this.config, {
      ...settings,
      email: settings.email ?? named.email ?? null,
    });
    const user = await this.#insert(transaction.manager, id, [], whole);
    await transaction.record('created', 'user', id, { before: null, after: user });
    await assignGroups(transaction, author, { type: 'user', id }, settings.accessGroupIds);
    return user;
  }
}
