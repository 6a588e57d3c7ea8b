import { PROXY_SCOPE as scope } from '#libs/kernel';
import type { GaugeClaim, MoneyClaim, Settlement, WindowClaim } from './counters.js';

/** Claims and settlements as the specs of the counters need them. */

/** Requests in a minute. */
export const perMinute = (limit: number, key = 'rpm'): WindowClaim => ({
  kind: 'window',
  key,
  scope,
  measure: 'requests',
  limit,
  windowMs: 60_000,
  amount: 1,
});

export const slot = (limit: number): GaugeClaim => ({ kind: 'gauge', key: 'slots', scope, limit });

/** All of `full` or nothing; with `min`, less will do. */
export const money = (cap: bigint, full: bigint, key = 'usd', min = full): MoneyClaim => ({
  kind: 'money',
  key,
  scope,
  budget: 'main',
  capNanoUsd: cap,
  minNanoUsd: min,
  fullNanoUsd: full,
});

/** What a call used that cost this much. */
export const used = (costNanoUsd: bigint): Settlement => ({
  requests: 1,
  inputTokens: 0,
  outputTokens: 0,
  totalTokens: 0,
  costNanoUsd,
});
