import { Injectable } from '@nestjs/common';
import { Config } from '#libs/config';
import { insertRow, lockRow, Organization, OrganizationMember, Team, User, writeRow } from '#libs/database';
import { Clock, GatewayError, newId } from '#libs/kernel';
import type { EntityManager } from 'typeorm';
import { makerOf } from './authority.js';
import { judgeOrganizationChange } from './authority/people-judgement.js';
import { adminOnly, notYours } from './authority/refusals.js';
import {
  administersOrganization,
  type OrganizationRole,
  type Standing,
  standingOf,
} from './authority/standing.js';
import { type GovernedChange, governedColumns } from './governed-settings.js';
import { deleteKeysOf } from './key-cascade.js';
import { findOrMakeUser, findUser, type PersonNamed } from './membership.js';
import { mergedMetadata } from './metadata-lists.js';
import { Teams } from './teams.js';
import { type Author, type Transaction, Transactions } from './transactions.js';
import { orTaken } from './unique.js';

export interface OrganizationSettings {
  readonly alias: string | null;
  readonly models: readonly string[];
  /** In a change it is merged into what is there; a member that is null goes. */
  readonly metadata: Readonly<Record<string, unknown>>;
}
/** What is decided about an organization. In a change, an absent member is left as it is. */
export type OrganizationChange = GovernedChange & {
  readonly [Name in keyof OrganizationSettings]?: OrganizationSettings[Name] | undefined;
};

/** Somebody to be made a member. */
export interface OrganizationMemberDraft extends PersonNamed {
  readonly role: OrganizationRole;
}

/** Tenants: what belongs together, and who administers it. */
@Injectable()
export class Organizations {
  constructor(
    private readonly transactions: Transactions,
    private readonly teams: Teams,
    private readonly clock: Clock,
    private readonly config: Config,
  ) {}

  /** Makes an organization. For proxy administrators. Throws 400 when the id is taken. */
  async create(author: Author, id: string | undefined, settings: OrganizationChange): Promise<Organization> {
    assertProxyAdmin(author);
    const nowMs = this.clock.nowMs();
    const newOne = id ?? newId('org', nowMs);
    const by = makerOf(author.principal);
    return orTaken(
      'organizations_pkey',
      (cause) =>
        new GatewayError('request.bad_field', `Organization '${newOne}' already exists.`, {
          param: 'organization_id',
          cause,
        }),
      () =>
        this.transactions.run(author, async (transaction) => {
          const { manager } = transaction;
          const at = new Date(nowMs);
          const columns = { ...this.#columns(settings, undefined, nowMs), id: newOne };
          const organization = await insertRow(manager, Organization, {
            ...columns,
            createdBy: by,
            updatedBy: by,
            createdAt: at,
            updatedAt: at,
          });
          await transaction.record('created', 'organization', newOne, { before: null, after: organization });
          return organization;
        }),
    );
  }

  /** Changes what `settings` names. Its own administrators only narrow what it may. */
  async update(author: Author, id: string, settings: OrganizationChange): Promise<Organization> {
    return this.transactions.run(author, async (transaction) => {
      const { manager } = transaction;
      const standing = await standingOf(manager, author.principal);
      const before = await lockOrganization(manager, standing, id);
      const now = new Date(this.clock.nowMs());
      const columns = {
        ...this.#columns(settings, before, now.getTime()),
        updatedBy: makerOf(author.principal),
        updatedAt: now,
      };
      judgeOrganizationChange(standing, before, Object.assign(new Organization(), before, columns));
      const after = await writeRow(manager, Organization, { id }, columns);
      await transaction.record('updated', 'organization', id, { before, after });
      return after;
    });
  }

  /**
   * Deletes the organizations with their teams, keys and memberships, all or none. The accounts they made stay, blocked:
   * without the organization nothing would bound them any more.
   */
  async delete(author: Author, ids: readonly string[]): Promise<readonly Organization[]> {
    assertProxyAdmin(author);
    const by = makerOf(author.principal);
    return this.transactions.run(author, async (transaction) => {
      const { manager } = transaction;
      const standing = await standingOf(manager, author.principal);
      const deleted: Organization[] = [];
      for (const id of [...new Set(ids)].toSorted()) {
        const organization = await lockOrganization(manager, standing, id);
        const lock = { mode: 'pessimistic_write' } as const;
        const teams = await manager.find(Team, { where: { organizationId: id }, order: { id: 'ASC' }, lock });
        for (const team of teams) await this.teams.remove(transaction, team, by);
        await deleteKeysOf(transaction, { organizationId: id }, by);
        await this.#blockAccounts(transaction, id);
        await manager.delete(Organization, { id });
        await transaction.record('deleted', 'organization', id, { before: organization, after: null });
        deleted.push(organization);
      }
      return deleted;
    });
  }

  /** Makes people members, those who do not exist too, all or none. Throws 400 when one is a member already. */
  async addMembers(
    author: Author,
    id: string,
    drafts: readonly OrganizationMemberDraft[],
    governed: GovernedChange,
  ): Promise<readonly { user: User; member: OrganizationMember; isOwn: boolean }[]> {
    return this.transactions.run(author, async (transaction) => {
      const { manager } = transaction;
      const standing = await this.#administrator(manager, author, id);
      const now = new Date(this.clock.nowMs());
      const added: { user: User; member: OrganizationMember; isOwn: boolean }[] = [];
      for (const draft of drafts) {
        const userId = await findOrMakeUser(transaction, this.config, standing, draft, id);
        const key = { organizationId: id, userId };
        if (await manager.existsBy(OrganizationMember, key)) throw alreadyMember(draft);
        const member = await insertRow(manager, OrganizationMember, {
          ...key,
          role: draft.role,
          ...governedColumns(governed, undefined, now.getTime()),
        });
        const user = await manager.findOneByOrFail(User, { id: userId });
        await transaction.record('created', 'organization_member', `${id}:${userId}`, {
          before: null,
          after: member,
        });
        added.push({ user, member, isOwn: standing.role === 'proxy_admin' || user.organizationId === id });
      }
      return added;
    });
  }

  /** Throws 400 when the person is not a member; to those who do not administer the organization what they are told of one that is not there. */
  async updateMember(
    author: Author,
    id: string,
    named: PersonNamed,
    { role, ...governed }: GovernedChange & { readonly role?: OrganizationRole | undefined },
  ): Promise<OrganizationMember> {
    return this.transactions.run(author, async (transaction) => {
      const { manager } = transaction;
      const before = await this.#lockedMember(manager, author, id, named);
      const key = { organizationId: id, userId: before.userId };
      const now = new Date(this.clock.nowMs());
      const after = await writeRow(manager, OrganizationMember, key, {
        ...governedColumns(governed, before, now.getTime()),
        ...(role === undefined ? {} : { role }),
        updatedAt: now,
      });
      await transaction.record('updated', 'organization_member', `${id}:${before.userId}`, { before, after });
      return after;
    });
  }

  /** Takes somebody out, with the memberships and keys in the organization's teams. */
  async removeMember(author: Author, id: string, named: PersonNamed): Promise<OrganizationMember> {
    return this.transactions.run(author, async (transaction) => {
      const { manager } = transaction;
      const before = await this.#lockedMember(manager, author, id, named);
      await manager.delete(OrganizationMember, { organizationId: id, userId: before.userId });
      await transaction.record('deleted', 'organization_member', `${id}:${before.userId}`, {
        before,
        after: null,
      });
      return before;
    });
  }

  async #administrator(manager: EntityManager, author: Author, id: string): Promise<Standing> {
    const standing = await standingOf(manager, author.principal);
    await lockOrganization(manager, standing, id);
    if (!administersOrganization(standing, id)) throw notYours('organization', 'organization_id');
    return standing;
  }

