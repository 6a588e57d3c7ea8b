import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { AccessGroup, insertRow, lockName, lockRow, Team, User, VirtualKey, writeRow } from '#libs/database';
import { GatewayError } from '#libs/kernel';
import { type Author, hashOfNamed, keysOutside, makerOf } from '#libs/tenancy';
import { DataSource, type EntityManager, In } from 'typeorm';
import { LiveChanges } from './live-changes.js';
import { badField } from './refusals.js';

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
    private readonly changes: LiveChanges,
  ) {}

  /** Throws 409 when the name is taken, 400 for a team or key that does not exist. */
  async create(
    author: Author,
    draft: AccessGroupDraft & { readonly name: string },
  ): Promise<AccessGroupView> {
    return this.changes.run(author, async (transaction) => {
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
  }

  /**
   * A team that the group is taken from loses it for its keys as well, unless the change names them (decision 074). Throws
   * 404, 409 for a name that is taken, 400 for a team or key that does not exist.
   */
  async update(author: Author, id: string, draft: AccessGroupDraft): Promise<AccessGroupView> {
    return this.changes.run(author, async (transaction) => {
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
  }

  /** Whoever had it has what it granted no more, from the next call on. Throws 404. */
  async delete(author: Author, id: string): Promise<void> {
    await this.changes.run(author, async (transaction) => {
      const before = await find(transaction.manager, id);
      await transaction.manager.delete(AccessGroup, { id: before.id });
      await transaction.record('deleted', 'access_group', before.id, { before, after: null });
    });
  }

  /** By name. */
  async list(): Promise<AccessGroupView[]> {
    const { manager } = this.database;
    const groups = await manager.find(AccessGroup, { order: { name: 'ASC' } });
    return viewsOf(manager, groups);
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
  if (teamIds) await assertThere(manager, Team, teamIds, noSuch('team'));
  if (userIds) await assertThere(manager, User, userIds, noSuch('user'));
  const keyIds = keys && (await idsOfKeys(manager, keys));
  return Object.fromEntries(
    Object.entries({ name, description, models, mcpServerIds, agentIds, teamIds, userIds, keyIds }).filter(
      ([, value]) => value !== undefined,
    ),
  );
}

async function assertThere(
  manager: EntityManager,
  entity: typeof Team | typeof User,
  ids: readonly string[],
  refusal: GatewayError,
): Promise<void> {
  const named = new Set(ids);
  if ((await manager.countBy<Team | User>(entity, { id: In([...named]) })) < named.size) throw refusal;
}

function noSuch(noun: 'team' | 'user' | 'key'): GatewayError {
  const param = `assigned_${noun}_ids`;
  return badField(param, ` names a ${noun} that does not exist.`);
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
  throw noSuch('key');
}

async function viewOf(manager: EntityManager, group: AccessGroup): Promise<AccessGroupView> {
  const [view] = await viewsOf(manager, [group]);
  return view ?? { group, teams: [], keys: [] };
}

/** Two queries, however many groups. */
async function viewsOf(manager: EntityManager, groups: readonly AccessGroup[]): Promise<AccessGroupView[]> {
  const teamIds = [...new Set(groups.flatMap((group) => group.teamIds))];
  const keyIds = [...new Set(groups.flatMap((group) => group.keyIds))];
  const teams = teamIds.length === 0 ? [] : await manager.findBy(Team, { id: In(teamIds) });
  const keys = keyIds.length === 0 ? [] : await manager.findBy(VirtualKey, { id: In(keyIds) });
  const teamOf = new Map(teams.map((team) => [team.id, team]));
  const keyOf = new Map(keys.map((key) => [key.id, key]));
  return groups.map((group) => ({
    group,
    teams: group.teamIds.flatMap((id) => teamOf.get(id) ?? []),
    keys: group.keyIds.flatMap((id) => keyOf.get(id) ?? []),
  }));
}

function missing(): GatewayError {
  return new GatewayError('request.not_found', 'There is no access group of this id.', {
    param: 'access_group_id',
  });
}
