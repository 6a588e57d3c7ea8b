export type { Change, ChangeMark, ChangeNoun, ChangeSubscriber } from './change.js';
export type { ChangeFeedOptions } from './change-feed.js';
export { Changes } from './changes.js';
export { cleanUpChanges } from './clean-up-changes.js';
export { bigintColumn, countColumn, nanoUsdColumn } from './columns.js';
export { createDataSource, type DataSourceOptions } from './data-source.js';
export { DatabaseHealth } from './database-health.js';
export { DatabaseModule, type DatabaseModuleOptions } from './database.module.js';
export { DirectoryInUse } from './embedded/directory-lock.js';
export {
  type EmbeddedPostgres,
  type EmbeddedPostgresOptions,
  startEmbeddedPostgres,
} from './embedded/embedded-postgres.js';
export {
  AppState,
  ArchivedKey,
  AuditEvent,
  Balance,
  BudgetPeriod,
  ENTITIES,
  Governed,
  LedgerEntry,
  ProxyInstance,
  type StoredBudget,
  type StoredCharge,
  Team,
  TeamMember,
  User,
  VirtualKey,
} from './entities/index.js';
export { ensureLedgerPartitions } from './ledger-partitions.js';
export { runMigrations } from './run-migrations.js';
export { SingletonLock, type SingletonLockOptions } from './singleton-lock.js';
export { type SystemActor, withTransaction } from './with-transaction.js';
