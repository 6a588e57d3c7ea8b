import { randomBytes } from 'node:crypto';
import type { Clock, NanoUsd } from '#libs/kernel';
import type { Logger } from '#libs/telemetry';
import {
  type Admission,
  type AdmissionRequest,
  Counters,
  type Refusal,
  type Settlement,
} from '../counters.js';
import type { EpochStore } from './epoch-store.js';
import { addBudgets, Holdings } from './holdings.js';
import { KnownBalances } from './known-balances.js';
import { Openings, type SpendTail, type ToOpen } from './openings.js';
import { type OutagePolicy, unavailable } from './outage-share.js';
import type { Op, OutboxOptions } from './outbox.js';
import { Purse } from './purse.js';
import { Questions } from './questions.js';
import type { RedisAddress } from './redis-link.js';
import { Session } from './session.js';
import { PendingAdmissions } from './pending-admissions.js';
import { giveBackOp, list, settleOp, type Verdict } from './wire.js';

export interface RedisCountersOptions extends Partial<OutboxOptions>, RedisAddress {
  readonly policy: OutagePolicy;
  /** Keeps a little of each budget in use aside, for the time without Redis. */
  readonly keepsAside?: boolean;
}

/** What the ledger does for the counters, and how it calls itself. */
export interface Books {
  readonly epochs: EpochStore;
  readonly tail: SpendTail;
  readonly writer: string;
}

const LOOK_MS = 500;
const OPENING_ATTEMPTS = 3;
/** Long enough for any upstream to have given up. */
const DOUBT_MS = 900_000;

