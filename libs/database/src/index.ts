export { bigintColumn, countColumn, nanoUsdColumn } from './columns.js';
export {
  AppState,
  ArchivedKey,
  AuditEvent,
  Balance,
  BudgetPeriod,
  ENTITIES,
  LedgerEntry,
  ProxyInstance,
  type StoredCharge,
  Team,
  TeamMember,
  User,
  VirtualKey,
} from './entities/index.js';
export { ensureLedgerPartitions } from './ledger-partitions.js';
