export { makerOf, seesEverything } from './authority.js';
export { CONSOLE_TEAM_ID, MASTER_USER_ID } from './reserved-ids.js';
export {
  isPermittedInTeam,
  MEMBER_PERMISSIONS,
  type MemberPermission,
} from './authority/member-permissions.js';
export { notYours } from './authority/refusals.js';
export {
  administered,
  capacityInTeam,
  type MembershipRow,
  type Standing,
  standingOf,
} from './authority/standing.js';
export { GivenStandings, KeptStandings, Standings, StandingsModule } from './authority/standings.js';
export { after, parseDuration, parsePeriod } from './duration.js';
export { KeyCatalogue } from './key-catalogue.js';
export { type KeyView, KeyViews } from './key-view.js';
export type { Page, Paging } from './rows.js';
export { keysOutside } from './group-assignments.js';
export { CustomRoles, type RoleSettings, type RoleView } from './custom-roles.js';
export { type CustomerChange, Customers, type CustomerView } from './customers.js';
export { budgetNotFound, SharedBudgets } from './shared-budgets.js';
export { type TagChange, Tags, type TagView } from './tags.js';
export { CallerDirectory, type RequestRows } from './caller-directory.js';
export {
  type CallerIds,
  type CallerRecord,
  type GovernedRow,
  type KeyRecord,
  pinnedTagsOf,
} from './caller-record.js';
export { ExplainedCallers } from './explained-callers.js';
export { Identities } from './identities.js';
export { claimId, JwtKeyMappings } from './jwt-key-mappings.js';
export { mergedMetadata } from './metadata-lists.js';
export { JwtRegistration } from './jwt-registration.js';
export { InvitationClaims } from './invitation-claims.js';
export { Invitations } from './invitations.js';
export { KeyDirectory } from './key-directory.js';
export { type BudgetSetting, type GovernedChange } from './governed-settings.js';
export { type KeyFilter, type KeyOrder } from './key-filter.js';
export { hashOfNamed, hashRawKey } from './key-secret.js';
export { KeyRotation } from './key-rotation.js';
export { type KeysNamed } from './key-rows.js';
export { blankKey, KEY_TYPES, type KeyChange, LIMIT_TYPES } from './key-settings.js';
export { EVERY_KEY, type IssuedKey, Keys, type KeySecret } from './keys.js';
export { KeySpend } from './key-spend.js';
export { type MemberDraft, type Membership, type PersonNamed } from './membership.js';
export {
  OrganizationCatalogue,
  type OrganizationMembership,
  type OrganizationView,
} from './organization-catalogue.js';
export { type OrganizationChange, type OrganizationMemberDraft, Organizations } from './organizations.js';
export { type ProjectChange, Projects } from './projects.js';
export { CLI_TOKEN_PREFIX, Sessions } from './sessions.js';
export { signingIn } from './authors.js';
export { ScimGroups } from './scim/scim-groups.js';
export type { ScimGroupView, ScimTeam } from './scim/scim-team.js';
export type { ScimPerson, ScimUserView } from './scim/scim-person.js';
export type { Slice } from './scim/scim-filter.js';
export { ScimUsers } from './scim/scim-users.js';
export { SpendReader, type SpendRow } from './spend-reader.js';
export { SpendReset } from './spend-reset.js';
export { type SpendOwner, SpendSetter } from './spend-setter.js';
export { type ListedTeam, TeamCatalogue, type TeamFilter, type TeamInfo } from './team-catalogue.js';
export { type MemberChange, TeamMembers } from './team-members.js';
export { type TeamChange } from './team-settings.js';
export { type NewTeam, teamNotFound, Teams } from './teams.js';
export { TenancyModule } from './tenancy.module.js';
export { actorOf, type Author, type Transaction, Transactions } from './transactions.js';
export { type ListedUser, UserCatalogue, type UserView } from './user-catalogue.js';
export { UserPasswords } from './user-passwords.js';
export { USER_ROLES, type UserChange } from './user-settings.js';
export { type MadeUser, type NewUser, Users } from './users.js';
