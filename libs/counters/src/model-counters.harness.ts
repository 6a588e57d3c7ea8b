import type {
  Admission,
  Claim,
  GaugeClaim,
  MoneyClaim,
  PoolClaim,
  Refusal,
  Settlement,
  WindowClaim,
} from './counters.js';

/** What is asked of the model; the same as of a store, without signals. */
export interface Asked {
  readonly id: string;
  readonly claims: readonly Claim[];
  readonly waitMs: number;
}

/** A verdict in words that can be compared: what was taken, or which claims stood in the way and why. */
export type Seen =
  | {
      readonly granted: bigint;
      readonly clamped: boolean;
      readonly elastic: number | undefined;
      readonly remaining: readonly number[];
    }
  | { readonly refused: readonly string[] };

/** Estimates (slots, busy budgets) are left out: only what a store must know exactly is compared. */
export function seen(verdict: Admission | Refusal): Seen {
  if (verdict.admitted) {
    const remaining = verdict.standings.map((standing) => standing.remaining);
    return {
      granted: verdict.grantedNanoUsd,
      clamped: verdict.clamped,
      elastic: verdict.elasticAmount,
      remaining,
    };
  }
  return {
    refused: verdict.refused
      .map(({ claim, reason, current, retryAfterMs }) => {
        const isExact = claim.kind !== 'gauge' && reason === 'over';
        return `${claim.key} ${reason} at ${String(current)}${isExact ? ` retry ${String(retryAfterMs)}` : ''}`;
      })
      .sort(),
  };
}

interface Event {
  readonly key: string;
  readonly atMs: number;
  amount: number;
}

interface Live {
  readonly asked: Asked;
  readonly events: readonly { readonly event: Event; readonly claim: WindowClaim | PoolClaim }[];
  granted: bigint;
}

interface Waiting {
  readonly asked: Asked;
  readonly sinceMs: number;
  readonly queues: Set<string>;
}

/**
 * The promise of `Counters`, written as naively as possible: every amount ever taken is kept as an event, everything is
 * summed from scratch, and whoever waits is asked again, in order of arrival. Slow and obvious;
 * a store must give the same verdicts. Assumes what `LocalCounters` documents: windows in cells of 1/120, and nobody
 * passes the oldest waiter of a budget after `overtakeMs`.
 */
export class ModelCounters {
  nowMs = 0;
  readonly answers = new Map<string, Seen>();
  readonly settled = new Map<string, bigint>();
  readonly #events: Event[] = [];
  readonly #live = new Map<string, Live>();
  #waiting: Waiting[] = [];

  constructor(
    private readonly overtakeMs: number,
    private readonly epochAtZeroMs: number,
  ) {}

