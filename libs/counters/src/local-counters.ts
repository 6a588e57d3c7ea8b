import { type Clock, type NanoUsd, PassingTable } from '#libs/kernel';
import { Balance, type Bid, type Stake, type Waiter } from './balance.js';
import { CounterTable } from './counter-table.js';
import {
  type Admission,
  type AdmissionRequest,
  Counters,
  type Refusal,
  type RefusedClaim,
  type Settlement,
} from './counters.js';
import { RecentVerdicts } from './recent-verdicts.js';
import type { Take } from './take.js';
import { WaitingRoom } from './waiting-room.js';

export interface LocalCountersOptions {
  /** How long whoever fits may pass the oldest waiter of a budget. */
  readonly overtakeMs?: number;
  /** Waiters per budget; more are told at once that it is busy. */
  readonly maxWaitersPerBudget?: number;
  readonly maxWaiters?: number;
}

/** Longer waits than this are for callers long gone. */
const LONGEST_WAIT_MS = 600_000;
const TICK_WAITING_MS = 100;
const TICK_IDLE_MS = 1_000;

/** An admission whose call is still running. */
interface Hold {
  readonly admission: Admission;
  readonly takes: readonly Take[];
  readonly bid: Bid;
  readonly atMs: number;
  nanoUsd: NanoUsd;
}

/**
 * Counters of one process, in memory. Every decision is one synchronous step, so no two requests can see the same slot
 * or dollar free.
 */
