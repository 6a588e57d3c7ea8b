import { Inject, Injectable } from '@nestjs/common';
import { Config } from '#libs/config';
import {
  ArchivedTeam,
  beyondTenancy,
  Organization,
  readAs,
  Team,
  TeamMember,
  VirtualKey,
} from '#libs/database';
import { Clock, type Principal } from '#libs/kernel';
import { DataSource, type EntityManager, In } from 'typeorm';
import { seesEverything } from './authority.js';
import { capacityOverKey } from './authority/key-access.js';
import { adminOnly, notYours } from './authority/refusals.js';
import { capacityInTeam, type Standing, standingOf } from './authority/standing.js';
import { membersOf, type Membership } from './membership.js';
import { Conditions, containing, entityFromRow, type Page, pageOf, type Paging } from './rows.js';
import { teamNotFound } from './teams.js';

/** Shown without paging; more would hurt the process that builds the answer. */
const MOST_ROWS = 10_000;

/** A team as somebody looks at it. */
export interface TeamInfo {
  readonly team: Team;
  readonly organization: Organization | null;
  readonly members: readonly Membership[];
  readonly memberships: readonly TeamMember[];
  /** Not expired, the newest first; `isOurs`: the caller may act on it, so it may know its hash. */
  readonly keys: readonly { readonly key: VirtualKey; readonly isOurs: boolean }[];
  readonly capacity: 'proxy_admin' | 'org_admin' | 'team_admin' | undefined;
}

export interface ListedTeam {
  readonly team: Team;
  readonly members: readonly Membership[];
  readonly keyCount: number;
  readonly deletedAt: Date | null;
}

export interface TeamFilter {
  readonly userId?: string | undefined;
  /** Null: teams of no organization. */
  readonly organizationId?: string | null | undefined;
  readonly teamId?: string | undefined;
  readonly alias?: string | undefined;
  /** Part of an alias, or the id itself (`idPrefix`: its beginning). */
  readonly search?: string | undefined;
  readonly idPrefix?: boolean | undefined;
}

export interface TeamOrder {
  readonly by: 'id' | 'alias' | 'created_at';
  readonly direction: 'ASC' | 'DESC';
}

/**
 * Members and numbers of keys of the named teams. Read with our own rights, because whoever sees a team sees its members and how many
 * keys it has: the teams come from a query behind the wall.
 */
const DETAILS = `
SELECT named.id, coalesce(listed.members, '[]') AS members, coalesce(counted.keys, 0) AS keys FROM unnest($1::text[]) named(id)
  LEFT JOIN (
    SELECT m.team_id, json_agg(json_build_object('teamId', m.team_id, 'userId', m.user_id, 'role', m.role, 'email', u.email, 'alias', u.alias)
             ORDER BY m.created_at, m.user_id) AS members
      FROM team_members m JOIN users u ON u.id = m.user_id WHERE m.team_id = ANY($1) GROUP BY m.team_id
  ) listed ON listed.team_id = named.id
  LEFT JOIN (SELECT team_id, count(*) AS keys FROM virtual_keys WHERE team_id = ANY($1) GROUP BY team_id) counted ON counted.team_id = named.id`;

/** Looks teams up for people. A team that is not the caller's to see is answered as one that is not there. */
@Injectable()
export class TeamCatalogue {
  constructor(
    private readonly database: DataSource,
    private readonly clock: Clock,
    @Inject(Config) private readonly config: Pick<Config, 'people'>,
  ) {}

