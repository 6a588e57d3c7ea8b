import { Injectable } from '@nestjs/common';
import {
  Budget,
  Customer,
  Organization,
  OrganizationMember,
  Project,
  StoredRole,
  Tag,
  Team,
  TeamMember,
  User,
  type VirtualKey,
} from '#libs/database';
import { Config, isBuiltInRole } from '#libs/config';
import { DataSource, type EntityTarget, In, type ObjectLiteral } from 'typeorm';
import { type CallerIds, type CallerRecord, pinnedTagsOf } from './caller-record.js';

const NO_ROLES: CallerRecord['roles'] = new Map();

/** What of a caller is known before its other rows are read. */
export interface CallerSeed {
  readonly ids: CallerIds;
  readonly key: VirtualKey | null;
  readonly user: User | null;
  readonly team: Team | null;
  readonly member: TeamMember | null;
  /** What the credential itself says its caller is. */
  readonly claimedRole?: string | undefined;
}

/** Customers and tags that only requests name, and the rows of `budgets` asked for or pointed to. */
export interface RequestRows {
  readonly customers: ReadonlyMap<string, Customer>;
  readonly tags: ReadonlyMap<string, Tag>;
  readonly budgets: ReadonlyMap<string, Budget>;
}

/**
 * The rows a caller is compiled from, for any credential. Reads are not one snapshot: whoever keeps what was read must
 * listen to changes from before the question on, and ask again when one of the rows changed meanwhile.
 */
@Injectable()
export class CallerDirectory {
  constructor(
    private readonly database: DataSource,
    private readonly config: Config,
  ) {}

  /** The caller that a token or a session describes by ids, and perhaps by a role. Throws what the driver throws when PostgreSQL is away. */
  async find(ids: Partial<CallerIds>, claimedRole?: string): Promise<CallerRecord> {
    const { userId = null, teamId = null, organizationId = null, projectId = null, customerId = null } = ids;
    const [users, teams, member] = await Promise.all([
      this.#named(User, 'id', [userId]),
      this.#named(Team, 'id', [teamId]),
      userId === null || teamId === null
        ? null
        : this.database.getRepository(TeamMember).findOneBy({ userId, teamId }),
    ]);
    const team = teams[0] ?? null;
    const seed: CallerSeed = {
      ids: {
        userId,
        teamId,
        organizationId: organizationId ?? team?.organizationId ?? null,
        projectId,
        customerId,
      },
      key: null,
      user: users[0] ?? null,
      team,
      member,
      claimedRole,
    };
    const [record] = await this.complete([seed]);
    if (record === undefined) throw new Error('a caller without a record');
    return record;
  }

  /** The rows of customers and tags that requests name, many in one go; `budgetIds`: defaults that may apply to them. */
  async findForRequests(
    customerIds: readonly string[],
    tagNames: readonly string[],
    budgetIds: readonly string[],
  ): Promise<RequestRows> {
    const [customers, tags] = await Promise.all([
      this.#named(Customer, 'id', customerIds),
      this.#named(Tag, 'name', tagNames),
    ]);
    const linked = [...customers, ...tags].map(({ budgetId }) => budgetId);
    return {
      customers: byName(customers, 'id'),
      tags: byName(tags, 'name'),
      budgets: await this.#budgets([...budgetIds, ...linked]),
    };
  }

