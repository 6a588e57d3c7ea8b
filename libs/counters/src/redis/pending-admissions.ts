import type { Clock } from '#libs/kernel';
import type { Admission, AdmissionRequest, Refusal } from '../counters.js';
import { RecentVerdicts } from '../recent-verdicts.js';
import type { Holdings } from './holdings.js';
import type { KnownBalances } from './known-balances.js';
import { CountersClosed, type OutagePolicy, OutageShare, unavailable } from './outage-share.js';
import { Pending } from './pending.js';
import type { Purse } from './purse.js';
import type { Session } from './session.js';
import { admissionOf, admitOp, list, refusalOf, type Verdict } from './wire.js';

const LONGEST_WAIT_MS = 600_000;
/** How long a caller is kept while this process finds back to the counters. */
const REBUILD_WAIT_MS = 2_500;

/**
 * Who may go on and who may not: asked of Redis, waited for while others hold the money, and decided here alone while Redis is
 * away. An id that was asked is asked once, and gets one verdict however often it comes.
 */
export class PendingAdmissions {
  readonly #pending = new Map<string, Pending>();
  readonly #recent = new RecentVerdicts();
  /** What may be decided alone; only while Redis is away. */
  #share: OutageShare | undefined;

  constructor(
    private readonly session: Session,
    private readonly holdings: Holdings,
    private readonly balances: KnownBalances,
    private readonly purse: Purse,
    private readonly policy: OutagePolicy,
    private readonly clock: Clock,
  ) {}

  /** The contract of `Counters.admit`. */
  ask(request: AdmissionRequest): Admission | Refusal | Promise<Admission | Refusal> {
    const { id } = request;
    const known =
      this.holdings.find(id)?.admission ?? this.#pending.get(id)?.verdict ?? this.#recent.find(id);
    if (known) return known;
    const waitMs = request.signal?.aborted ? 0 : Math.min(Math.max(0, request.waitMs), LONGEST_WAIT_MS);
    // Also says what is wrong with the claims, whatever Redis does.
    const op = admitOp(request, waitMs || 0);
    if (request.claims.length === 0) return this.#admitFree(request);
    if (this.session.state === 'away') return this.#decideAlone(request);
    const pending = new Pending(request, waitMs || 0, this.clock.monotonicMs(), () => this.giveUp(id));
    this.#pending.set(id, pending);
    if (this.session.state === 'live') this.#submit(pending, op);
    else this.#waitForReturn(pending);
    return pending.verdict;
  }

  /** Redis has answered, or told later what it decided. Nothing happens when nobody waits for it any more. */
  hear(id: string, verdict: Verdict): void {
    const pending = this.#pending.get(id);
    if (!pending) return;
    const { request } = pending;
    const waitedMs = pending.isWaiting ? this.clock.monotonicMs() - pending.sinceMs : 0;
    switch (verdict[0]) {
      case 0:
        pending.isWaiting = true;
        return;
      case 1: {
        const admission = admissionOf(request, verdict, waitedMs);
        this.balances.note(request.claims, verdict[4]);
        this.holdings.add(admission, request.claims, false);
        return this.#answer(pending, admission);
      }
      case 2: {
        const busyMs = Math.max(1_000, Math.ceil(this.holdings.typicalMs));
        const slotMs = this.holdings.typicalMs;
        const estimates = { slotMs, busyMs, nowMs: this.clock.nowMs() };
        const refusal = refusalOf(request, verdict, waitedMs, estimates);
        if (refusal.refused.length === 0) return this.#fail(pending, 'its budgets were closed');
        this.#recent.remember(id, refusal);
        return this.#answer(pending, refusal);
      }
      case 3:
        this.balances.forget(list<string>(verdict[1]));
        this.#pending.delete(id);
        return pending.fail(new CountersClosed(list<string>(verdict[1])));
      case 4:
        pending.isWaiting = false;
        return this.#submit(pending);
    }
  }

  /** The call is over: a late repeat of its id gets the verdict it had. */
  remember(id: string, admission: Admission): void {
    this.#recent.remember(id, admission);
  }

  /** Nobody wants the verdict any more; nothing happens when it is there already. */
  giveUp(id: string): void {
    const pending = this.#pending.get(id);
    if (pending?.isAsked) this.session.outbox.push({ text: JSON.stringify(['g', id]) });
    else if (pending) this.#fail(pending, 'nobody waits for it any more');
  }

  /** Those who wait for money that others hold. */
  waiting(): string[] {
    const ids: string[] = [];
    for (const [id, { isWaiting }] of this.#pending) if (isWaiting) ids.push(id);
    return ids;
  }

  /** Nothing that was asked will be answered: those who wait are answered from this process's share, or wait for the counters. */
  leave(state: 'away' | 'rebuilding'): void {
    const { windows, slots } = this.holdings;
    if (state === 'away') {
      const nowMs = this.clock.monotonicMs();
      this.#share = new OutageShare(windows, slots, this.purse, this.policy, this.session.members, nowMs);
    }
    for (const pending of [...this.#pending.values()]) {
      if (state === 'rebuilding') {
        this.#waitForReturn(pending);
        continue;
      }
      try {
        this.#answer(pending, this.#decideAlone(pending.request));
      } catch (error) {
        this.#pending.delete(pending.request.id);
        pending.fail(error instanceof Error ? error : unavailable(String(error)));
      }
    }
  }

  /** From here on nothing is decided alone. */
  endAlone(): void {
    this.#share = undefined;
  }

  /** The counters are back: whatever was not asked of them is asked now. */
  resume(): void {
    for (const pending of [...this.#pending.values()]) {
      pending.within(0);
      if (!pending.isAsked) this.#submit(pending);
    }
  }

  failAll(internal: string): void {
    for (const pending of [...this.#pending.values()]) this.#fail(pending, internal);
  }

  #admitFree({ id }: AdmissionRequest): Admission {
    const nothing = { grantedNanoUsd: 0n, clamped: false, waitedMs: 0, standings: [] };
    const admission: Admission = { admitted: true, id, ...nothing };
    this.holdings.add(admission, [], true);
    return admission;
  }

  #submit(pending: Pending, op = admitOp(pending.request, pending.waitMs)): void {
    const { id } = pending.request;
    pending.isAsked = true;
    this.session.outbox.push({
      text: op,
      takes: id,
      done: (verdict) => this.hear(id, verdict as Verdict),
    });
  }

  #decideAlone(request: AdmissionRequest): Admission | Refusal {
    if (!this.#share) throw unavailable('Redis is away');
    const verdict = this.#share.decide(request, this.clock.monotonicMs());
    if (verdict.admitted) this.holdings.add(verdict, request.claims, true);
    else this.#recent.remember(request.id, verdict);
    return verdict;
  }

  #waitForReturn(pending: Pending): void {
    pending.isAsked = false;
    pending.isWaiting = false;
    pending.within(REBUILD_WAIT_MS, () => this.#fail(pending, 'the counters are being rebuilt'));
  }

  #answer(pending: Pending, verdict: Admission | Refusal): void {
    this.#pending.delete(pending.request.id);
    pending.answer(verdict);
  }

  #fail(pending: Pending, internal: string): void {
    this.#pending.delete(pending.request.id);
    pending.fail(unavailable(internal));
  }
}
