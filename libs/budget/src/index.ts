export {
  type Bound,
  type BoundOptions,
  boundOf,
  clampedOutputTokens,
  MINIMAL_ANSWER_TOKENS,
} from './bounds.js';
export { BudgetPeriods, type ClosedPeriods } from './budget-periods.js';
export { BudgetModule } from './budget.module.js';
export { Budgets } from './budgets.js';
export { type CallEnding, type ChargedCost, chargeFor } from './charge-rules.js';
export { inputTokenBound, mayWriteCache } from './input-bound.js';
export { BalanceStore } from './ledger/balance-store.js';
export { LedgerStore } from './ledger/ledger-store.js';
export { PostgresSpendReader } from './ledger/postgres-spend-reader.js';
export { type LedgerBacklog, SpendLedger } from './ledger/spend-ledger.js';
export type { BeginRecord, Charge, EndRecord } from './ledger.js';
export { LIFETIME, type Period, periodAt, type PeriodRule } from './periods.js';
export { type Cost, costOf, NO_COST } from './price-book/cost.js';
export { type DeploymentPrice, PriceBook } from './price-book/price-book.js';
export { countTokens, tightenInputBound } from './tighten.js';
