import { Injectable } from '@nestjs/common';
import { readAs, Team, TeamMember, User, VirtualKey } from '#libs/database';
import { GatewayError, type Principal } from '#libs/kernel';
import { DataSource, In } from 'typeorm';
import { seesEverything } from './authority.js';
import { administersUser } from './authority/people-judgement.js';
import { notYours } from './authority/refusals.js';
import { administered, type Standing, standingOf } from './authority/standing.js';
import { Standings } from './authority/standings.js';
import { Conditions, containing, entityFromRow, type Page, pageOf, type Paging } from './rows.js';
import { userNotFound } from './user-refusals.js';

/** A user with what belongs to it. */
export interface UserView {
  readonly userId: string;
  /** Null when only keys know the name. */
  readonly user: User | null;
  readonly keys: readonly VirtualKey[];
  readonly teams: readonly Team[];
}

/** A row of a list of people. */
export interface ListedUser {
  readonly user: User;
  readonly teamIds: readonly string[];
  readonly keyCount: number;
}

/** What a list of people is narrowed by; an absent member does not narrow. */
export interface UserFilter {
  readonly role?: string | undefined;
  readonly userIds?: readonly string[] | undefined;
  readonly ssoUserIds?: readonly string[] | undefined;
  readonly email?: string | undefined;
  readonly search?: string | undefined;
  readonly teamId?: string | undefined;
  readonly organizationIds?: readonly string[] | undefined;
}

/** Columns a list can be ordered by; `spend` is what the account has spent in all. */
export type UserOrder = {
  readonly by: 'id' | 'email' | 'created_at' | 'spend' | 'alias' | 'role';
  readonly direction: 'ASC' | 'DESC';
};

/** More rows than this in one unpaged answer would hurt the process that builds it. */
const MOST_ROWS = 10_000;
const SPENT = `coalesce((SELECT b.settled_nano FROM balances b WHERE b.scope_type = 'user' AND b.budget = 'total' AND b.period_id = 'total' AND b.scope_id = id), 0)`;

/** Looks people up. Somebody who is not the caller's to see is answered as somebody who is not there. */
@Injectable()
export class UserCatalogue {
  constructor(
    private readonly database: DataSource,
    private readonly standings: Standings,
  ) {}

  /** A user, its keys and its teams. */
  info(caller: Principal, userId: string): Promise<UserView> {
    return readAs(this.database, caller, async (manager) => {
      const standing = await standingOf(manager, caller);
      const user = await manager.findOneBy(User, { id: userId });
      const isSeen =
        seesEverything(standing) ||
        caller.user?.id === userId ||
        (user !== null && administersUser(standing, user));
      if (!isSeen) throw notYours('user', 'user_id');
      const keys = await manager.find(VirtualKey, {
        where: { userId },
        order: { createdAt: 'DESC' },
        take: MOST_ROWS,
      });
      if (user === null && keys.length === 0) throw userNotFound(userId);
      const ids = (await manager.findBy(TeamMember, { userId })).map(({ teamId }) => teamId);
      const teams =
        ids.length === 0 ? [] : await manager.find(Team, { where: { id: In(ids) }, order: { id: 'ASC' } });
      return { userId, user, keys, teams };
    });
  }

  /** Everybody the caller may see, by id. Throws 400 when there are more than `most`. */
  async everybody(caller: Principal, most: number): Promise<User[]> {
    const found = await this.page(caller, {}, { by: 'id', direction: 'ASC' }, { page: 1, size: most + 1 });
    if (found.total > most)
      throw new GatewayError(
        'request.bad_field',
        `There are more than ${most} users: name them in several calls.`,
        { param: 'all_users' },
      );
    return found.items.map(({ user }) => user);
  }

  /** The teams somebody is in, as far as the caller may see them. */
  async teamIdsOf(caller: Principal, userId: string): Promise<string[]> {
    const members = await readAs(this.database, caller, (manager) =>
      manager.find(TeamMember, { where: { userId }, order: { teamId: 'ASC' } }),
    );
    return members.map(({ teamId }) => teamId);
  }

  /** What an administrator sees who names nobody: every key and every team. */
  overview(caller: Principal, userId: string): Promise<UserView> {
    return readAs(this.database, caller, async (manager) => {
      const order = { createdAt: 'DESC' } as const;
      const user = await manager.findOneBy(User, { id: userId });
      const keys = await manager.find(VirtualKey, { order, take: MOST_ROWS });
      const teams = await manager.find(Team, { order, take: MOST_ROWS });
      return { userId, user, keys, teams };
    });
  }

  /** A page of the people the caller administers. Throws 403 for those who administer nobody. */
  async page(
    caller: Principal,
    filter: UserFilter,
    order: UserOrder,
    { page, size }: Paging,
  ): Promise<Page<ListedUser>> {
    const by = order.by === 'spend' ? SPENT : order.by;
    const { rows, total } = await readAs(this.database, caller, async (manager) => {
      const conditions = new Conditions();
      if (!seesEverything(caller))
        assertAdministersSome(await this.standings.of(manager, caller), conditions);
      narrow(conditions, filter);
      return pageOf(manager, {
        table: 'users',
        conditions,
        order:
          order.by === 'id' ? `id ${order.direction}` : `${by} ${order.direction}, id ${order.direction}`,
        limit: size,
        offset: (page - 1) * size,
        extras: EXTRAS,
      });
    });
    return {
      total,
      items: rows.map((row) => ({
        user: entityFromRow(this.database, User, row),
        teamIds: row['teamIds'] as string[],
        keyCount: Number(row['keyCount']),
      })),
    };
  }
}

const EXTRAS = {
  teamIds:
    "(SELECT coalesce(array_agg(m.team_id ORDER BY m.team_id), '{}') FROM team_members m WHERE m.user_id = page.id)",
  keyCount: '(SELECT count(*) FROM virtual_keys k WHERE k.user_id = page.id)',
};

function assertAdministersSome(standing: Standing, conditions: Conditions): void {
  const { organizationIds } = administered(standing);
  if (organizationIds.length === 0) throw notYours('list of users');
  conditions.add(
    'organization_id = ANY(?) OR id IN (SELECT o.user_id FROM organization_members o WHERE o.organization_id = ANY(?))',
    organizationIds,
    organizationIds,
  );
}

function narrow(conditions: Conditions, filter: UserFilter): void {
  if (filter.role !== undefined) conditions.add('role = ?', filter.role);
  const [only, ...more] = filter.userIds ?? [];
  if (only !== undefined && more.length === 0) conditions.add('id ILIKE ?', containing(only));
  if (more.length > 0) conditions.add('id = ANY(?)', filter.userIds);
  if (filter.ssoUserIds !== undefined) conditions.add('sso_user_id = ANY(?)', filter.ssoUserIds);
  if (filter.email !== undefined) conditions.add('email ILIKE ?', containing(filter.email));
  if (filter.search !== undefined) {
    const part = containing(filter.search);
    conditions.add('email ILIKE ? OR alias ILIKE ? OR id = ?', part, part, filter.search);
  }
  if (filter.teamId !== undefined)
    conditions.add('id IN (SELECT m.user_id FROM team_members m WHERE m.team_id = ?)', filter.teamId);
  if (filter.organizationIds !== undefined)
    conditions.add(
      'id IN (SELECT o.user_id FROM organization_members o WHERE o.organization_id = ANY(?))',
      filter.organizationIds,
    );
}
