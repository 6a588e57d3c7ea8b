export { BrowsingPool } from './browsing-pool.js';
export type { Change, ChangeMark, ChangeNoun, ChangeSubscriber } from './change.js';
export type { ChangeFeedOptions } from './change-feed.js';
export { Changes } from './changes.js';
export { cleanUpChanges } from './clean-up-changes.js';
export { bigintColumn, countColumn, nanoUsdColumn } from './columns.js';
export { createDataSource, type DataSourceOptions } from './data-source.js';
export { addToDailyActivity, DAILY_ACTIVITY_SOURCE } from './daily-activity-sql.js';
export { DatabaseHealth } from './database-health.js';
export { DatabaseModule, type DatabaseModuleOptions } from './database.module.js';
export { DirectoryInUse } from './embedded/directory-lock.js';
export { runningEmbeddedUrl } from './embedded/running.js';
export {
  type EmbeddedPostgres,
  type EmbeddedPostgresOptions,
  startEmbeddedPostgres,
} from './embedded/embedded-postgres.js';
export {
  type ActivityFacet,
  Alert,
  AlertDelivery,
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
  AppState,
  ArchivedKey,
  ArchivedTeam,
  AuditCheckpoint,
  AuditEvent,
  AuditValue,
  Balance,
  Budget,
  CounterMember,
  BudgetPeriod,
  Customer,
  DailyActivity,
  ENTITIES,
  Governed,
  Invitation,
  KeyGrace,
  JwtKeyMapping,
  LedgerEntry,
  LoggedPrompt,
  Organization,
  OrganizationMember,
  PrivacyErasure,
  Project,
  ProxyInstance,
  Session,
  SignInAttempts,
  SignInFlow,
  ScimGroup,
  ScimUser,
  SpendAdjustment,
  type StoredBudget,
  type StoredCharge,
  Tag,
  Team,
  TeamMember,
  User,
  VirtualKey,
} from './entities/index.js';
export { holdDaysInPlace, layOutDays } from './lay-out-days.js';
export { ensureDayPartitions, ensureLedgerPartitions, partitionsBefore } from './ledger-partitions.js';
export { LEASE_MS, type Replica, type RevocationReceipt } from './replica.js';
export { dropDaysBefore } from './retention.js';
export { driverErrorOf } from './driver-error.js';
export { DatabaseAway, isOutage, rethrowOutage } from './outage.js';
export { runMigrations } from './run-migrations.js';
export { type EncryptionKeyOptions, EncryptionKeySource } from './secrets/encryption-key-source.js';
export { readLiteLLMCiphertext } from './secrets/litellm-ciphertext.js';
export { checkSecrets, rotateSecrets, type SecretColumnState } from './secrets/rotate-secrets.js';
export { SECRET_COLUMNS, type SecretColumnName } from './secrets/secret-column.js';
export { SecretColumns } from './secrets/secret-columns.js';
export { SingletonLock, type SingletonLockOptions } from './singleton-lock.js';
export {
  assertWallHides,
  beyondTenancy,
  isWallStanding,
  raiseTenancyWall,
  type SystemActor,
} from './tenancy/tenancy-wall.js';
export { Turnstile } from './turnstile.js';
export { keepReadingPool, readAs, withTransaction } from './with-transaction.js';
