import type { Organization, Team, User } from '#libs/database';
import { GatewayError } from '#libs/kernel';
import { assertFits } from './fits.js';
import type { TeamAdminGrants } from './key-access.js';
import { changed, changedPart, GOVERNING_METADATA, isSame } from './key-columns.js';
import { type Bound, isPower, widerPower } from './powers.js';
import { isPlainRole } from '../user-settings.js';
import { adminOnly, fieldForbidden, notYours } from './refusals.js';
import { administersOrganization, capacityInTeam, type Standing } from './standing.js';
import { wireName } from './wire-names.js';

/** Columns of a team that its administrator may change once an operator lets him, by their names in the configuration. */
const TEAM_ADMINS_COLUMN: Readonly<Record<string, keyof Team>> = {
  max_budget: 'maxBudgetNano',
  tpm_limit: 'tpmLimit',
  rpm_limit: 'rpmLimit',
};
/** Columns that move with others. */
const FOLLOWING: ReadonlySet<string> = new Set([
  'budgetAnchorAt',
  'budgetResetAt',
  'updatedAt',
  'updatedBy',
  'createdAt',
]);

/** Judges a team's change by its rows. `organization`: the one the team will be in. Throws the refusal in the contract's words. */
export function judgeTeamChange(
  standing: Standing,
  before: Team,
  after: Team,
  organization: Organization | null,
  grants: TeamAdminGrants,
): void {
  const capacity = capacityInTeam(standing, before);
  if (capacity === undefined) throw notYours('team', 'team_id');
  if (capacity === 'team_admin') assertTeamAdminsChange(before, after, grants);
  if (capacity === 'org_admin') {
    if (before.budgetId !== after.budgetId)
      throw fieldForbidden('budget_id', 'can only be set by a proxy administrator.');
    refuseGoverningMetadata(before.metadata, after.metadata);
    // Out of an organization is out of its limits.
    if (
      before.organizationId !== after.organizationId &&
      !administersOrganization(standing, after.organizationId)
    )
      throw notYours('organization', 'organization_id');
  }
  const isMoved = before.organizationId !== after.organizationId;
  assertFits(isMoved ? after : changedPart(before, after), organization, 'organization');
}

function assertTeamAdminsChange(before: Team, after: Team, { editableFields }: TeamAdminGrants): void {
  const editable = new Set<string>(editableFields.flatMap((field) => TEAM_ADMINS_COLUMN[field] ?? []));
  for (const column of Object.keys(after)) {
    if (FOLLOWING.has(column) || editable.has(column)) continue;
    if (!isSame(before[column as keyof Team], after[column as keyof Team])) throw notForTeamAdmins(column);
  }
  const raises = widerPower({ maxBudgetNano: before.maxBudgetNano }, { maxBudgetNano: after.maxBudgetNano });
  if (raises !== undefined) throw fieldForbidden('max_budget', 'cannot be raised by a team administrator.');
}

function notForTeamAdmins(column: string): GatewayError {
  return fieldForbidden(
    wireName(column),
    'is not open to team administrators (team_admin_editable_team_fields).',
  );
}

/** Judges a team about to be made. */
export function judgeNewTeam(
  standing: Standing,
  team: Partial<Team>,
  organization: Organization | null,
): void {
  if (standing.role !== 'proxy_admin') {
    if (!administersOrganization(standing, team.organizationId)) throw adminOnly('teams', standing.role);
    if ((team.budgetId ?? null) !== null)
      throw fieldForbidden('budget_id', 'can only be set by a proxy administrator.');
    refuseGoverningMetadata({}, team.metadata ?? {});
  }
  assertFits(team, organization, 'organization');
}

/** Whether an organization's administrator administers this account: one that the organization made, and no proxy administrator's. */
export function administersUser(standing: Standing, user: User): boolean {
  if (standing.role === 'proxy_admin') return true;
  return (
    isPlainRole(user.role) &&
    user.organizationId !== null &&
    administersOrganization(standing, user.organizationId)
  );
}

/** Signing in goes by these; who sets them for others could sign in as them, or have others' rights arrive at his own account. */
const IDENTITY: ReadonlySet<string> = new Set([
  'email',
  'ssoUserId',
  'organizationId',
  'budgetId',
  'scimActive',
]);
/**
 * All that people decide about themselves. Not their password: that takes the present one, and a session, so that no key that
 * leaked becomes an account.
 */
const OWN: ReadonlySet<string> = new Set(['alias', 'metadata', 'updatedAt']);

/** Judges a user's change by its rows. */
export function judgeUserChange(standing: Standing, before: User, after: User): void {
  if (standing.role === 'proxy_admin') return;
  const isManager = administersUser(standing, before) && before.id !== standing.userId;
  if (!isManager && (standing.userId === undefined || standing.userId !== before.id))
    throw notYours('user', 'user_id');
  refuseGoverningMetadata(before.metadata, after.metadata);
  for (const column of Object.keys(after)) {
    if (isSame(before[column as keyof User], after[column as keyof User]) || FOLLOWING.has(column)) continue;
    const isOpen = isManager
      ? !IDENTITY.has(column) && !column.startsWith('password') && column !== 'role'
      : OWN.has(column);
    const isPlain = column === 'role' && isManager && isPlainRole(after.role);
    if (!isOpen && !isPlain)
      throw fieldForbidden(wireName(column), 'can only be changed by a proxy administrator.');
  }
}

/** Judges an organization's change: its own administrators only narrow what it may. */
export function judgeOrganizationChange(standing: Standing, before: Organization, after: Organization): void {
  if (standing.role === 'proxy_admin') return;
  if (!administersOrganization(standing, before.id)) throw notYours('organization', 'organization_id');
  refuseGoverningMetadata(before.metadata, after.metadata);
  const wider = widerPower(powersOf(before), powersOf(after));
  if (wider !== undefined)
    throw fieldForbidden(wider, 'of an organization can only be widened by a proxy administrator.');
  const money = new Set([
    'softBudgetNano',
    'budgetId',
    'tempBudgetNano',
    'tempBudgetEndsAt',
    'budgetDuration',
  ]);
  if (changed(before, after, money))
    throw fieldForbidden('budget', 'can only be changed by a proxy administrator.');
}

/** Everything in a row that bounds, as a bound for its successor. */
function powersOf(row: object): Bound {
  return Object.fromEntries(Object.entries(row).filter(([name]) => isPower(name))) as Bound;
}

function refuseGoverningMetadata(
  before: Readonly<Record<string, unknown>>,
  after: Readonly<Record<string, unknown>>,
): void {
  const member = GOVERNING_METADATA.find((name) => !isSame(before[name], after[name]));
  if (member !== undefined)
    throw fieldForbidden(`metadata.${member}`, 'can only be set by a proxy administrator.');
}
