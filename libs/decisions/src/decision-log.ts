import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import { Clock, dayOf, type GatewayError } from '#libs/kernel';
import { Logger, Metrics } from '#libs/telemetry';
import { type Decision, decisionOf, type RefusedRequest } from './decision.js';
import { DecisionStore } from './decision-store.js';

const FLUSH_MS = 1_000;
/** A second's worth that is kept; of the rest the number is. */
const MOST_A_SECOND = 100;
/** One caller in a loop must not push the others out. */
const MOST_OF_ONE = 20;
/** Bounds what a week of floods takes: some 100 MB a day and process. */
const MOST_A_DAY = 100_000;
/** While the store is away, this much waits. */
const MOST_WAITING = 200;
/** Refusals of credentials that nobody has are found here for a while, and nowhere else. */
const MOST_STRANGERS = 1_000;
const MOST_KNOWN = 1_000;

interface Noted {
  readonly id: string;
  readonly atMs: number;
  readonly error: GatewayError;
  readonly request: RefusedRequest;
}

/**
 * Keeps refusals for those who ask why. On the way of a refusal it takes a note, no more: checks are listed and rows written later,
 * in batches, and beyond a bound only counted. A credential that nobody has costs a place in a ring and no row, so guessing keys
 * fills nothing.
 */
@Injectable()
export class DecisionLog implements OnModuleDestroy {
  readonly #strangers = new Ring(MOST_STRANGERS);
  readonly #known = new Ring(MOST_KNOWN);
  #waiting: Noted[] = [];
  readonly #ofOne = new Map<string, number>();
  #today = '';
  #keptToday = 0;
  #dropped = 0;
  #timer: NodeJS.Timeout | undefined;
  #isWriting: Promise<void> | undefined;

  constructor(
    private readonly store: DecisionStore,
    private readonly clock: Clock,
    private readonly logger: Logger,
    metrics: Metrics,
  ) {
    metrics.observe(
      'tollgate_decisions_dropped',
      'Refusals beyond the bound of what is kept, since the start',
      () => this.#dropped,
    );
  }

  /** Must be cheap and never throws. Failures that are nobody's decision are passed by. */
  note(error: GatewayError, request: RefusedRequest): void {
    const id = error.decisionId;
    if (id === undefined) return;
    const noted: Noted = { id, atMs: this.clock.nowMs(), error, request };
    const principal = error.caller ?? request.principal;
    if (principal === undefined) {
      this.#strangers.add(noted);
      return;
    }
    this.#known.add(noted);
    const who = principal.key?.id ?? principal.user?.id ?? principal.displayName;
    const ofOne = (this.#ofOne.get(who) ?? 0) + 1;
    this.#ofOne.set(who, ofOne);
    if (ofOne > MOST_OF_ONE || this.#waiting.length >= MOST_A_SECOND || !this.#hasRoomToday(noted.atMs))
      this.#dropped += 1;
    else this.#waiting.push(noted);
    this.#later();
  }

  /** What this process remembers, written or not. */
  find(id: string): Decision | undefined {
    const noted = this.#known.find(id) ?? this.#strangers.find(id);
    return noted && decisionOf(noted.id, noted.atMs, noted.error, noted.request);
  }

  /** How many were only counted. */
  get dropped(): number {
    return this.#dropped;
  }

  async onModuleDestroy(): Promise<void> {
    clearTimeout(this.#timer);
    await this.flush();
  }

  /** Writes what waits. Never throws. */
  async flush(): Promise<void> {
    await this.#isWriting;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const noted = this.#waiting;
    this.#waiting = [];
    this.#ofOne.clear();
    if (noted.length === 0) return;
    this.#isWriting = this.#write(noted).finally(() => (this.#isWriting = undefined));
    await this.#isWriting;
  }

  async #write(noted: readonly Noted[]): Promise<void> {
    try {
      await this.store.keep(noted.map((one) => decisionOf(one.id, one.atMs, one.error, one.request)));
    } catch (error) {
      this.logger.warn({ error, waiting: noted.length }, 'Refusals wait for the store.');
      const all = [...noted, ...this.#waiting];
      this.#waiting = all.slice(0, MOST_WAITING);
      this.#dropped += all.length - this.#waiting.length;
      this.#later();
    }
  }

  #hasRoomToday(atMs: number): boolean {
    const today = dayOf(atMs);
    if (today !== this.#today) {
      this.#today = today;
      this.#keptToday = 0;
    }
    this.#keptToday += 1;
    return this.#keptToday <= MOST_A_DAY;
  }

  #later(): void {
    this.#timer ??= setTimeout(() => void this.flush(), FLUSH_MS);
    this.#timer.unref();
  }
}

/** The last so many. Adding is one store; looking through them is for the rare one who asks. */
class Ring {
  readonly #places: Noted[] = [];
  #next = 0;

  constructor(private readonly most: number) {}

  add(noted: Noted): void {
    this.#places[this.#next] = noted;
    this.#next = (this.#next + 1) % this.most;
  }

  find(id: string): Noted | undefined {
    return this.#places.find((noted) => noted.id === id);
  }
}