  async #lockedMember(
    manager: EntityManager,
    author: Author,
    id: string,
    named: PersonNamed,
  ): Promise<OrganizationMember> {
    await this.#administrator(manager, author, id);
    const user = await findUser(manager, named);
    const member =
      user === null
        ? null
        : await lockRow(manager, OrganizationMember, { organizationId: id, userId: user.id });
    if (member !== null) return member;
    const message = 'User not found in organization.';
    throw new GatewayError('request.bad_field', message, { param: 'user_id', detail: { error: message } });
  }

  async #blockAccounts(transaction: Transaction, organizationId: string): Promise<void> {
    const { manager } = transaction;
    const accounts = await manager.find(User, {
      where: { organizationId, blocked: false },
      order: { id: 'ASC' },
      lock: { mode: 'pessimistic_write' },
    });
    const updatedAt = new Date(this.clock.nowMs());
    for (const before of accounts) {
      await manager.update(User, { id: before.id }, { blocked: true, updatedAt });
      await transaction.record('blocked', 'user', before.id, {
        before,
        after: { ...before, blocked: true, updatedAt },
      });
    }
  }

  #columns(
    { alias, models, metadata, ...governed }: OrganizationChange,
    current: Organization | undefined,
    nowMs: number,
  ): Partial<Organization> {
    return {
      ...(governedColumns(governed, current, nowMs) as Partial<Organization>),
      ...(alias === undefined ? {} : { alias }),
      ...(models === undefined ? {} : { models: [...models] }),
      ...(metadata === undefined ? {} : { metadata: mergedMetadata(current?.metadata ?? {}, metadata) }),
    };
  }
}

function assertProxyAdmin({ principal }: Author): void {
  if (principal.role !== 'proxy_admin') throw adminOnly('organizations', principal.role);
}

async function lockOrganization(
  manager: EntityManager,
  standing: Standing,
  id: string,
): Promise<Organization> {
  const found = await lockRow(manager, Organization, { id });
  if (found !== null) return found;
  throw standing.role === 'proxy_admin'
    ? organizationNotFound(id)
    : notYours('organization', 'organization_id');
}

export function organizationNotFound(id: string): GatewayError {
  const message = `Organization not found, passed organization id: ${id}.`;
  return new GatewayError('request.not_found', message, {
    param: 'organization_id',
    detail: { error: message },
  });
}

function alreadyMember({ userId, email }: PersonNamed): GatewayError {
  return new GatewayError(
    'request.already_member',
    `User ${userId ?? email ?? ''} is already in the organization.`,
    { param: 'member' },
  );
}