export class LocalCounters extends Counters {
  readonly #table = new CounterTable();
  readonly #holds = new PassingTable<Hold>();
  readonly #recent = new RecentVerdicts();
  readonly #waiting: WaitingRoom;
  #timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly clock: Clock,
    options: LocalCountersOptions = {},
  ) {
    super();
    this.#waiting = new WaitingRoom({
      overtakeMs: options.overtakeMs ?? 5_000,
      maxPerBalance: options.maxWaitersPerBudget ?? 1_000,
      maxWaiters: options.maxWaiters ?? 10_000,
    });
  }

  override admit(request: AdmissionRequest): Admission | Refusal | Promise<Admission | Refusal> {
    const { id } = request;
    const repeated =
      this.#holds.get(id)?.admission ?? this.#waiting.find(id)?.verdict ?? this.#recent.find(id);
    if (repeated) return repeated;
    const nowMs = this.clock.monotonicMs();
    const bid = this.#table.bidOf(request.claims);
    const grant = bid.payable();
    const contended = grant === undefined ? undefined : this.#waiting.contended(bid, grant, Infinity, nowMs);
    const verdict = this.#decide(request, bid, grant, contended !== undefined, 0, nowMs);
    this.#keepTicking();
    return verdict ?? this.#wait(request, bid, contended ?? [], nowMs);
  }

  override settle(id: string, used: Settlement): void {
    const hold = this.#holds.take(id);
    if (!hold) {
      const waiter = this.#waiting.find(id);
      if (waiter) this.#giveUp([waiter]);
      return;
    }
    this.#recent.remember(id, hold.admission);
    const nowMs = this.clock.monotonicMs();
    for (const take of hold.takes) take.settle(used, nowMs);
    const isAwaited = hold.bid.settle(hold.nanoUsd, used.costNanoUsd, nowMs - hold.atMs);
    if (isAwaited) this.#serve(hold.bid.balances());
  }

  override amend(id: string, holdNanoUsd: NanoUsd): void {
    const hold = this.#holds.get(id);
    if (!hold || holdNanoUsd >= hold.nanoUsd || holdNanoUsd < 0n) return;
    hold.bid.hold(holdNanoUsd - hold.nanoUsd);
    hold.nanoUsd = holdNanoUsd;
    this.#serve(hold.bid.balances());
  }

  override isOpen(key: string): boolean {
    return this.#table.balances.has(key);
  }

  override open(key: string, settledNanoUsd: NanoUsd, periodEndsAtMs?: number): void {
    if (this.isOpen(key)) return;
    this.#table.balances.set(key, new Balance(settledNanoUsd, periodEndsAtMs));
    this.#keepTicking();
  }

  override adjust(key: string, deltaNanoUsd: NanoUsd): void {
    const balance = this.#table.openBalance(key);
    balance.settledNanoUsd += deltaNanoUsd;
    this.#serve([balance]);
  }

  override follow(keys: readonly string[], costNanoUsd: NanoUsd): void {
    if (costNanoUsd === 0n) return;
    for (const key of keys) if (this.isOpen(key)) this.adjust(key, costNanoUsd);
  }

  override recover(_requestId: string, keys: readonly string[], costNanoUsd: NanoUsd): void {
    this.follow(keys, costNanoUsd);
  }

  /** What a process holds in its own memory died with it. */
  override bury(): void {}

  override balance(key: string): { settledNanoUsd: NanoUsd; heldNanoUsd: NanoUsd } | undefined {
    const balance = this.#table.balances.get(key);
    return balance && { settledNanoUsd: balance.settledNanoUsd, heldNanoUsd: balance.heldNanoUsd };
  }

  /** How many counters of each kind are in memory, and how many requests hold or wait; for metrics. */
  sizes(): { windows: number; gauges: number; budgets: number; held: number; waiting: number } {
    const { windows, gauges, balances } = this.#table;
    return {
      windows: windows.size,
      gauges: gauges.size,
      budgets: balances.size,
      held: this.#holds.size,
      waiting: this.#waiting.size,
    };
  }

  /** Ends waits that are over and forgets some idle counters. Called by a timer of its own while there is anything to look after. */
  tick(): void {
    const nowMs = this.clock.monotonicMs();
    this.#giveUp(this.#waiting.expired(nowMs));
    this.#table.forgetSomeIdle(nowMs, this.clock.nowMs());
  }

  /** Tells every waiter that it is busy, and stops the timer. */
  close(): void {
    this.#giveUp(this.#waiting.all());
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /**
   * Takes everything or nothing. `grant` is what settled money pays; undefined when it is over. The answer undefined
   * means that nothing is over, but money has to be waited for.
   */
  #decide(
    request: AdmissionRequest,
    bid: Bid,
    grant: NanoUsd | undefined,
    isContended: boolean,
    waitedMs: number,
    nowMs: number,
  ): Admission | Refusal | undefined {
    let refused: RefusedClaim[] | undefined = grant === undefined ? bid.over(this.clock.nowMs()) : undefined;
    const { list: takes, elasticAmount } = this.#table.takesOf(request.claims, nowMs);
    for (const take of takes) {
      if (!take.tryTake(nowMs)) (refused ??= []).push(take.refusal(nowMs));
    }
    if (grant === undefined || refused || isContended) {
      for (const take of takes) take.undo();
      return refused && this.#refuse(request.id, refused, waitedMs);
    }
    bid.hold(grant);
    const admission: Admission = {
      admitted: true,
      id: request.id,
      grantedNanoUsd: grant,
      clamped: grant < bid.fullNanoUsd,
      ...(elasticAmount !== undefined && { elasticAmount }),
      waitedMs,
      standings: takes,
    };
    this.#holds.add(request.id, { admission, takes, bid, atMs: nowMs, nanoUsd: grant });
    return admission;
  }

  #wait(
    request: AdmissionRequest,
    bid: Bid,
    contended: readonly Stake[],
    nowMs: number,
  ): Refusal | Promise<Admission | Refusal> {
    const waitMs = Math.min(request.waitMs, LONGEST_WAIT_MS);
    if (!(waitMs > 0) || request.signal?.aborted || !this.#waiting.hasSpaceFor(contended)) {
      return this.#busy(request.id, contended, 0);
    }
    const waiter = this.#waiting.enter({ ...request, waitMs }, bid, nowMs, () => this.#giveUp([waiter]));
    this.#waiting.queue(waiter, contended);
    if (this.#waiting.size === 1) this.#keepTicking(TICK_WAITING_MS);
    return waiter.verdict;
  }

  /**
   * Lets in whoever fits now, in order of arrival. Who leaves may have stood in the way of younger ones in other queues,
   * so those are looked at as well.
   */
  #serve(balances: readonly Balance[]): void {
    const touched = new Set(balances);
    const nowMs = this.clock.monotonicMs();
    let waiter = this.#waiting.nextAfter(0, touched);
    for (; waiter; waiter = this.#waiting.nextAfter(waiter.seq, touched)) {
      const { bid, request, queues } = waiter;
      const grant = bid.payable();
      const contended =
        grant === undefined ? undefined : this.#waiting.contended(bid, grant, waiter.seq, nowMs);
      if (contended) {
        this.#waiting.queue(waiter, contended);
        continue;
      }
      const verdict = this.#decide(request, bid, grant, false, nowMs - waiter.sinceMs, nowMs);
      if (!verdict) continue;
      this.#waiting.leave(waiter);
      for (const balance of queues) touched.add(balance);
      waiter.answer(verdict);
    }
  }

  /** Time is up, the caller is gone, or the process ends. */
  #giveUp(waiters: readonly Waiter[]): void {
    const nowMs = this.clock.monotonicMs();
    for (const waiter of waiters) {
      this.#waiting.leave(waiter);
      const contended = waiter.bid.stakes.filter(({ balance }) => waiter.queues.includes(balance));
      waiter.answer(this.#busy(waiter.request.id, contended, nowMs - waiter.sinceMs));
    }
    if (waiters.length > 0) this.#serve(waiters.flatMap(({ queues }) => queues));
  }

  #busy(id: string, contended: readonly Stake[], waitedMs: number): Refusal {
    const nowEpochMs = this.clock.nowMs();
    return this.#refuse(
      id,
      contended.map((stake) => stake.busy(nowEpochMs)),
      waitedMs,
    );
  }

  #refuse(id: string, refused: readonly RefusedClaim[], waitedMs: number): Refusal {
    const refusal: Refusal = { admitted: false, refused, waitedMs };
    this.#recent.remember(id, refusal);
    return refusal;
  }

  #keepTicking(delayMs?: number): void {
    if (this.#timer) {
      if (delayMs === undefined) return;
      clearTimeout(this.#timer);
    }
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.tick();
      if (!this.#table.isEmpty()) this.#keepTicking(this.#waiting.size > 0 ? TICK_WAITING_MS : TICK_IDLE_MS);
    }, delayMs ?? TICK_IDLE_MS);
    // Looking after counters is no reason to keep a process alive.
    this.#timer.unref();
  }
}
