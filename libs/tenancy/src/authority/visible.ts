import { seesEverything } from '../authority.js';
import { ALWAYS_PERMITTED, type MemberPermission } from './member-permissions.js';
import { administered, type Standing } from './standing.js';

/** A condition for a list, in the words of the query builder: `alias.property`, and its parameters. Undefined: everything is visible. */
export interface Visible {
  readonly where: string;
  /** What is left of it of keys that are of no administered organization. */
  readonly elsewhere: string;
  readonly parameters: Readonly<Record<string, unknown>>;
}

/** Keys that somebody sees: its own, those of teams and organizations it administers, and of teams that permit it. */
export function visibleKeys(
  standing: Standing,
  permission: MemberPermission = '/key/list',
  alias = 'key',
): Visible | undefined {
  if (seesEverything(standing)) return undefined;
  const { organizationIds, teamIds } = administered(standing);
  const permitted = [...standing.teams]
    .filter(
      ([, { memberPermissions }]) =>
        ALWAYS_PERMITTED.includes(permission) || memberPermissions?.includes(permission),
    )
    .map(([id]) => id);
  const elsewhere = `${alias}.id = :ownKey OR ${alias}.userId = :ownUser OR ${alias}.teamId = ANY(:ownTeams)`;
  return {
    elsewhere: `(${elsewhere})`,
    where: `(${elsewhere} OR ${alias}.organizationId = ANY(:ownOrganizations)
      OR ${alias}.teamId IN (SELECT team.id FROM teams team WHERE team.organization_id = ANY(:ownOrganizations)))`,
    // A null never equals anything, so an absent owner shows nothing.
    parameters: {
      ownKey: standing.keyId ?? null,
      ownUser: standing.userId ?? null,
      ownTeams: [...new Set([...teamIds, ...permitted])],
      ownOrganizations: organizationIds,
    },
  };
}