  info(caller: Principal, teamId: string, mostKeys = MOST_ROWS): Promise<TeamInfo> {
    return readAs(this.database, caller, async (manager) => {
      const standing = await standingOf(manager, caller);
      const team = await manager.findOneBy(Team, { id: teamId });
      const capacity = team === null ? undefined : capacityInTeam(standing, team);
      const isSeen =
        seesEverything(standing) ||
        capacity !== undefined ||
        standing.teams.has(teamId) ||
        caller.team?.id === teamId;
      if (team === null || !isSeen)
        throw seesEverything(standing) ? teamNotFound(teamId) : notYours('team', 'team_id');
      const { organizationId } = team;
      const keys = await this.#livingKeys(manager, teamId, mostKeys);
      return {
        team,
        organization:
          organizationId === null ? null : await manager.findOneBy(Organization, { id: organizationId }),
        members: await membersOf(manager, [teamId]),
        memberships: await manager.findBy(TeamMember, { teamId }),
        keys: keys.map((key) => ({ key, isOurs: isOurs(standing, key, team) })),
        capacity,
      };
    });
  }

  /** The teams of a person, or all of them, by alias. Others than those who see everything name themselves. */
  async list(
    caller: Principal,
    filter: TeamFilter,
  ): Promise<readonly (ListedTeam & { readonly keys: readonly VirtualKey[] })[]> {
    if (!seesEverything(caller) && (filter.userId === undefined || filter.userId !== caller.user?.id))
      throw adminOnly('teams of others', caller.role);
    return readAs(this.database, caller, async (manager) => {
      const found = await this.#page(manager, caller, filter, 'alias ASC NULLS LAST, id ASC', MOST_ROWS, 0);
      const ids = found.items.map(({ team }) => team.id);
      const keys = await manager.find(VirtualKey, {
        where: { teamId: In(ids) },
        take: MOST_ROWS,
        order: { createdAt: 'DESC' },
      });
      return found.items.map((each) => ({
        ...each,
        // Keys of a team are for those who manage it; a member has its own.
        keys: keys.filter(
          ({ teamId, userId }) =>
            teamId === each.team.id && (seesEverything(caller) || userId === caller.user?.id),
        ),
      }));
    });
  }

  async page(
    caller: Principal,
    filter: TeamFilter,
    order: TeamOrder,
    { page, size }: Paging,
  ): Promise<Page<ListedTeam>> {
    const by =
      order.by === 'id' ? `id ${order.direction}` : `${order.by} ${order.direction}, id ${order.direction}`;
    return readAs(this.database, caller, (manager) =>
      this.#page(manager, caller, filter, by, size, (page - 1) * size),
    );
  }

  /** Deleted teams, the latest first: for those who see everything, and administrators of their organization. */
  async deleted(caller: Principal, filter: TeamFilter, { page, size }: Paging): Promise<Page<ListedTeam>> {
    const [rows, total] = await readAs(this.database, caller, (manager) => {
      const query = manager
        .createQueryBuilder(ArchivedTeam, 'archived')
        .orderBy('archived.archiveId', 'DESC')
        .offset((page - 1) * size)
        .limit(size);
      if (filter.teamId !== undefined) query.andWhere('archived.id = :id', { id: filter.teamId });
      if (filter.organizationId)
        query.andWhere('archived.organizationId = :organization', { organization: filter.organizationId });
      if (!seesEverything(caller))
        query.andWhere(`archived.organizationId IN (${ADMINISTERED.replaceAll('?', ':user')})`, {
          user: caller.user?.id ?? null,
        });
      return query.getManyAndCount();
    });
    return {
      total,
      items: rows.map(({ row, deletedAt }) => ({
        team: entityFromRow(this.database, Team, row),
        members: [],
        keyCount: 0,
        deletedAt,
      })),
    };
  }

  /** Teams that anybody may join and the caller has not; their names are meant for those who do not see them yet. */
  async available(caller: Principal): Promise<readonly ListedTeam[]> {
    const { teamsToJoin } = this.config.people;
    if (teamsToJoin.length === 0) return [];
    const conditions = new Conditions().add('id = ANY(?)', teamsToJoin);
    conditions.add(
      'NOT EXISTS (SELECT FROM team_members own WHERE own.team_id = teams.id AND own.user_id = ?)',
      caller.user?.id ?? null,
    );
    // The operator has opened them to everybody, so they are shown to those outside too.
    const found = await readAs(this.database, { system: 'teams to join' }, (manager) =>
      this.#query(manager, conditions, 'alias ASC, id ASC', MOST_ROWS, 0),
    );
    return found.items;
  }

