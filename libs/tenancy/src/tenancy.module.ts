import { Module } from '@nestjs/common';
import { AuditModule } from '#libs/audit';
import { CallerDirectory } from './caller-directory.js';
import { Customers } from './customers.js';
import { CustomRoles } from './custom-roles.js';
import { KeyCatalogue } from './key-catalogue.js';
import { KeyDirectory } from './key-directory.js';
import { KeyJudge } from './key-judge.js';
import { KeyRotation } from './key-rotation.js';
import { Keys } from './keys.js';
import { KeySpend } from './key-spend.js';
import { KeyViews } from './key-view.js';
import { ExplainedCallers } from './explained-callers.js';
import { FirstKeys } from './first-keys.js';
import { Identities } from './identities.js';
import { JwtKeyMappings } from './jwt-key-mappings.js';
import { JwtRegistration } from './jwt-registration.js';
import { InvitationClaims } from './invitation-claims.js';
import { Invitations } from './invitations.js';
import { OrganizationCatalogue } from './organization-catalogue.js';
import { Organizations } from './organizations.js';
import { Projects } from './projects.js';
import { Sessions } from './sessions.js';
import { SharedBudgets } from './shared-budgets.js';
import { Tags } from './tags.js';
import { TeamCatalogue } from './team-catalogue.js';
import { TeamIdentities } from './team-identities.js';
import { TeamMembers } from './team-members.js';
import { UserCatalogue } from './user-catalogue.js';
import { ScimGroups } from './scim/scim-groups.js';
import { ScimUsers } from './scim/scim-users.js';
import { SpendReset } from './spend-reset.js';
import { StandingsModule } from './authority/standings.js';
import { Teams } from './teams.js';
import { Transactions } from './transactions.js';
import { UserJudge } from './user-judge.js';
import { UserPasswords } from './user-passwords.js';
import { Users } from './users.js';

/** What other rooms may inject. */
const DOORS = [
  CallerDirectory,
  Customers,
  CustomRoles,
  ExplainedCallers,
  SharedBudgets,
  Tags,
  KeyCatalogue,
  KeyDirectory,
  KeyRotation,
  KeySpend,
  Keys,
  Identities,
  InvitationClaims,
  Invitations,
  JwtKeyMappings,
  JwtRegistration,
  OrganizationCatalogue,
  Organizations,
  Projects,
  TeamCatalogue,
  TeamMembers,
  Sessions,
  UserCatalogue,
  ScimGroups,
  ScimUsers,
  SpendReset,
  Teams,
  Transactions,
  UserPasswords,
  Users,
];

/** Needs `DataSource`, `Changes`, `Clock`, `InstallationKey` and a `SpendReader` from whoever assembles the product. */
@Module({
  imports: [AuditModule, StandingsModule],
  providers: [...DOORS, FirstKeys, KeyJudge, KeyViews, TeamIdentities, UserJudge],
  exports: DOORS,
})
export class TenancyModule {}