/** Counters of many processes, in Redis: each batch is one run of one script, which no other can see half of. */
export class RedisCounters extends Counters {
  readonly incarnation = randomBytes(8).toString('hex');
  readonly #session: Session;
  readonly #purse = new Purse(this.incarnation);
  readonly #holdings: Holdings;
  readonly #balances = new KnownBalances();
  readonly #questions: Questions;
  readonly #admissions: PendingAdmissions;
  #openings: Openings | undefined;
  #tail: SpendTail | undefined;
  #writer = '';
  #onFenced: () => void = () => undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly clock: Clock,
    private readonly options: RedisCountersOptions,
    private readonly logger: Logger,
  ) {
    super();
    this.#holdings = new Holdings(clock, this.#purse);
    const { timeoutMs = 120, leaseMs = 6_000, doubtMs = DOUBT_MS, overtakeMs = 5_000 } = options;
    this.#session = new Session(
      options,
      this.incarnation,
      { ...options, timeoutMs, leaseMs, doubtMs, overtakeMs },
      {
        onLeave: (state) => this.#left(state),
        holdings: (isFresh, undone) => this.#tell(isFresh, undone),
        onLive: (isFresh) => this.#live(isFresh),
        onMessage: (message) => this.#hear(message),
      },
      logger,
    );
    this.#questions = new Questions(this.#session);
    this.#admissions = new PendingAdmissions(
      this.#session,
      this.#holdings,
      this.#balances,
      this.#purse,
      options.policy,
      clock,
    );
    this.#session.outbox.onVerdict = ([id, verdict]) => this.#admissions.hear(id, verdict as Verdict);
  }

  /** Joins the processes that count together. Rejects when Redis cannot be reached, or is not fit to count on. */
  async start({ epochs, tail, writer }: Books): Promise<void> {
    this.#openings = new Openings(this.#session, tail, this.#questions.ask, () => this.clock.nowMs());
    this.#writer = writer;
    this.#tail = tail;
    await this.#session.start(epochs);
    this.#look();
  }

  /** Called when some process was not heard of for a lease: whoever can reach its records should read them now. */
  onFenced(listener: () => void): void {
    this.#onFenced = listener;
  }

  async close(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#admissions.failAll('the process ends');
    for (const { id } of this.#purse.empty()) this.#giveBack(id);
    await this.#session.close(JSON.stringify(['q', this.#writer]));
  }

  override admit(request: AdmissionRequest): Admission | Refusal | Promise<Admission | Refusal> {
    return this.#admissions.ask(request);
  }

  override settle(id: string, used: Settlement): void {
    const held = this.#holdings.end(id, used);
    if (!held) {
      this.#admissions.giveUp(id);
      return;
    }
    this.#admissions.remember(id, held.admission);
    this.#balances.settle(held.claims, held.nanoUsd, used.costNanoUsd);
    const { claims: spends, isAlone } = held;
    if (spends.length > 0 && !isAlone) this.#session.outbox.push({ text: settleOp(id, used), spends });
  }

  override amend(id: string, holdNanoUsd: NanoUsd): void {
    const held = this.#holdings.find(id);
    if (!held || held.isAlone || holdNanoUsd >= held.nanoUsd || holdNanoUsd < 0n) return;
    const less = holdNanoUsd - held.nanoUsd;
    held.nanoUsd = holdNanoUsd;
    this.#push(['m', id, String(less), String(holdNanoUsd)]);
  }

  override isOpen(key: string): boolean {
    return this.#balances.has(key);
  }

  override open(key: string, settledNanoUsd: NanoUsd, periodEndsAtMs?: number): Promise<void> | void {
    if (this.isOpen(key)) return;
    const keepMs = periodEndsAtMs === undefined ? 0 : periodEndsAtMs - this.clock.nowMs() + 3_600_000;
    const opened = this.#questions.ask(['o', key, String(settledNanoUsd), Math.max(0, keepMs)]);
    // Who finds it closed opens it from what is stored.
    return opened.then(() => this.refresh([key])).catch(() => undefined);
  }

  /**
   * Opens counters from what is stored, exactly, while others spend. Whoever asks is new here, and was told of nothing: a loss of a moment
   * is waited for. Rejects while a longer one lasts.
   */
  async openTogether(
    wanted: ToOpen,
    read: (keys: ReadonlySet<string>) => Promise<ReadonlyMap<string, NanoUsd>>,
  ): Promise<void> {
    for (let left = OPENING_ATTEMPTS; ; left -= 1) {
      if (!this.#openings || !(await this.#session.isBack())) throw unavailable('the counters are away');
      try {
        await this.#openings.open(wanted, read);
        return await this.refresh([...wanted.keys()]);
      } catch (error) {
        if (this.#session.state === 'live' || left === 1) throw error;
      }
    }
  }

  override async adjust(key: string, deltaNanoUsd: NanoUsd): Promise<void> {
    if ((await this.#questions.ask(['j', key, String(deltaNanoUsd)], [key])) === 0)
      this.#balances.forget([key]);
    else await this.refresh([key]);
  }

  override follow(keys: readonly string[], costNanoUsd: NanoUsd): void {
    if (costNanoUsd === 0n || keys.length === 0) return;
    this.#balances.charge(keys, costNanoUsd);
    this.#session.outbox.push({ text: JSON.stringify(['f', String(costNanoUsd), keys]), spends: keys });
  }

  override recover(requestId: string, keys: readonly string[], _costNanoUsd: NanoUsd): void {
    // What was stored a moment ago may have been counted before its process died.
    this.reread(keys, requestId);
  }

  /** What is stored of these budgets is not what was counted: they are read again by whoever needs them. */
  reread(keys: readonly string[], requestId = ''): void {
    this.#balances.forget(keys);
    this.#push(['v', requestId, keys]);
  }

  override async bury(writer: string): Promise<void> {
    await this.#questions.ask(['u', writer]);
  }

  override balance(key: string): { settledNanoUsd: NanoUsd; heldNanoUsd: NanoUsd } | undefined {
    return this.#balances.find(key);
  }

  /** Reads what is known of these counters anew; also a way to wait until everything asked before is done. */
  async refresh(keys: readonly string[] = this.#balances.keys()): Promise<void> {
    this.#poll();
    const found = await this.#questions.ask(['b', keys]);
    this.#balances.read(keys, list(found as (readonly [string | false, string])[]));
  }

  /** Ends waits that are over, in all processes. */
  tick(): Promise<unknown> {
    return this.#questions.ask(['t']);
  }

  sizes(): { windows: number; gauges: number; budgets: number; held: number; waiting: number } {
    const waiting = this.#admissions.waiting().length;
    const { windows, slots, size } = this.#holdings;
    return { windows: windows.size, gauges: slots.size, budgets: this.#balances.size, held: size, waiting };
  }

  /** `live`: decisions are exact. Else what the outage policy says. */
  get state(): Session['state'] {
    return this.#session.state;
  }

  get epoch(): string {
    return this.#session.epoch;
  }

  /** How many processes count, when this one was last told. */
  get members(): number {
    return this.#session.members;
  }

  #left(state: 'away' | 'rebuilding'): void {
    this.#questions.failAll();
    this.#admissions.leave(state);
  }

  #tell(isFresh: boolean, undone: readonly Op[]): Op[] {
    this.#admissions.endAlone();
    const spent = new Set(this.#tail?.keys());
    for (const { spends = [] } of undone) addBudgets(spent, spends);
    return [{ text: JSON.stringify(['W', this.#writer]) }, ...this.#holdings.tell(isFresh, spent)];
  }

  #live(isFresh: boolean): void {
    if (isFresh) this.#balances.clear();
    this.#admissions.resume();
  }

  #hear(message: readonly unknown[]): void {
    const [what, about, keys, by] = message;
    if (typeof about !== 'string') return this.#admissions.hear(String(what), about as Verdict);
    if (what === 'contended') this.#release(about);
    else if (what === 'fenced') this.#onFenced();
    else if (what === 'ready' || what === 'opened') this.#openings?.hear(about);
    else if (what === 'opening' && by !== this.incarnation) {
      this.#openings
        ?.contribute(about, list<string>(keys as string[]))
        .catch((error: unknown) => this.logger.debug({ error }, 'A budget was opened without this process.'));
    }
  }

  #release(key: string): void {
    const escrow = this.#purse.release(key, this.clock.monotonicMs());
    if (escrow && this.#session.state === 'live') this.#giveBack(escrow.id);
  }

  #giveBack(id: string): void {
    this.#session.outbox.push({ text: giveBackOp(id) });
  }

  /** Looks after what nobody asks for: verdicts whose message was lost, money to keep aside, windows that are over. */
  #look = (): void => {
    if (this.#session.state === 'live') {
      this.#poll();
      const nowMs = this.clock.monotonicMs();
      this.#holdings.windows.forgetSomeIdle(nowMs);
      if (this.options.keepsAside !== false) {
        const take = (takes: string, text: string, done: (amount: unknown) => void): void =>
          this.#session.outbox.push({ takes, text, done });
        this.#purse.look(nowMs, take, ({ id }) => this.#giveBack(id));
      }
    }
    this.#timer = setTimeout(this.#look, LOOK_MS);
    this.#timer.unref();
  };

  #poll(): void {
    const waiting = this.#admissions.waiting();
    if (waiting.length > 0) this.#push(['p', waiting]);
  }

  #push(op: readonly unknown[]): void {
    this.#session.outbox.push({ text: JSON.stringify(op) });
  }
}
