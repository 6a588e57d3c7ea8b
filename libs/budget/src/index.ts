export { AlertBook } from './alerts/alert-book.js';
export { SoftBudgets } from './alerts/soft-budgets.js';
export { RefusalWatch } from './alerts/refusal-watch.js';
export { type Bound, clampedOutputTokens } from './bounds.js';
export { BudgetPeriods } from './budget-periods.js';
export { BudgetModule } from './budget.module.js';
export { Budgets } from './budgets.js';
export { type CallEnding, type ChargedCost } from './charge-rules.js';
export { inputTokenBound, mayWriteCache } from './input-bound.js';
export { LARGEST_BATCH } from './ledger/drain.js';
export { LedgerStore } from './ledger/ledger-store.js';
export { entryOf } from './spool/codec.js';
export { RecordedCaller } from './spool/recorded-caller.js';
export { PostgresSpendReader } from './ledger/postgres-spend-reader.js';
export { SpendLedger } from './ledger/spend-ledger.js';
export type { BeginRecord, EndRecord } from './ledger.js';
export type { Charge } from './prepared.js';
export { LIFETIME, periodAt } from './periods.js';
export { type Cost, costOf } from './price-book/cost.js';
export { type DeploymentPrice, PriceBook } from './price-book/price-book.js';
export { countTokens, countTokensNow, tightenInputBound, vocabularySlack } from './tighten.js';
export { type DailyFilter, type DailyRow, DailySums, type Sums } from './reports/daily-sums.js';
export {
  ACTIVITY_NOUNS,
  type ActivityNoun,
  EntityActivity,
  type EntityDay,
} from './reports/entity-activity.js';
export { KeyActivity, type KeyDay, type KeyFacts } from './reports/key-activity.js';
export type { LogFilter } from './reports/log-filter.js';
export { type BudgetAt, Ranking } from './reports/ranking.js';
export { LOG_ORDERS, type LogPaging, type NamedEntry, SpendLog } from './reports/spend-log.js';
export { Reading } from './reports/reading.js';
export { TagUse } from './reports/tag-use.js';
export { EVERYTHING, ownView, type View, Views } from './reports/view.js';
