export { BrowsingPool } from './browsing-pool.js';
export type { Change, ChangeMark, ChangeNoun, ChangeSubscriber } from './change.js';
export { Changes } from './changes.js';
export { cleanUpChanges } from './clean-up-changes.js';
export { createDataSource } from './data-source.js';
export { addToDailyActivity, DAILY_ACTIVITY_SOURCE } from './daily-activity-sql.js';
export { DatabaseHealth } from './database-health.js';
export { DatabaseModule } from './database.module.js';
export { DirectoryInUse } from './embedded/directory-lock.js';
export { giveWay } from './embedded/give-way.js';
export { runningEmbeddedUrl } from './embedded/running.js';
export { type EmbeddedPostgres, startEmbeddedPostgres } from './embedded/embedded-postgres.js';
export {
  type ActivityFacet,
  AccessGroup,
  AccessGroupModel,
  StoredEndpoint,
  CliSignIn,
  ConfigSetting,
  ProxyModel,
  StoredCredential,
  StoredDecision,
  StoredRole,
  ArchivedKey,
  ArchivedTeam,
  AuditEvent,
  Balance,
  Budget,
  Customer,
  Governed,
  Invitation,
  KeyGrace,
  JwtKeyMapping,
  LedgerEntry,
  LoggedPrompt,
  Organization,
  OrganizationMember,
  Project,
  Session,
  SignInFlow,
  ScimGroup,
  ScimUser,
  SpendAdjustment,
  type StoredBudget,
  Tag,
  Team,
  TeamMember,
  User,
  VirtualKey,
} from './entities/index.js';
export { GOVERNED_TABLES, type GovernedScopeType } from './entities/governed-tables.js';
export { holdDaysInPlace, layOutDays } from './lay-out-days.js';
export { ensureDayPartitions, ensureLedgerPartitions } from './ledger-partitions.js';
export { type RevocationReceipt } from './replica.js';
export { dropDaysBefore } from './retention.js';
export { driverErrorOf } from './driver-error.js';
export { DatabaseAway, isOutage, rethrowOutage } from './outage.js';
export { findSchemaState, runMigrations, type SchemaState } from './run-migrations.js';
export { insertRow, insertUnlessTaken, lockName, lockRow, writeRow } from './rows.js';
export { type EncryptionKeyOptions, EncryptionKeySource } from './secrets/encryption-key-source.js';
export { readLiteLLMCiphertext } from './secrets/litellm-ciphertext.js';
export { checkSecrets, rotateSecrets, type SecretColumnState } from './secrets/rotate-secrets.js';
export { SecretColumns } from './secrets/secret-columns.js';
export { SingletonLock } from './singleton-lock.js';
export {
  assertWallHides,
  beyondTenancy,
  isWallStanding,
  raiseTenancyWall,
  type SystemActor,
} from './tenancy/tenancy-wall.js';
export { Turnstile } from './turnstile.js';
export { readAs, withTransaction } from './with-transaction.js';
