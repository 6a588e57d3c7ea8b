import { Alert } from './alert.js';
import { AlertDelivery } from './alert-delivery.js';
import { DailyActivity } from './daily-activity.js';
import { AccessGroup } from './access-group.js';
import { AccessGroupModel } from './access-group-model.js';
import { StoredEndpoint } from './stored-endpoint.js';
import { CliSignIn } from './cli-sign-in.js';
import { ConfigSetting } from './config-setting.js';
import { EncryptionKey } from './encryption-key.js';
import { ProxyModel } from './proxy-model.js';
import { StoredCredential } from './stored-credential.js';
import { StoredDecision } from './stored-decision.js';
import { StoredRole } from './stored-role.js';
import { Tag } from './tag.js';
import { Session } from './session.js';
import { SignInAttempts } from './sign-in-attempts.js';
import { SpendAdjustment } from './spend-adjustment.js';
import { KeyGrace } from './key-grace.js';
import { Customer } from './customer.js';
import { Budget } from './budget.js';
import { CounterMember } from './counter-member.js';
import { AppState } from './app-state.js';
import { ArchivedKey } from './archived-key.js';
import { ArchivedTeam } from './archived-team.js';
import { AuditCheckpoint } from './audit-checkpoint.js';
import { AuditValue } from './audit-value.js';
import { Invitation } from './invitation.js';
import { JwtKeyMapping } from './jwt-key-mapping.js';
import { LoggedPrompt } from './logged-prompt.js';
import { Organization } from './organization.js';
import { OrganizationMember } from './organization-member.js';
import { PrivacyErasure } from './privacy-erasure.js';
import { Project } from './project.js';
import { AuditEvent } from './audit-event.js';
import { Balance } from './balance.js';
import { BudgetPeriod } from './budget-period.js';
import { LedgerEntry } from './ledger-entry.js';
import { ProxyInstance } from './proxy-instance.js';
import { SignInFlow } from './sign-in-flow.js';
import { ScimGroup } from './scim-group.js';
import { ScimUser } from './scim-user.js';
import { Team } from './team.js';
import { TeamMember } from './team-member.js';
import { User } from './user.js';
import { VirtualKey } from './virtual-key.js';

/** The whole schema: it is one graph, so it has one list. */
export const ENTITIES = [
  Alert,
  AlertDelivery,
  DailyActivity,
  AccessGroup,
  AccessGroupModel,
  StoredEndpoint,
  CliSignIn,
  ConfigSetting,
  EncryptionKey,
  ProxyModel,
  StoredCredential,
  StoredDecision,
  StoredRole,
  Tag,
  Session,
  SignInAttempts,
  SpendAdjustment,
  KeyGrace,
  Customer,
  Budget,
  CounterMember,
  AppState,
  ArchivedKey,
  ArchivedTeam,
  AuditCheckpoint,
  AuditEvent,
  AuditValue,
  Balance,
  BudgetPeriod,
  Invitation,
  JwtKeyMapping,
  LedgerEntry,
  LoggedPrompt,
  Organization,
  OrganizationMember,
  PrivacyErasure,
  Project,
  ProxyInstance,
  SignInFlow,
  ScimGroup,
  ScimUser,
  Team,
  TeamMember,
  User,
  VirtualKey,
];

export {
  Alert,
  AlertDelivery,
  DailyActivity,
  AccessGroup,
  AccessGroupModel,
  StoredEndpoint,
  CliSignIn,
  ConfigSetting,
  EncryptionKey,
  ProxyModel,
  StoredCredential,
  StoredDecision,
  StoredRole,
  Tag,
  Session,
  SignInAttempts,
  SpendAdjustment,
  KeyGrace,
  Customer,
  Budget,
  CounterMember,
  AppState,
  ArchivedKey,
  ArchivedTeam,
  AuditCheckpoint,
  AuditEvent,
  AuditValue,
  Balance,
  BudgetPeriod,
  Invitation,
  JwtKeyMapping,
  LedgerEntry,
  LoggedPrompt,
  Organization,
  OrganizationMember,
  PrivacyErasure,
  Project,
  ProxyInstance,
  SignInFlow,
  ScimGroup,
  ScimUser,
  Team,
  TeamMember,
  User,
  VirtualKey,
};
export { Governed, type StoredBudget } from './governed.js';
export type { ActivityFacet } from './daily-activity.js';
