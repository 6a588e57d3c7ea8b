import { AppState } from './app-state.js';
import { ArchivedKey } from './archived-key.js';
import { AuditEvent } from './audit-event.js';
import { Balance } from './balance.js';
import { BudgetPeriod } from './budget-period.js';
import { LedgerEntry } from './ledger-entry.js';
import { ProxyInstance } from './proxy-instance.js';
import { Team } from './team.js';
import { TeamMember } from './team-member.js';
import { User } from './user.js';
import { VirtualKey } from './virtual-key.js';

/** The whole schema: it is one graph, so it has one list. */
export const ENTITIES = [
  AppState,
  ArchivedKey,
  AuditEvent,
  Balance,
  BudgetPeriod,
  LedgerEntry,
  ProxyInstance,
  Team,
  TeamMember,
  User,
  VirtualKey,
];

export {
  AppState,
  ArchivedKey,
  AuditEvent,
  Balance,
  BudgetPeriod,
  LedgerEntry,
  ProxyInstance,
  Team,
  TeamMember,
  User,
  VirtualKey,
};
export { Governed, type StoredBudget } from './governed.js';
export type { StoredCharge } from './ledger-entry.js';
