import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { AccessGroup, insertRow, lockName, lockRow, Team, User, VirtualKey, writeRow } from '#libs/database';
import { GatewayError } from '#libs/kernel';
import { type Author, hashOfNamed, keysOutside, makerOf, Transactions } from '#libs/tenancy';
import { DataSource, type EntityManager, In } from 'typeorm';
import { LiveCatalogue } from './live-catalogue.js';

/** What is said of a group; in a change, an absent member is left as it is, and a list replaces the one before. */
export interface AccessGroupDraft {
  readonly name?: string | undefined;
  readonly description?: string | null | undefined;
  readonly models?: readonly string[] | undefined;
  readonly mcpServerIds?: readonly string[] | undefined;
  readonly agentIds?: readonly string[] | undefined;
  readonly teamIds?: readonly string[] | undefined;
  readonly userIds?: readonly string[] | undefined;
  /** Raw keys, hashes or ids. */
  readonly keys?: readonly string[] | undefined;
}

/** A group with those who were given it, as far as they still exist. */
export interface AccessGroupView {
  readonly group: AccessGroup;
  readonly teams: readonly Pick<Team, 'id' | 'alias'>[];
  readonly keys: readonly Pick<VirtualKey, 'id' | 'tokenHash' | 'alias'>[];
}

/** Models under a name, given to teams, users and keys as a whole. A change counts for the very next call. For administrators of the proxy. */
@Injectable()
export class AccessGroups {
  constructor(
    private readonly database: DataSource,
    private readonly transactions: Transactions,
    private readonly live: LiveCatalogue,
  ) {}

  /** Throws 409 when the name is taken, 400 for a team or key that does not exist. */
  async create(
    author: Author,
    draft: AccessGroupDraft & { readonly name: string },
  ): Promise<AccessGroupView> {
    const view = await this.transactions.run(author, async (transaction) => {
      const { manager } = transaction;
      await assertFree(manager, draft.name, undefined);
      const maker = makerOf(author.principal);
      const id = randomUUID();
      const columns = await columnsOf(manager, draft);
      const group = await insertRow(manager, AccessGroup, {
        id,
        ...columns,
        createdBy: maker,
        updatedBy: maker,
      });
      await transaction.record('created', 'access_group', id, { before: null, after: group });
      return viewOf(manager, group);
    });
    await this.live.settled();
    return view;
  }

  /**
   * A team that the group is taken from loses it for its keys as well, unless the change names them (decision 074). Throws
   * 404, 409 for a name that is taken, 400 for a team or key that does not exist.
   */
  async update(author: Author, id: string, draft: AccessGroupDraft): Promise<AccessGroupView> {
    const view = await this.transactions.run(author, async (transaction) => {
      const { manager } = transaction;
      const before = await find(manager, id);
      if (draft.name !== undefined) await assertFree(manager, draft.name, id);
      const columns = await columnsOf(manager, draft);
      const lost = before.teamIds.filter((teamId) => columns.teamIds?.includes(teamId) === false);
      const group = await writeRow(
        manager,
        AccessGroup,
        { id: before.id },
        {
          keyIds: await keysOutside(manager, before.keyIds, lost),
          ...columns,
          updatedBy: makerOf(author.principal),
          updatedAt: new Date(),
        },
      );
      await transaction.record('updated', 'access_group', group.id, { before, after: group });
      return viewOf(manager, group);
    });
    await this.live.settled();
    return view;
  }

  /** Whoever had it has what it granted no more, from the next call on. Throws 404. */
  async delete(author: Author, id: string): Promise<void> {
    await this.transactions.run(author, async (transaction) => {
      const before = await find(transaction.manager, id);
      await transaction.manager.delete(AccessGroup, { id: before.id });
      await transaction.record('deleted', 'access_group', before.id, { before, after: null });
    });
    await this.live.settled();
  }

  /** By name. */
  async list(): Promise<AccessGroupView[]> {
    const { manager } = this.database;
    const groups = await manager.find(AccessGroup, { order: { name: 'ASC' } });
    return Promise.all(groups.map((group) => viewOf(manager, group)));
  }

  /** Throws 404. */
  async get(id: string): Promise<AccessGroupView> {
    const { manager } = this.database;
    const group = await manager.findOneBy(AccessGroup, { id });
    if (!group) throw missing();
    return viewOf(manager, group);
  }
}

async function find(manager: EntityManager, id: string): Promise<AccessGroup> {
  const group = await lockRow(manager, AccessGroup, { id });
  if (!group) throw missing();
  return group;
}

/** Of two who want a name at once, the second waits until it can see the first. */
async function assertFree(manager: EntityManager, name: string, id: string | undefined): Promise<void> {
  await lockName(manager, `tollgate.access-group:${name}`);
  const other = await manager.findOneBy(AccessGroup, { name });
  if (!other || other.id === id) return;
  throw new GatewayError('request.conflict', 'An access group of this name already exists.', {
    param: 'access_group_name',
  });
}

async function columnsOf(
  manager: EntityManager,
  { keys, teamIds, userIds, name, description, models, mcpServerIds, agentIds }: AccessGroupDraft,
): Promise<Partial<AccessGroup>> {
  if (teamIds) await assertTeams(manager, teamIds);
  if (userIds) await assertUsers(manager, userIds);
  const keyIds = keys && (await idsOfKeys(manager, keys));
  return Object.fromEntries(
    Object.entries({ name, description, models, mcpServerIds, agentIds, teamIds, userIds, keyIds }).filter(
      ([, value]) => value !== undefined,
    ),
  );
}

async function assertTeams(manager: EntityManager, ids: readonly string[]): Promise<void> {
  const found = new Set((await manager.findBy(Team, { id: In([...ids]) })).map(({ id }) => id));
  if (ids.every((id) => found.has(id))) return;
  throw new GatewayError('request.bad_field', "'assigned_team_ids' names a team that does not exist.", {
    param: 'assigned_team_ids',
  });
}

async function assertUsers(manager: EntityManager, ids: readonly string[]): Promise<void> {
  if ((await manager.countBy(User, { id: In([...ids]) })) === new Set(ids).size) return;
  throw new GatewayError('request.bad_field', "'assigned_user_ids' names a user that does not exist.", {
    param: 'assigned_user_ids',
  });
}

async function idsOfKeys(manager: EntityManager, named: readonly string[]): Promise<string[]> {
  const hashes = named.map(hashOfNamed);
  const rows = await manager.find(VirtualKey, {
    where: [{ tokenHash: In(hashes) }, { id: In([...named]) }],
    select: { id: true, tokenHash: true },
  });
  const ids = named.map(
    (name, index) => rows.find(({ id, tokenHash }) => id === name || tokenHash === hashes[index])?.id,
  );
  if (ids.every((id) => id !== undefined)) return [...new Set(ids)];
  throw new GatewayError('request.bad_field', "'assigned_key_ids' names a key that does not exist.", {
    param: 'assigned_key_ids',
  });
}

async function viewOf(manager: EntityManager, group: AccessGroup): Promise<AccessGroupView> {
  const [teams, keys] = await Promise.all([
    group.teamIds.length === 0 ? [] : manager.findBy(Team, { id: In(group.teamIds) }),
    group.keyIds.length === 0 ? [] : manager.findBy(VirtualKey, { id: In(group.keyIds) }),
  ]);
  return { group, teams, keys };
}

function missing(): GatewayError {
  return new GatewayError('request.not_found', 'There is no access group of this id.', {
    param: 'access_group_id',
  });
}
