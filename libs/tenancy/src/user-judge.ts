import { Injectable } from '@nestjs/common';
import { Config } from '#libs/config';
import { Organization, Team, type User } from '#libs/database';
import { GatewayError } from '#libs/kernel';
import { type EntityManager, In } from 'typeorm';
import { PROVIDER } from './authors.js';
import { administersUser } from './authority/people-judgement.js';
import { adminOnly, fieldForbidden, notYours } from './authority/refusals.js';
import { administersOrganization, type Standing, standingOf } from './authority/standing.js';
import { isRoleOfOurs } from './custom-roles.js';
import type { Author } from './transactions.js';
import { isPlainRole, USER_ROLES, type UserChange } from './user-settings.js';

/** Where a new user is to belong. */
export interface Places {
  readonly organizationIds: readonly string[];
  readonly teamIds: readonly string[];
}

/** Judges who may make and delete which accounts, inside the transaction that does it. Changes of one: `judgeUserChange`. */
@Injectable()
export class UserJudge {
  constructor(private readonly config: Config) {}

  /** Throws the refusal; 400 to a proxy administrator who names an organization that is not there. */
  async newUser(
    manager: EntityManager,
    standing: Standing,
    settings: UserChange,
    places: Places,
  ): Promise<void> {
    if (standing.role === 'proxy_admin') return assertOrganizationsExist(manager, places.organizationIds);
    const { organizationIds } = places;
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
    const teams = await manager.findBy(Team, { id: In([...places.teamIds]) });
    const ours = teams.filter(({ organizationId }) => administersOrganization(standing, organizationId));
    if (ours.length < new Set(places.teamIds).size) throw notYours('team', 'teams');
  }

  /** A name that means nothing is a mistake of people's. What an identity provider says is kept as it is: it gives no rights. */
  async role(manager: EntityManager, author: Author, role: string | undefined): Promise<void> {
    if (role === undefined || author === PROVIDER || USER_ROLES.some((each) => each === role)) return;
    if (await isRoleOfOurs(manager, this.config.roles, role)) return;
    throw new GatewayError('request.unprocessable', `There is no role of this name: ${role.slice(0, 64)}.`, {
      param: 'user_role',
    });
  }

  /** Whether the account is the author's to delete: an organization's administrator deletes only who belongs nowhere else. */
  async mayDelete(manager: EntityManager, standing: Standing, user: User): Promise<boolean> {
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

async function assertOrganizationsExist(
  manager: EntityManager,
  organizationIds: readonly string[],
): Promise<void> {
  const found = await manager.countBy(Organization, { id: In([...organizationIds]) });
  if (found < new Set(organizationIds).size)
    throw new GatewayError('request.bad_field', 'An organization in `organizations` does not exist.', {
      param: 'organizations',
    });
}