  admit(asked: Asked): void {
    if (this.answers.has(asked.id) || this.#waiting.some((waiting) => waiting.asked.id === asked.id)) return;
    const money = this.#money(asked, this.#waiting);
    const verdict = this.#decide(asked, money);
    if (verdict) this.answers.set(asked.id, verdict);
    else if (asked.waitMs > 0)
      this.#waiting.push({ asked, sinceMs: this.nowMs, queues: new Set(money.contended) });
    else this.answers.set(asked.id, this.#busy(money.contended));
  }

  settle(id: string, used: Settlement): void {
    const live = this.#live.get(id);
    this.#live.delete(id);
    if (!live) return this.abort(id);
    for (const { event, claim } of live.events) {
      event.amount = {
        requests: used.requests,
        total_tokens: used.totalTokens,
        input_tokens: used.inputTokens,
        output_tokens: used.outputTokens,
      }[claim.measure];
    }
    const keys = new Set(moneyOf(live.asked).map((claim) => claim.key));
    for (const key of keys) this.settled.set(key, this.#settledOf(key) + used.costNanoUsd);
    this.#serve(keys);
  }

  amend(id: string, hold: bigint): void {
    const live = this.#live.get(id);
    if (!live || hold >= live.granted) return;
    live.granted = hold;
    this.#serve(moneyOf(live.asked).map((claim) => claim.key));
  }

  adjust(key: string, delta: bigint): void {
    this.settled.set(key, this.#settledOf(key) + delta);
    this.#serve([key]);
  }

  abort(id: string): void {
    this.#end(this.#waiting.filter(({ asked }) => asked.id === id));
  }

  advance(ms: number): void {
    this.nowMs += ms;
    this.#end(this.#waiting.filter(({ asked, sinceMs }) => this.nowMs >= sinceMs + asked.waitMs));
  }

  heldOf(key: string): bigint {
    let held = 0n;
    for (const { asked, granted } of this.#live.values())
      if (moneyOf(asked).some((claim) => claim.key === key)) held += granted;
    return held;
  }

  liveGrant(id: string): bigint {
    return this.#live.get(id)?.granted ?? 0n;
  }

  liveIds(): string[] {
    return [...this.#live.keys()];
  }

  waitingIds(): string[] {
    return this.#waiting.map(({ asked }) => asked.id);
  }

  #settledOf(key: string): bigint {
    return this.settled.get(key) ?? 0n;
  }

  #end(ended: readonly Waiting[]): void {
    this.#waiting = this.#waiting.filter((waiting) => !ended.includes(waiting));
    for (const { asked, queues } of ended) this.answers.set(asked.id, this.#busy([...queues]));
    this.#serve(ended.flatMap(({ queues }) => [...queues]));
  }

  /** Asks everybody again who stands in a queue where something changed. */
  #serve(keys: Iterable<string>): void {
    const touched = new Set(keys);
    for (const waiting of [...this.#waiting]) {
      if (![...waiting.queues].some((key) => touched.has(key))) continue;
      const elders = this.#waiting.slice(0, this.#waiting.indexOf(waiting));
      const money = this.#money(waiting.asked, elders);
      for (const key of money.contended) waiting.queues.add(key);
      const verdict = money.contended.length === 0 ? this.#decide(waiting.asked, money) : undefined;
      if (!verdict) continue;
      this.answers.set(waiting.asked.id, verdict);
      this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
      for (const key of waiting.queues) touched.add(key);
    }
  }

  #payable(asked: Asked): { grant: bigint; over: MoneyClaim[] } {
    const claims = moneyOf(asked);
    const full = claims.map((claim) => claim.fullNanoUsd).reduce(least, claims[0]?.fullNanoUsd ?? 0n);
    const minimum = least(
      full,
      claims.map((claim) => least(claim.minNanoUsd, claim.fullNanoUsd)).reduce((a, b) => (a > b ? a : b), 0n),
    );
    const leftOf = (claim: MoneyClaim) => claim.capNanoUsd - this.#settledOf(claim.key);
    const over = claims.filter((claim) => leftOf(claim) <= 0n || leftOf(claim) < minimum);
    return { grant: claims.map(leftOf).reduce(least, full), over };
  }

  #money(
    asked: Asked,
    elders: readonly Waiting[],
  ): { grant: bigint; over: MoneyClaim[]; contended: string[] } {
    const { grant, over } = this.#payable(asked);
    const contended = new Set<string>();
    if (over.length > 0) return { grant, over, contended: [] };
    for (const claim of moneyOf(asked)) {
      const free = claim.capNanoUsd - this.#settledOf(claim.key) - this.heldOf(claim.key);
      if (free < grant) contended.add(claim.key);
      const oldest = elders.find(({ queues }) => queues.has(claim.key));
      if (!oldest || this.nowMs - oldest.sinceMs < this.overtakeMs) continue;
      const theirs = this.#payable(oldest.asked);
      if (free < grant + (theirs.over.length > 0 ? 0n : theirs.grant)) contended.add(claim.key);
    }
    return { grant, over, contended: [...contended] };
  }

  #decide(asked: Asked, money: { grant: bigint; over: MoneyClaim[]; contended: string[] }): Seen | undefined {
    const refused = money.over.map(
      (claim) =>
        `${claim.key} over at ${this.#settledOf(claim.key)} retry ${String(this.#moneyRetry(claim))}`,
    );
    const windows = asked.claims.filter((claim) => claim.kind === 'window');
    const elastics = windows.filter((claim) => claim.atLeast !== undefined);
    const room = Math.min(
      ...elastics.map((claim) => Math.min(claim.amount, claim.limit - this.#totalOf(claim))),
    );
    const elastic =
      elastics.length === 0
        ? undefined
        : Math.max(room, ...elastics.map(({ atLeast = 0, amount }) => Math.min(atLeast, amount)));
    const amountOf = (claim: WindowClaim) => (claim.atLeast === undefined ? claim.amount : (elastic ?? 0));
    for (const claim of windows) {
      if (this.#totalOf(claim) + amountOf(claim) <= claim.limit) continue;
      refused.push(
        `${claim.key} over at ${this.#totalOf(claim)} retry ${String(this.#windowRetry(claim, amountOf(claim)))}`,
      );
    }
    const pools = asked.claims.filter((claim) => claim.kind === 'pool');
    for (const claim of pools)
      if (!this.#fits(claim, this.nowMs))
        refused.push(`${claim.key} over at ${this.#totalOf(claim)} retry ${String(this.#poolRetry(claim))}`);
    const gauges = asked.claims.filter((claim) => claim.kind === 'gauge');
    for (const claim of gauges)
      if (this.#slotsOf(claim) + 1 > claim.limit)
        refused.push(`${claim.key} over at ${this.#slotsOf(claim)}`);
    if (refused.length > 0) return { refused: refused.sort() };
    if (money.contended.length > 0) return undefined;
    const taken = (claim: WindowClaim | PoolClaim, key: string, amount: number) => ({
      claim,
      event: { key, atMs: this.nowMs, amount },
    });
    const events = [
      ...windows.map((claim) => taken(claim, claim.key, amountOf(claim))),
      ...pools.flatMap((claim) => [
        taken(claim, claim.key, claim.amount),
        taken(claim, claim.poolKey, claim.amount),
      ]),
    ];
    this.#events.push(...events.map(({ event }) => event));
    this.#live.set(asked.id, { asked, events, granted: money.grant });
    const full = moneyOf(asked)
      .map((claim) => claim.fullNanoUsd)
      .reduce(least, moneyOf(asked)[0]?.fullNanoUsd ?? 0n);
    const remaining = asked.claims.flatMap((claim) =>
      claim.kind === 'money'
        ? []
        : [claim.limit - (claim.kind === 'gauge' ? this.#slotsOf(claim) : this.#totalOf(claim))],
    );
    return { granted: money.grant, clamped: money.grant < full, elastic, remaining };
  }

  #busy(keys: readonly string[]): Seen {
    return { refused: keys.map((key) => `${key} busy at ${this.#settledOf(key)}`).sort() };
  }

  #fits(claim: PoolClaim, nowMs: number): boolean {
    const total = this.#totalOf(claim, nowMs) + claim.amount;
    const pool = this.#totalOf({ ...claim, key: claim.poolKey }, nowMs) + claim.amount;
    return total <= claim.limit && (total <= claim.freeUntil || pool <= claim.share);
  }

  #poolRetry(claim: PoolClaim): number | undefined {
    if (claim.amount > claim.limit || claim.amount > Math.max(claim.freeUntil, claim.share)) return undefined;
    const cellMs = claim.windowMs / 120;
    let atMs = this.nowMs;
    while (!this.#fits(claim, atMs)) atMs = (Math.floor(atMs / cellMs) + 1) * cellMs;
    return atMs - this.nowMs;
  }

  #totalOf(claim: Pick<WindowClaim, 'key' | 'windowMs'>, nowMs = this.nowMs): number {
    const cellMs = claim.windowMs / 120;
    return this.#events
      .filter(
        ({ key, atMs }) => key === claim.key && Math.floor(nowMs / cellMs) - Math.floor(atMs / cellMs) <= 120,
      )
      .reduce((total, { amount }) => total + amount, 0);
  }

  /** Tries every edge of a cell to come. */
  #windowRetry(claim: WindowClaim, amount: number): number | undefined {
    if (amount > claim.limit) return undefined;
    const cellMs = claim.windowMs / 120;
    let atMs = this.nowMs;
    while (this.#totalOf(claim, atMs) + amount > claim.limit) atMs = (Math.floor(atMs / cellMs) + 1) * cellMs;
    return atMs - this.nowMs;
  }

  #moneyRetry(claim: MoneyClaim): number | undefined {
    const smallest = least(claim.minNanoUsd, claim.fullNanoUsd);
    if (claim.periodEndsAtMs === undefined || claim.capNanoUsd <= 0n || claim.capNanoUsd < smallest)
      return undefined;
    return Math.max(1, claim.periodEndsAtMs - this.epochAtZeroMs - this.nowMs);
  }

  #slotsOf(claim: GaugeClaim): number {
    return [...this.#live.values()].filter(({ asked }) =>
      asked.claims.some(({ kind, key }) => kind === 'gauge' && key === claim.key),
    ).length;
  }
}

function moneyOf(asked: Asked): MoneyClaim[] {
  return asked.claims.filter((claim) => claim.kind === 'money');
}

function least(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}
