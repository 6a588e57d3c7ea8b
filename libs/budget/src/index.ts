export { type Bound, type BoundOptions, boundOf, clampedOutputTokens, MINIMAL_ANSWER_TOKENS } from './bounds.js';
export { inputTokenBound, mayWriteCache } from './input-bound.js';
export type { BeginRecord, Charge, EndRecord } from './ledger.js';
export { type Period, periodAt, type PeriodRule } from './periods.js';
export { type Cost, costOf } from './price-book/cost.js';
export { type DeploymentPrice, PriceBook } from './price-book/price-book.js';
export { tightenInputBound } from './tighten.js';