  /** The caller's own membership. */
  async ownMembership(caller: Principal, teamId: string): Promise<{ team: Team; member: TeamMember }> {
    const userId = caller.user?.id;
    return readAs(this.database, caller, async (manager) => {
      const member = userId === undefined ? null : await manager.findOneBy(TeamMember, { teamId, userId });
      const team = member && (await manager.findOneBy(Team, { id: teamId }));
      if (member === null || team === null) throw notYours('team', 'team_id');
      return { team, member };
    });
  }

  async #page(
    manager: EntityManager,
    caller: Principal,
    filter: TeamFilter,
    order: string,
    limit: number,
    offset: number,
  ): Promise<Page<ListedTeam>> {
    const conditions = new Conditions();
    if (filter.userId !== undefined)
      conditions.add('id IN (SELECT own.team_id FROM team_members own WHERE own.user_id = ?)', filter.userId);
    if (filter.organizationId !== undefined)
      conditions.add(
        filter.organizationId === null ? 'organization_id IS NULL' : 'organization_id = ?',
        ...(filter.organizationId === null ? [] : [filter.organizationId]),
      );
    if (filter.teamId !== undefined) conditions.add('id = ?', filter.teamId);
    if (filter.alias !== undefined) conditions.add('alias ILIKE ?', containing(filter.alias));
    if (filter.search !== undefined)
      conditions.add(
        `alias ILIKE ? OR ${filter.idPrefix ? 'starts_with(id, ?)' : 'id = ?'}`,
        containing(filter.search),
        filter.search,
      );
    if (!seesEverything(caller)) {
      const user = caller.role === 'customer' ? null : (caller.user?.id ?? null);
      conditions.add(
        `id IN (SELECT seen.team_id FROM team_members seen WHERE seen.user_id = ?) OR id = ? OR organization_id IN (${ADMINISTERED})`,
        user,
        caller.team?.id ?? null,
        user,
      );
    }
    return this.#query(manager, conditions, order, limit, offset);
  }

  async #query(
    manager: EntityManager,
    conditions: Conditions,
    order: string,
    limit: number,
    offset: number,
  ): Promise<Page<ListedTeam>> {
    const { rows, total } = await pageOf(manager, { table: 'teams', conditions, order, limit, offset });
    const teams = rows.map((row) => entityFromRow(this.database, Team, row));
    const details: { id: string; members: Membership[]; keys: string }[] = await beyondTenancy(
      manager,
      'members and keys of teams that are seen',
      (unbound) => unbound.query(DETAILS, [teams.map(({ id }) => id)]),
    );
    const byId = new Map(details.map((detail) => [detail.id, detail]));
    return {
      total,
      items: teams.map((team) => ({
        team,
        members: byId.get(team.id)?.members ?? [],
        keyCount: Number(byId.get(team.id)?.keys ?? 0),
        deletedAt: null,
      })),
    };
  }

  #livingKeys(manager: EntityManager, teamId: string, most: number): Promise<VirtualKey[]> {
    return manager
      .createQueryBuilder(VirtualKey, 'key')
      .where('key.teamId = :teamId', { teamId })
      .andWhere('(key.expiresAt IS NULL OR key.expiresAt > :now)', { now: new Date(this.clock.nowMs()) })
      .orderBy('key.createdAt', 'DESC')
      .limit(Math.min(most, MOST_ROWS))
      .getMany();
  }
}

/** Organizations that a person administers. */
export const ADMINISTERED = `SELECT o.organization_id FROM organization_members o WHERE o.user_id = ? AND o.role = 'org_admin'`;

function isOurs(standing: Standing, key: VirtualKey, team: Team): boolean {
  return (
    seesEverything(standing) ||
    standing.keyId === key.id ||
    capacityOverKey(standing, 'update', { key, team }) !== undefined
  );
}
