export {
  type Admission,
  type AdmissionRequest,
  type Claim,
  Counters,
  type GaugeClaim,
  type Measure,
  type MoneyClaim,
  type PoolClaim,
  type Refusal,
  type RefusedClaim,
  type Settlement,
  type Standing,
  type WindowClaim,
} from './counters.js';
export { CountersModule } from './counters.module.js';
export { internKey } from './keys.js';
export { LocalCounters } from './local-counters.js';
export { EpochStore } from './redis/epoch-store.js';
export type { SpendTail } from './redis/openings.js';
export { CountersClosed } from './redis/outage-share.js';
export { findRedisProblem, type RedisProblem } from './redis/redis-problem.js';
export { RedisCounters } from './redis/redis-counters.js';