  /** The seeds with all their other rows: a handful of reads, however many callers. */
  async complete<Seed extends CallerSeed>(seeds: readonly Seed[]): Promise<(Seed & CallerRecord)[]> {
    const ids = seeds.map((seed) => seed.ids);
    const namesOf = (name: keyof CallerIds): (string | null)[] => ids.map((each) => each[name]);
    const [organizations, members, projects, customers] = await Promise.all([
      this.#named(Organization, 'id', namesOf('organizationId')),
      this.#organizationMembers(ids),
      this.#named(Project, 'id', namesOf('projectId')),
      this.#named(Customer, 'id', namesOf('customerId')),
    ]);
    const organizationOf = byName(organizations, 'id');
    const projectOf = byName(projects, 'id');
    const customerOf = byName(customers, 'id');
    const memberOf = new Map(members.map((row) => [`${row.organizationId}\0${row.userId}`, row]));
    const withRows = seeds.map((seed) => ({
      ...seed,
      organization: organizationOf.get(seed.ids.organizationId ?? '') ?? null,
      organizationMember: memberOf.get(`${seed.ids.organizationId ?? ''}\0${seed.ids.userId ?? ''}`) ?? null,
      project: projectOf.get(seed.ids.projectId ?? '') ?? null,
      customer: customerOf.get(seed.ids.customerId ?? '') ?? null,
    }));
    const tags = byName(await this.#named(Tag, 'name', withRows.flatMap(pinnedTagsOf)), 'name');
    const budgets = await this.#budgets([
      ...withRows.flatMap(budgetIdsOf),
      ...[...tags.values()].map(({ budgetId }) => budgetId),
      ...(withRows.some((row) => row.ids.customerId !== null) ? [this.config.budgets.customerBudgetId] : []),
    ]);
    const roles = await this.#roles(seeds.flatMap(({ user, claimedRole }) => [user?.role, claimedRole]));
    return withRows.map((row) => ({ ...row, tags, budgets, roles }));
  }

  /** Asked for nearly nobody: only for names that are no built-in role and none of the file. */
  async #roles(names: readonly (string | undefined)[]): Promise<CallerRecord['roles']> {
    const made = [...new Set(names)].filter(
      (name) => name !== undefined && !isBuiltInRole(name) && !Object.hasOwn(this.config.roles.custom, name),
    );
    if (made.length === 0) return NO_ROLES;
    const rows = byName(await this.#named(StoredRole, 'name', made), 'name');
    return new Map(made.map((name = '') => [name, rows.get(name) ?? null]));
  }

  async #budgets(ids: readonly (string | null | undefined)[]): Promise<ReadonlyMap<string, Budget>> {
    return byName(await this.#named(Budget, 'id', ids), 'id');
  }

  async #organizationMembers(ids: readonly CallerIds[]): Promise<OrganizationMember[]> {
    const wanted = ids.flatMap(({ organizationId, userId }) =>
      organizationId === null || userId === null ? [] : [{ organizationId, userId }],
    );
    return wanted.length === 0
      ? []
      : this.database.getRepository(OrganizationMember).find({
          where: {
            organizationId: In([...new Set(wanted.map(({ organizationId }) => organizationId))]),
            userId: In([...new Set(wanted.map(({ userId }) => userId))]),
          },
        });
  }

  /** Nothing is asked when nothing is named: most callers have neither project nor customer. */
  async #named<Row extends ObjectLiteral>(
    entity: EntityTarget<Row>,
    column: string,
    names: readonly (string | null | undefined)[],
  ): Promise<Row[]> {
    const wanted = [...new Set(names.filter((name) => name !== null && name !== undefined && name !== ''))];
    if (wanted.length === 0) return [];
    return this.database
      .getRepository(entity)
      .createQueryBuilder('row')
      .where(`row.${column} = ANY(:wanted)`, { wanted })
      .getMany();
  }
}

/** The shared budgets that a caller's rows point to. */
function budgetIdsOf(
  row: Omit<CallerRecord, 'tags' | 'budgets' | 'roles'>,
): readonly (string | null | undefined)[] {
  const { key, user, team, member, organization, organizationMember, project, customer } = row;
  const governed = [key, user, team, member, organization, organizationMember, project, customer];
  return [...governed.map((each) => each?.budgetId), key?.customerBudgetId];
}

function byName<Row extends ObjectLiteral>(
  rows: readonly Row[],
  column: keyof Row,
): ReadonlyMap<string, Row> {
  return new Map(rows.map((row) => [String(row[column]), row]));
}
