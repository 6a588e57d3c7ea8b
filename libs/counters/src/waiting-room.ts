import type { Admission, AdmissionRequest, Refusal } from './counters.js';
import type { Balance, Bid, Stake, Waiter } from './balance.js';

/**
 * Who may pass whom. Queues are in order of arrival. While the oldest of a queue has waited less than `overtakeMs`,
 * whoever fits may pass; after that, only who leaves the oldest its money, so that the holds in front of it drain and
 * a stream of small requests cannot keep a large one out.
 */
export class WaitingRoom {
  readonly #waiters = new Map<string, Waiter>();
  #arrivals = 0;

  constructor(
    private readonly limits: {
      readonly overtakeMs: number;
      readonly maxPerBalance: number;
      readonly maxWaiters: number;
    },
  ) {}

  get size(): number {
    return this.#waiters.size;
  }

  find(id: string): Waiter | undefined {
    return this.#waiters.get(id);
  }

  hasSpaceFor(contended: readonly Stake[]): boolean {
    return (
      this.#waiters.size < this.limits.maxWaiters &&
      contended.every(({ balance }) => balance.queue.length < this.limits.maxPerBalance)
    );
  }

  enter(request: AdmissionRequest, bid: Bid, nowMs: number, onAbort: () => void): Waiter {
    const { promise, resolve } = Promise.withResolvers<Admission | Refusal>();
    const waiter: Waiter = {
      request,
      bid,
      seq: (this.#arrivals += 1),
      sinceMs: nowMs,
      deadlineMs: nowMs + request.waitMs,
      queues: [],
      verdict: promise,
      answer: resolve,
      onAbort,
    };
    this.#waiters.set(request.id, waiter);
    request.signal?.addEventListener('abort', onAbort, { once: true });
    return waiter;
  }

  queue(waiter: Waiter, contended: readonly Stake[]): void {
    for (const { balance } of contended) {
      if (waiter.queues.includes(balance)) continue;
      waiter.queues.push(balance);
      const place = balance.queue.findIndex(({ seq }) => seq > waiter.seq);
      balance.queue.splice(place === -1 ? balance.queue.length : place, 0, waiter);
    }
  }

  leave(waiter: Waiter): void {
    this.#waiters.delete(waiter.request.id);
    waiter.request.signal?.removeEventListener('abort', waiter.onAbort);
    for (const { queue } of waiter.queues) queue.splice(queue.indexOf(waiter), 1);
  }

  /** The stakes that keep a grant from being taken now; `seq` is the asker's place, Infinity for a newcomer. */
  contended(bid: Bid, grantNanoUsd: bigint, seq: number, nowMs: number): Stake[] | undefined {
    let contended: Stake[] | undefined;
    for (const stake of bid.stakes) {
      if (stake.isShortOf(grantNanoUsd) || this.#wouldDelayOldest(stake, grantNanoUsd, seq, nowMs)) {
        (contended ??= []).push(stake);
      }
    }
    return contended;
  }

  #wouldDelayOldest(stake: Stake, grantNanoUsd: bigint, seq: number, nowMs: number): boolean {
    const oldest = stake.balance.queue[0];
    if (oldest === undefined || oldest.seq >= seq || nowMs - oldest.sinceMs < this.limits.overtakeMs)
      return false;
    return stake.isShortOf(grantNanoUsd + (oldest.bid.payable() ?? 0n));
  }

  /** The oldest waiter that came after `seq` and stands in one of these queues. */
  nextAfter(seq: number, balances: Iterable<Balance>): Waiter | undefined {
    let next: Waiter | undefined;
    for (const { queue } of balances) {
      const candidate = queue.find((waiter) => waiter.seq > seq);
      if (candidate && (next === undefined || candidate.seq < next.seq)) next = candidate;
    }
    return next;
  }

  expired(nowMs: number): Waiter[] {
    const expired: Waiter[] = [];
    for (const waiter of this.#waiters.values()) if (waiter.deadlineMs <= nowMs) expired.push(waiter);
    return expired;
  }

  all(): Waiter[] {
    return [...this.#waiters.values()];
  }
}
