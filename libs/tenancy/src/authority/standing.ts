import type { Principal, Role } from '#libs/kernel';
import type { EntityManager } from 'typeorm';
import { seesEverything } from '../authority.js';

/** What somebody is in one team. */
export interface TeamStanding {
  readonly role: 'admin' | 'user';
  readonly organizationId: string | null;
  /** Null: the product's default for members. */
  readonly memberPermissions: readonly string[] | null;
}

export type OrganizationRole = 'org_admin' | 'internal_user' | 'internal_user_viewer';

/**
 * Who somebody is towards everybody else's rows: role, and what it is in which team and organization. All decisions of
 * this room are made from it and from the rows they are about, and from nothing a request says.
 */
export interface Standing {
  readonly role: Role;
  /** Absent: a program without a person, which owns nothing. */
  readonly userId: string | undefined;
  /** The key it came with. */
  readonly keyId: string | undefined;
  /** The organization that made the person's account. */
  readonly homeOrganizationId: string | null;
  readonly teams: ReadonlyMap<string, TeamStanding>;
  readonly organizations: ReadonlyMap<string, OrganizationRole>;
}

/** Roles that look at their own (or at everything) and change nothing, whatever memberships say. */
const READERS: ReadonlySet<Role> = new Set([
  'proxy_admin_viewer',
  'internal_user_viewer',
  'team',
  'customer',
]);

/** Reads what the caller is, as of now: one query, and none for those who need no membership. */
export async function standingOf(manager: EntityManager, principal: Principal): Promise<Standing> {
  const userId = memberIn(principal);
  return standingWith(principal, userId === undefined ? [] : await membershipsOf(manager, userId));
}

/** Whose memberships decide; undefined: the caller is what it is without any. */
export function memberIn(principal: Principal): string | undefined {
  const { role, user } = principal;
  const needsNone = role === 'team' || role === 'customer' || seesEverything(principal);
  return needsNone ? undefined : user?.id;
}

/** Home, organizations and teams of a person. */
export function membershipsOf(manager: EntityManager, userId: string): Promise<readonly MembershipRow[]> {
  return manager.query(MEMBERSHIPS, [userId]);
}

/** `memberships`: those of `memberIn(principal)`. */
export function standingWith(principal: Principal, memberships: readonly MembershipRow[]): Standing {
  const { role } = principal;
  const teams = new Map<string, TeamStanding>();
  const organizations = new Map<string, OrganizationRole>();
  let homeOrganizationId: string | null = null;
  for (const { kind, id, role: held, organizationId, permissions } of memberships) {
    if (kind === 'home') homeOrganizationId = organizationId;
    if (kind === 'organization') organizations.set(id, held as OrganizationRole);
    if (kind === 'team') {
      teams.set(id, {
        role: held as TeamStanding['role'],
        organizationId,
        memberPermissions: permissions,
      });
    }
  }
  // An identity provider may say that somebody administers the organization of the token; a stored role of that name has no effect.
  if (
    role === 'org_admin' &&
    principal.credential !== 'virtual_key' &&
    principal.organizationId !== undefined
  )
    organizations.set(principal.organizationId, 'org_admin');
  return {
    role,
    userId: role === 'team' || role === 'customer' ? undefined : principal.user?.id,
    keyId: principal.key?.id,
    homeOrganizationId,
    teams,
    organizations,
  };
}

export interface MembershipRow {
  readonly kind: 'home' | 'team' | 'organization';
  readonly id: string;
  readonly role: string | null;
  readonly organizationId: string | null;
  readonly permissions: string[] | null;
}

const MEMBERSHIPS = `
SELECT 'home' AS kind, u.id, NULL AS role, u.organization_id AS "organizationId", NULL::text[] AS permissions
  FROM users u WHERE u.id = $1
UNION ALL
SELECT 'organization', o.organization_id, o.role, NULL, NULL FROM organization_members o WHERE o.user_id = $1
UNION ALL
SELECT 'team', m.team_id, m.role, t.organization_id, t.member_permissions
  FROM team_members m JOIN teams t ON t.id = m.team_id WHERE m.user_id = $1`;

/** Whether it may change anything at all. */
export function mayWrite({ role }: Standing): boolean {
  return !READERS.has(role);
}

export function administersOrganization(
  standing: Standing,
  organizationId: string | null | undefined,
): boolean {
  if (standing.role === 'proxy_admin') return true;
  if (organizationId === null || organizationId === undefined || !mayWrite(standing)) return false;
  return standing.organizations.get(organizationId) === 'org_admin';
}

/** The parts of a team that decide who may do what with it. */
export interface TeamPlace {
  readonly id: string;
  readonly organizationId: string | null;
}

/** In which capacity somebody manages a team; undefined: in none. */
export function capacityInTeam(
  standing: Standing,
  team: TeamPlace,
): 'proxy_admin' | 'org_admin' | 'team_admin' | undefined {
  if (standing.role === 'proxy_admin') return 'proxy_admin';
  if (!mayWrite(standing)) return undefined;
  if (administersOrganization(standing, team.organizationId)) return 'org_admin';
  return standing.teams.get(team.id)?.role === 'admin' ? 'team_admin' : undefined;
}

/** Organizations and teams the person administers, for lists. */
export function administered({ organizations, teams }: Standing): {
  organizationIds: string[];
  teamIds: string[];
} {
  return {
    organizationIds: [...organizations].filter(([, role]) => role === 'org_admin').map(([id]) => id),
    teamIds: [...teams].filter(([, { role }]) => role === 'admin').map(([id]) => id),
  };
}
