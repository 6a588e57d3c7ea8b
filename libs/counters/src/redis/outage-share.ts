import { GatewayError, type NanoUsd, type Scope } from '#libs/kernel';
import type {
  Admission,
  AdmissionRequest,
  GaugeClaim,
  PoolClaim,
  Refusal,
  RefusedClaim,
  Standing,
  WindowClaim,
} from '../counters.js';
import type { OwnWindow, OwnWindows } from './own-windows.js';
import type { Escrow, Purse } from './purse.js';
import { SlidingWindow } from '../sliding-window.js';

/** Which scopes rather refuse than go on without Redis. */
export interface OutagePolicy {
  isLimitStrict(scope: Scope): boolean;
  isBudgetStrict(scope: Scope): boolean;
}

/** A total heard longer before the loss says too little about what others admitted since. */
const HEARD_WITHIN_MS = 1_000;

export function unavailable(internal: string): GatewayError {
  return new GatewayError(
    'counters.unavailable',
    'Limits and budgets cannot be verified right now. Please try again shortly.',
    { internal, headers: { 'retry-after': '5' } },
  );
}

/** Money counters that were thought open are not, in the shared store: they have to be opened again, then the same can be asked again. */
export class CountersClosed extends GatewayError {
  constructor(keys: readonly string[]) {
    super(
      'counters.unavailable',
      'Limits and budgets cannot be verified right now. Please try again shortly.',
      { internal: `counters that are not open: ${keys.join(', ')}`, headers: { 'retry-after': '1' } },
    );
  }
}

/**
 * Decides without Redis, within what is this process's alone: money that was kept aside, and its share of each limit. Never
 * more than the whole would have allowed, but for what others admitted unheard in the last second.
 */
export class OutageShare {
  constructor(
    private readonly windows: OwnWindows,
    private readonly slots: ReadonlyMap<string, number>,
    private readonly purse: Purse,
    private readonly policy: OutagePolicy,
    private readonly members: number,
    private readonly awaySinceMs: number,
  ) {}

  /** Throws `counters.unavailable` where it cannot know; refuses where its share is used up. The caller books what is admitted. */
  decide({ id, claims }: AdmissionRequest, nowMs: number): Admission | Refusal {
    let granted: NanoUsd | undefined;
    const escrows: Escrow[] = [];
    for (const claim of claims) {
      if (claim.kind !== 'money') {
        if (this.policy.isLimitStrict(claim.scope)) throw unavailable(`limit of ${claim.key}`);
        continue;
      }
      const escrow = this.purse.escrowOf(claim.key);
      if (this.policy.isBudgetStrict(claim.scope) || !escrow) throw unavailable(`budget ${claim.key}`);
      escrows.push(escrow);
      if (granted === undefined || claim.fullNanoUsd < granted) granted = claim.fullNanoUsd;
    }
    const grantedNanoUsd = granted ?? 0n;
    for (const { amount, spent, held } of escrows)
      if (amount - spent - held < grantedNanoUsd) throw unavailable('what was kept aside is used up');
    const elasticAmount = this.#elastic(claims.filter(isElastic), nowMs);
    const refused: RefusedClaim[] = [];
    const standings: Standing[] = [];
    for (const claim of claims) {
      if (claim.kind === 'money') continue;
      const amount = claim.kind === 'gauge' ? 1 : isElastic(claim) ? (elasticAmount ?? 0) : claim.amount;
      const room = this.#roomOf(claim, nowMs);
      if (amount <= room) standings.push({ claim, remaining: room - amount });
      else refused.push({ claim, reason: 'over', current: claim.limit, retryAfterMs: 1_000 });
    }
    if (refused.length > 0) return { admitted: false, refused, waitedMs: 0 };
    return {
      admitted: true,
      id,
      grantedNanoUsd,
      clamped: false,
      ...(elasticAmount !== undefined && { elasticAmount }),
      waitedMs: 0,
      standings,
    };
  }

  /** Where what is admitted now is counted. */
  static awayPart(window: OwnWindow): SlidingWindow {
    return (window.away ??= new SlidingWindow(window.own.windowMs));
  }

  /** A class of callers counts on no more than its promised part. */
  #roomOf(claim: WindowClaim | GaugeClaim | PoolClaim, nowMs: number): number {
    if (claim.kind === 'gauge') return this.#freeSlots(claim.key, claim.limit);
    if (claim.kind === 'window') return this.#room(claim, nowMs);
    const { poolKey, windowMs, share } = claim;
    const taken = this.windows.of(poolKey, windowMs).away?.totalAt(nowMs) ?? 0;
    return Math.min(this.#room(claim, nowMs), this.#shareOf(share) - taken);
  }

  #freeSlots(key: string, limit: number): number {
    return this.#shareOf(limit) - (this.slots.get(key) ?? 0);
  }

  /** During the first window what all had taken still stands, and only the rest is shared out. */
  #room({ key, windowMs, limit }: WindowClaim | PoolClaim, nowMs: number): number {
    const window = this.windows.of(key, windowMs);
    const taken = window.away?.totalAt(nowMs) ?? 0;
    if (nowMs - this.awaySinceMs > windowMs) return this.#shareOf(limit) - taken;
    if (window.heardAtMs < this.awaySinceMs - HEARD_WITHIN_MS)
      throw unavailable(`nobody knows what stands against ${key}`);
    return this.#shareOf(limit - window.heardTotal) - taken;
  }

  #shareOf(limit: number): number {
    if (this.members < 1) throw unavailable('this process was never told how many count');
    return Math.floor(limit / this.members);
  }

  #elastic(claims: readonly WindowClaim[], nowMs: number): number | undefined {
    if (claims.length === 0) return undefined;
    let most = Infinity;
    let least = 0;
    for (const claim of claims) {
      most = Math.min(most, claim.amount, this.#room(claim, nowMs));
      least = Math.max(least, Math.min(claim.atLeast ?? 0, claim.amount));
    }
    return Math.max(most, least);
  }
}

function isElastic(claim: AdmissionRequest['claims'][number]): claim is WindowClaim {
  return claim.kind === 'window' && claim.atLeast !== undefined;
}
