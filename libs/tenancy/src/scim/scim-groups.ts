import { Injectable } from '@nestjs/common';
import { Config } from '#libs/config';
import { lockName, lockRow, readAs, ScimGroup, Team, TeamMember, User, writeRow } from '#libs/database';
import { Clock, type Principal } from '#libs/kernel';
import type { Filter } from 'scim2-parse-filter';
import { DataSource, type EntityManager, In } from 'typeorm';
import { makerOf } from '../authority.js';
import { standingOf } from '../authority/standing.js';
import { addMembers } from '../membership.js';
import { Conditions } from '../rows.js';
import { removeMember } from '../team-members.js';
import { modelsOfNewTeam } from '../team-settings.js';
import { Teams } from '../teams.js';
import { type Author, type Transaction, Transactions } from '../transactions.js';
import { asProvisioner, provisioner } from './scim-author.js';
import { GROUP_ATTRIBUTES, narrowBy, type Slice } from './scim-filter.js';
import { badValue, notProvisioned, notUnique } from './scim-refusals.js';
import { type Reading, type ScimGroupView, type ScimTeam, groupOf, groupViewsOf } from './scim-team.js';

/**
 * Teams as an identity provider's groups (SCIM): who is in the group is in the team. Everything else about the team is its
 * administrators'. A group it deletes is a team that is kept, and lets nobody in. Who may call is decided by the routes.
 */
@Injectable()
export class ScimGroups {
  constructor(
    private readonly database: DataSource,
    private readonly transactions: Transactions,
    private readonly teams: Teams,
    private readonly clock: Clock,
    private readonly config: Config,
  ) {}

  /** Throws 404 when there is none, or when it was deleted. */
  find(caller: Principal, id: string, reading: Reading): Promise<ScimGroupView> {
    return readAs(this.database, provisioner(caller), async (manager) => {
      const team = await manager.findOneBy(Team, { id });
      const [view] = team === null ? [] : await groupViewsOf(manager, [team], reading);
      if (view === undefined) throw notProvisioned('Group', id);
      return view;
    });
  }

  /** In the order of ids. */
  list(
    caller: Principal,
    filter: Filter | undefined,
    { startIndex, count }: Slice,
    reading: Reading,
  ): Promise<{ total: number; items: readonly ScimGroupView[] }> {
    return readAs(this.database, provisioner(caller), async (manager) => {
      const conditions = new Conditions().add('s.deleted_at IS NULL');
      if (filter !== undefined) narrowBy(conditions, filter, GROUP_ATTRIBUTES);
      const from = `FROM teams t LEFT JOIN scim_groups s ON s.team_id = t.id WHERE ${conditions.toString()}`;
      const [counted]: { total: string }[] = await manager.query(
        `SELECT count(*) AS total ${from}`,
        conditions.values,
      );
      const rows: { id: string }[] = await manager.query(
        `SELECT t.id ${from} ORDER BY t.id LIMIT ${count} OFFSET ${startIndex - 1}`,
        conditions.values,
      );
      const teams = await manager.find(Team, {
        where: { id: In(rows.map(({ id }) => id)) },
        order: { id: 'ASC' },
      });
      return { total: Number(counted?.total ?? 0), items: await groupViewsOf(manager, teams, reading) };
    });
  }

  /**
   * Makes a team with the operator's defaults for teams; without a template it has no models. One that was deleted under the
   * same `externalId` comes back with the members it is said to have now. Throws 409 when its id or name is taken.
   */
  async create(author: Author, group: ScimTeam): Promise<ScimGroupView> {
    const by = asProvisioner(author);
    const id = (await this.#takeBack(by, group)) ?? (await this.#make(by, group));
    return this.find(author.principal, id, { withMembers: true });
  }

  /** Changes what `change` makes of the group, on a locked row. Nothing changed writes nothing. Throws 404, 409. */
  async change(
    author: Author,
    id: string,
    change: (current: ScimTeam) => ScimTeam,
    reading: Reading,
  ): Promise<ScimGroupView> {
    await this.transactions.run(asProvisioner(author), async (transaction) => {
      const { team, scim } = await locked(transaction.manager, id);
      await this.#write(transaction, author, { team, scim }, change);
    });
    return this.find(author.principal, id, reading);
  }

  /** The team lets nobody in any more, and is no group towards the identity provider. Its keys, members and spend stay. */
  async remove(author: Author, id: string): Promise<void> {
    await this.transactions.run(asProvisioner(author), async (transaction) => {
      const { team, scim } = await locked(transaction.manager, id);
      const at = new Date(this.clock.nowMs());
      await this.#say(transaction.manager, id, scim, { externalId: scim?.externalId ?? null, deletedAt: at });
      await this.#update(transaction, team, { scimActive: false }, 'blocked');
    });
  }

  async #make(author: Author, group: ScimTeam): Promise<string> {
    const id = group.externalId;
    await readAs(this.database, author.principal, async (manager) => {
      if (id !== null && (await manager.existsBy(Team, { id }))) throw notUnique(`The id '${id}'`);
    });
    const { team } = await this.teams.create(
      author,
      {
        ...(id === null ? {} : { id }),
        settings: { alias: group.displayName, models: modelsOfNewTeam(this.config) },
        members: [],
      },
      async (transaction, made) => {
        await assertNameFree(transaction.manager, group.displayName, made.id);
        await this.#write(transaction, author, { team: made, scim: null }, () => group);
      },
    );
    return team.id;
  }

