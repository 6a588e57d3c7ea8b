import { Injectable } from '@nestjs/common';
import { Organization, readAs, Team } from '#libs/database';
import type { Principal } from '#libs/kernel';
import { DataSource, type EntityManager, In } from 'typeorm';
import { seesEverything } from './authority.js';
import { notYours } from './authority/refusals.js';
import { administersOrganization, type OrganizationRole, standingOf } from './authority/standing.js';
import { organizationNotFound } from './organizations.js';
import { containing } from './rows.js';

/** A member as those see it who may look at the organization. */
export interface OrganizationMembership {
  readonly organizationId: string;
  readonly userId: string;
  readonly role: OrganizationRole;
  readonly email: string | null;
  readonly alias: string | null;
  readonly capNanoUsd: bigint | null;
  readonly budgetId: string | null;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

export interface OrganizationView {
  readonly organization: Organization;
  readonly members: readonly OrganizationMembership[];
  readonly teams: readonly Team[];
}

/** Shown without paging; more would hurt the process that builds the answer. */
const MOST_ROWS = 10_000;

/** Looks organizations up for people: everybody sees those it is in, and its teams and members as far as it administers it. */
@Injectable()
export class OrganizationCatalogue {
  constructor(private readonly database: DataSource) {}

  async get(caller: Principal, id: string): Promise<OrganizationView> {
    const [view] = await this.#views(caller, [id]);
    if (view !== undefined) return view;
    throw seesEverything(caller) ? organizationNotFound(id) : notYours('organization', 'organization_id');
  }

  /** Those of the named ones that the caller may see. */
  find(caller: Principal, ids: readonly string[]): Promise<readonly OrganizationView[]> {
    return this.#views(caller, ids);
  }

  list(
    caller: Principal,
    filter: { id?: string | undefined; alias?: string | undefined },
  ): Promise<readonly OrganizationView[]> {
    return this.#views(caller, filter.id === undefined ? undefined : [filter.id], filter.alias);
  }

  #views(
    caller: Principal,
    ids: readonly string[] | undefined,
    alias?: string,
  ): Promise<readonly OrganizationView[]> {
    return readAs(this.database, caller, (manager) => this.#read(manager, caller, ids, alias));
  }

  async #read(
    manager: EntityManager,
    caller: Principal,
    ids: readonly string[] | undefined,
    alias: string | undefined,
  ): Promise<readonly OrganizationView[]> {
    const standing = await standingOf(manager, caller);
    const query = manager
      .createQueryBuilder(Organization, 'organization')
      .orderBy('organization.createdAt', 'DESC')
      .addOrderBy('organization.id')
      .limit(MOST_ROWS);
    if (ids !== undefined) query.andWhere('organization.id = ANY(:ids)', { ids });
    if (alias !== undefined) query.andWhere('organization.alias ILIKE :alias', { alias: containing(alias) });
    if (!seesEverything(standing)) {
      const own = [
        ...standing.organizations.keys(),
        ...(caller.organizationId ? [caller.organizationId] : []),
      ];
      query.andWhere('organization.id = ANY(:own)', { own });
    }
    const organizations = await query.getMany();
    if (organizations.length === 0) return [];
    const found = organizations.map(({ id }) => id);
    const members = await this.#members(manager, found);
    const teams = await manager.find(Team, {
      where: { organizationId: In(found) },
      order: { id: 'ASC' },
      take: MOST_ROWS,
    });
    return organizations.map((organization) => {
      const isManaged = seesEverything(standing) || administersOrganization(standing, organization.id);
      return {
        organization,
        members: members.filter(
          ({ organizationId, userId }) =>
            organizationId === organization.id && (isManaged || userId === standing.userId),
        ),
        teams: teams.filter(
          ({ id, organizationId }) =>
            organizationId === organization.id && (isManaged || standing.teams.has(id)),
        ),
      };
    });
  }

  async #members(manager: EntityManager, ids: readonly string[]): Promise<OrganizationMembership[]> {
    const rows: (Omit<OrganizationMembership, 'capNanoUsd'> & { cap: string | null })[] = await manager.query(
      `SELECT m.organization_id AS "organizationId", m.user_id AS "userId", m.role, u.email, u.alias, m.max_budget_nano AS cap,
              m.budget_id AS "budgetId", m.created_at AS "createdAt", m.updated_at AS "updatedAt"
         FROM organization_members m JOIN users u ON u.id = m.user_id
        WHERE m.organization_id = ANY($1) ORDER BY m.created_at, m.user_id LIMIT ${MOST_ROWS}`,
      [ids],
    );
    return rows.map(({ cap, ...row }) => ({ ...row, capNanoUsd: cap === null ? null : BigInt(cap) }));
  }
}
