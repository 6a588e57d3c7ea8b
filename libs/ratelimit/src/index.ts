export type { LimitedDeployment } from './limited-deployment.js';
export { RateLimits } from './rate-limits.js';
export { RateLimitModule } from './ratelimit.module.js';
export { type LimitedCall } from './token-hold.js';