  async #takeBack(author: Author, group: ScimTeam): Promise<string | undefined> {
    if (group.externalId === null) return undefined;
    const { externalId } = group;
    return this.transactions.run(author, async (transaction) => {
      const { manager } = transaction;
      const [found] = await manager.find(ScimGroup, {
        where: { externalId },
        order: { deletedAt: 'DESC' },
        lock: { mode: 'pessimistic_write' },
      });
      if (found === undefined) return undefined;
      if (found.deletedAt === null) throw notUnique(`externalId '${externalId}'`);
      const where = { id: found.teamId };
      const team = await manager.findOneOrFail(Team, { where, lock: { mode: 'pessimistic_write' } });
      await this.#write(transaction, author, { team, scim: found }, () => group);
      await this.#update(transaction, team, { scimActive: true }, 'unblocked');
      return team.id;
    });
  }

  async #write(
    transaction: Transaction,
    author: Author,
    { team, scim }: { readonly team: Team; readonly scim: ScimGroup | null },
    change: (current: ScimTeam) => ScimTeam,
  ): Promise<void> {
    const { manager } = transaction;
    const members = await manager.find(TeamMember, {
      where: { teamId: team.id },
      order: { userId: 'ASC' },
      lock: { mode: 'pessimistic_write' },
    });
    const current = groupOf(
      team,
      scim,
      members.map(({ userId }) => userId),
    );
    const wanted = change(current);
    if (scim === null || scim.deletedAt !== null || scim.externalId !== wanted.externalId)
      await this.#say(manager, team.id, scim, { externalId: wanted.externalId, deletedAt: null });
    if (current.displayName !== wanted.displayName) {
      await assertNameFree(manager, wanted.displayName, team.id);
      await this.#update(transaction, team, { alias: wanted.displayName }, 'updated');
    }
    await this.#setMembers(transaction, author, team, members, new Set(wanted.memberIds));
  }

  async #setMembers(
    transaction: Transaction,
    author: Author,
    team: Team,
    present: readonly TeamMember[],
    wanted: ReadonlySet<string>,
  ): Promise<void> {
    const { manager } = transaction;
    const by = makerOf(asProvisioner(author).principal);
    for (const member of present) if (!wanted.has(member.userId)) await removeMember(transaction, member, by);
    const known = new Set(present.map(({ userId }) => userId));
    const joining = [...wanted].filter((id) => !known.has(id)).toSorted();
    if (joining.length === 0) return;
    const there = new Set((await manager.findBy(User, { id: In(joining) })).map(({ id }) => id));
    const missing = joining.find((id) => !there.has(id));
    if (missing !== undefined) throw badValue(`The member '${missing.slice(0, 256)}' is not a user.`);
    const standing = await standingOf(manager, asProvisioner(author).principal);
    await addMembers(
      transaction,
      this.config,
      standing,
      team,
      joining.map((userId) => ({ userId, role: 'user' })),
    );
    for (const userId of joining) {
      const after = await manager.findOneByOrFail(TeamMember, { teamId: team.id, userId });
      await transaction.record('created', 'team_member', `${team.id}:${userId}`, { before: null, after });
    }
  }

  async #say(
    manager: EntityManager,
    teamId: string,
    scim: ScimGroup | null,
    said: Pick<ScimGroup, 'externalId' | 'deletedAt'>,
  ): Promise<void> {
    const updatedAt = new Date(this.clock.nowMs());
    const row = { teamId, createdAt: scim?.createdAt ?? updatedAt, ...said, updatedAt };
    await manager.upsert(ScimGroup, row, ['teamId']);
  }

  async #update(
    transaction: Transaction,
    { id }: Team,
    columns: Partial<Team>,
    action: 'updated' | 'blocked' | 'unblocked',
  ): Promise<void> {
    const { manager } = transaction;
    const before = await manager.findOneByOrFail(Team, { id });
    const after = await writeRow(
      manager,
      Team,
      { id },
      { ...columns, updatedAt: new Date(this.clock.nowMs()) },
    );
    await transaction.record(action, 'team', id, { before, after });
  }
}

async function locked(manager: EntityManager, id: string): Promise<{ team: Team; scim: ScimGroup | null }> {
  const team = await lockRow(manager, Team, { id });
  const scim = await manager.findOneBy(ScimGroup, { teamId: id });
  if (team === null || (scim?.deletedAt ?? null) !== null) throw notProvisioned('Group', id);
  return { team, scim };
}

/**
 * Teams may share a name, groups may not: an identity provider looks them up by it. Inside a transaction that
 * writes: of two who want a name at once, the second waits, and hears that it is taken.
 */
async function assertNameFree(manager: EntityManager, name: string, except = ''): Promise<void> {
  await lockName(manager, `tollgate.group-name:${name.toLowerCase()}`);
  const rows: unknown[] = await manager.query(
    `SELECT 1 FROM teams t LEFT JOIN scim_groups s ON s.team_id = t.id
      WHERE lower(coalesce(t.alias, t.id)) = lower($1) AND t.id <> $2 AND s.deleted_at IS NULL LIMIT 1`,
    [name, except],
  );
  if (rows.length > 0) throw notUnique(`displayName '${name}'`);
}
