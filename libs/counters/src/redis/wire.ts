import { GatewayError, type NanoUsd } from '#libs/kernel';
import type {
  Admission,
  AdmissionRequest,
  Claim,
  Measure,
  Refusal,
  RefusedClaim,
  Settlement,
  Standing,
} from '../counters.js';
import { cellsOf, MAX_AMOUNT } from '../sliding-window.js';

type RefusedText = readonly [
  place: number,
  reason: 1 | 2,
  current: number | string,
  retryMs: number,
  poolCurrent?: number,
];

/** What the script says about an admission. */
export type Verdict =
  | readonly [waits: 0]
  | readonly [
      admitted: 1,
      granted: string,
      elastic: number,
      remaining: readonly (number | readonly [whole: number, pool: number])[],
      spent: readonly string[],
    ]
  | readonly [refused: 2, claims: readonly RefusedText[]]
  | readonly [missing: 3, keys: readonly string[]]
  | readonly [lost: 4];

const MEASURES: Readonly<Record<Measure, number>> = {
  requests: 0,
  total_tokens: 1,
  input_tokens: 2,
  output_tokens: 3,
};

export function measureNumber(measure: Measure): number {
  return MEASURES[measure];
}

/** `admit`, as the script reads it. Throws for amounts that no counter can hold. */
export function admitOp({ id, claims }: AdmissionRequest, waitMs: number): string {
  let text = `["a",${JSON.stringify(id)},${waitMs},[`;
  for (let i = 0; i < claims.length; i += 1) {
    const claim = claims[i];
    if (claim) text += (i === 0 ? '' : ',') + claimText(claim);
  }
  return `${text}]]`;
}

function claimText(claim: Claim): string {
  const key = JSON.stringify(claim.key);
  if (claim.kind === 'gauge') return `[2,${key},${finite(claim.limit)}]`;
  if (claim.kind === 'money') {
    const { capNanoUsd, minNanoUsd, fullNanoUsd } = claim;
    if (minNanoUsd < 0n || fullNanoUsd < 0n) {
      throw new GatewayError('internal.unexpected', 'The request could not be priced.', {
        internal: `negative money claim on ${claim.key}`,
      });
    }
    return `[3,${key},"${capNanoUsd}","${minNanoUsd}","${fullNanoUsd}"]`;
  }
  const { amount, windowMs } = claim;
  const atLeast = claim.kind === 'window' ? (claim.atLeast ?? -1) : -1;
  if (!Number.isInteger(amount) || amount < 0 || !Number.isInteger(atLeast)) {
    throw new GatewayError('internal.unexpected', 'The request could not be measured.', {
      internal: `claim on ${claim.key}: ${atLeast} to ${amount} per ${windowMs} ms cannot be taken`,
    });
  }
  const { cellMs, span } = cellsOf(windowMs);
  if (claim.kind === 'pool') {
    const bounds = [claim.limit, claim.freeUntil, claim.share].map(finite);
    return `[4,${key},${cellMs},${span},${MEASURES[claim.measure]},${bounds[0]},${amount},${JSON.stringify(claim.poolKey)},${bounds[1]},${bounds[2]}]`;
  }
  return `[1,${key},${cellMs},${span},${MEASURES[claim.measure]},${finite(claim.limit)},${amount},${atLeast}]`;
}

/** A limit that is not a number refuses everybody. */
function finite(limit: number): number {
  return Number.isNaN(limit) ? -1 : Math.min(limit, MAX_AMOUNT);
}

export function settleOp(id: string, used: Settlement): string {
  const { requests, totalTokens, inputTokens, outputTokens, costNanoUsd } = used;
  const counts = [requests, totalTokens, inputTokens, outputTokens].map(whole);
  // A negative cost could only come from a fault in the price book; it must not give money away.
  return `["s",${JSON.stringify(id)},${counts.join(',')},"${costNanoUsd > 0n ? costNanoUsd : 0n}"]`;
}

/** A hold of which nothing was used. */
export function giveBackOp(id: string): string {
  return `["s",${JSON.stringify(id)},0,0,0,0,"0"]`;
}

/** A count that is not a number tells nothing: what was held stays. */
function whole(count: number): number {
  return count >= 0 ? Math.ceil(Math.min(count, MAX_AMOUNT)) : -1;
}

export function admissionOf(
  { id, claims }: AdmissionRequest,
  verdict: Extract<Verdict, readonly [1, ...unknown[]]>,
  waitedMs: number,
): Admission {
  const [, granted, elastic, remaining] = verdict;
  const grantedNanoUsd = BigInt(granted);
  const standings: Standing[] = [];
  let full: NanoUsd | undefined;
  let at = 0;
  for (const claim of claims) {
    if (claim.kind === 'money') {
      if (full === undefined || claim.fullNanoUsd < full) full = claim.fullNanoUsd;
    } else {
      const left = remaining[at] ?? 0;
      if (typeof left === 'number') standings.push({ claim, remaining: left });
      else standings.push({ claim, remaining: left[0], poolRemaining: left[1] });
      at += 1;
    }
  }
  return {
    admitted: true,
    id,
    grantedNanoUsd,
    clamped: full !== undefined && grantedNanoUsd < full,
    ...(elastic >= 0 && { elasticAmount: elastic }),
    waitedMs,
    standings,
  };
}

/** How long things usually take, where no store can know it. */
export interface Estimates {
  readonly slotMs: number;
  readonly busyMs: number;
  readonly nowMs: number;
}

export function refusalOf(
  { claims }: AdmissionRequest,
  verdict: Extract<Verdict, readonly [2, ...unknown[]]>,
  waitedMs: number,
  estimates: Estimates,
): Refusal {
  const refused: RefusedClaim[] = [];
  for (const [place, reason, current, retryMs, poolCurrent] of list(verdict[1])) {
    const claim = claims[place - 1];
    if (!claim) continue;
    const retryAfterMs = retryOf(claim, reason, Number(current), retryMs, estimates);
    refused.push({
      claim,
      reason: reason === 1 ? 'over' : 'busy',
      current: claim.kind === 'money' ? BigInt(current) : Number(current),
      ...(poolCurrent !== undefined && { poolCurrent }),
      ...(retryAfterMs !== undefined && { retryAfterMs }),
    });
  }
  return { admitted: false, refused, waitedMs };
}

function retryOf(
  claim: Claim,
  reason: 1 | 2,
  current: number,
  retryMs: number,
  { slotMs, busyMs, nowMs }: Estimates,
): number | undefined {
  if (claim.kind === 'window' || claim.kind === 'pool') return retryMs < 0 ? undefined : retryMs;
  if (claim.kind === 'gauge')
    return claim.limit >= 1 ? Math.max(1, Math.ceil(slotMs / Math.max(1, current))) : undefined;
  const { capNanoUsd, minNanoUsd, fullNanoUsd, periodEndsAtMs } = claim;
  if (reason === 2) return Math.min(busyMs, Math.max(1, (periodEndsAtMs ?? Infinity) - nowMs));
  const least = fullNanoUsd < minNanoUsd ? fullNanoUsd : minNanoUsd;
  // A cap below the price of the smallest answer stays so in every period.
  if (periodEndsAtMs === undefined || capNanoUsd <= 0n || capNanoUsd < least) return undefined;
  return Math.max(1, Math.ceil(periodEndsAtMs - nowMs));
}

/** An empty list comes out of Lua as an empty object. */
export function list<T>(value: readonly T[] | object | undefined): readonly T[] {
  return Array.isArray(value) ? (value as readonly T[]) : [];
}
