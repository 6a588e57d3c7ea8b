import type { Logger } from '#libs/telemetry';
import type { EpochStore } from './epoch-store.js';
import { type Op, Outbox, type OutboxOptions, type Trouble } from './outbox.js';
import {
  inTime,
  OtherLayout,
  type RedisAddress,
  RedisLink,
  type ServerFacts,
  UnfitRedis,
} from './redis-link.js';
import { redisProblem } from './redis-problem.js';
import { EPOCH_KEY, KEEP_HIGHEST, LAYOUT, LAYOUT_KEY, RUN_KEY, TICKET_KEY } from './script.js';

/** What the session asks of the counters it serves. */
export interface SessionEvents {
  /** Redis is away, or about to be joined again: nothing that was asked will be answered. */
  onLeave(state: 'away' | 'rebuilding'): void;
  /**
   * What this process holds, for a joining batch. `isFresh`: of an epoch that knows nothing yet; `undone`: what was not done, or never
   * will be. Afterwards nobody decides without Redis.
   */
  holdings(isFresh: boolean, undone: readonly Op[]): Op[];
  onLive(isFresh: boolean): void;
  onMessage(message: readonly unknown[]): void;
}

export type SessionState = 'starting' | 'live' | 'away' | 'rebuilding' | 'closed';

const RETRY_MS = 150;
const JOIN_MS = 2_000;
const BEAT_MS = 500;
/** A loss that is over sooner is waited for by whoever can: a Redis that had no processor for a moment. */
const MOMENT_MS = 1_000;
const BEATS_PER_ROW = 6;
const TOLD_EVERY_MS = 30_000;

/** This process's membership in the shared counters: connected, in the current epoch, heard of; and back in it after any loss. */
export class Session {
  readonly outbox: Outbox;
  /** How many processes count. */
  members = 0;
  #state: SessionState = 'starting';
  #epoch = '';
  readonly #link: RedisLink;
  #epochs: EpochStore | undefined;
  #timer: NodeJS.Timeout | undefined;
  #beats = 0;
  #awaySinceMs = 0;
  #ticket = '0';
  /** Epochs below it are not gone on with. */
  #leastEpoch = 0;
  #told = { text: '', untilMs: 0 };

  constructor(
    private readonly address: RedisAddress,
    readonly incarnation: string,
    options: OutboxOptions,
    private readonly events: SessionEvents,
    private readonly logger: Logger,
  ) {
    this.#link = new RedisLink(address, incarnation, {
      onMessage: (message) => Array.isArray(message) && events.onMessage(message),
      onDown: (error) => this.#leave('away', error),
    });
    this.outbox = new Outbox(this.#link, incarnation, options, this.#trouble, () => this.#epoch);
  }

  get state(): SessionState {
    return this.#state;
  }

  get epoch(): string {
    return this.#epoch;
  }

  /** Resolves with whether this process counts; after a moment of not counting at once. */
  async isBack(): Promise<boolean> {
    while (this.#state === 'away' || this.#state === 'rebuilding') {
      if (performance.now() - this.#awaySinceMs > MOMENT_MS) return false;
      await pause(RETRY_MS / 5);
    }
    return this.#state === 'live';
  }

  /** Joins; rejects when Redis cannot be reached or is not fit. */
  async start(epochs: EpochStore): Promise<void> {
    this.#epochs = epochs;
    await this.#findOut(await this.#facts(), epochs);
    for (const deadline = performance.now() + 15_000; this.#state !== 'live';) {
      if (await this.#join(await this.#facts())) break;
      if (performance.now() > deadline) throw new Error('the shared counters could not be joined in time');
      await pause(50);
    }
    this.#beat();
  }

  /**
   * Whether what Redis remembers may be gone on with. Not when PostgreSQL was restored to an earlier state, for then it remembers what
   * never was; nor when it was laid out by another release, of which nobody is left. Then the first who starts begins a new epoch.
   * The ticket is drawn after Redis was asked: of others who draw meanwhile it must not look like one from the future,
   * and what was drawn before is lower.
   */
  async #findOut(facts: ServerFacts, epochs: EpochStore): Promise<void> {
    const { epoch, ticket, layout } = facts;
    const isForeign = layout !== null && layout !== LAYOUT;
    // Before this process is known to anybody: who will not count must not be waited for.
    if (isForeign && epoch !== null && (await this.#link.countMembers(epoch)) > 0) throw new OtherLayout();
    this.#ticket = await epochs.beat(this.incarnation);
    const isRestored =
      Number(ticket ?? 0) >= Number(this.#ticket) || Number(epoch ?? 0) > Number(await epochs.read());
    if (!isRestored && !isForeign) return;
    this.#leastEpoch = Number(epoch ?? 0) + 1;
    // Whoever started beside us and did not see it rebuilds with us, as after a loss of memory.
    if (epoch !== null) await this.#link.forget(epoch);
    this.logger.warn(
      { ticket, drawn: this.#ticket, layout },
      isForeign
        ? 'Redis holds counters of another release; they begin anew, and budgets are read from PostgreSQL.'
        : 'PostgreSQL is older than what Redis remembers, as after a restore: the shared counters begin anew, and budgets are read from PostgreSQL.',
    );
  }

  async close(farewell: string): Promise<void> {
    if (this.#state === 'closed') return;
    const wasLive = this.#state === 'live';
    clearTimeout(this.#timer);
    if (wasLive) {
      const left = new Promise((resolve) => this.outbox.push({ text: farewell, done: resolve }));
      await inTime(left, 500).catch(() => undefined);
      // So that a backup taken from now on is not older than what is remembered, and one from before is.
      await inTime(this.#draw(), 500).catch(() => undefined);
    }
    this.#state = 'closed';
    this.outbox.shut();
    this.#link.close();
    await this.#epochs?.leave(this.incarnation).catch(() => undefined);
  }

  #trouble = (trouble: Trouble, error?: Error): void => {
    if (trouble === 'epoch') return this.#leave('rebuilding', new Error('the epoch is over'));
    if (trouble === 'fenced') return this.#leave('rebuilding', new Error('the lease was lost'));
    this.#link.drop(error ?? new Error('a batch is missing'));
  };

  #leave(state: 'away' | 'rebuilding', error: Error): void {
    if (this.#state !== 'live') return;
    this.#state = state;
    this.#awaySinceMs = performance.now();
    this.outbox.shut();
    clearTimeout(this.#timer);
    this.logger.warn({ error, state }, 'The shared counters are out of reach; finding back to them.');
    this.events.onLeave(state);
    void this.#findBack();
  }

  async #findBack(): Promise<void> {
    while (this.#state === 'away' || this.#state === 'rebuilding') {
      try {
        if (await this.#join(await this.#facts())) break;
        await pause(20);
      } catch (error) {
        this.#tell(error);
        if (this.#state === 'rebuilding' && !this.#link.isUp) {
          this.#state = 'away';
          this.events.onLeave('away');
        }
        await pause(RETRY_MS);
      }
    }
    if (this.#state !== 'live') return;
    const awayMs = Math.round(performance.now() - this.#awaySinceMs);
    this.#told = { text: '', untilMs: 0 };
    this.logger.warn({ awayMs, epoch: this.#epoch }, 'The shared counters are back.');
    this.#beat();
  }

  /** Why Redis cannot be joined, and what to do: at once, then now and then. It is tried several times a second. */
  #tell(error: unknown): void {
    const { text } =
      error instanceof UnfitRedis || error instanceof OtherLayout
        ? { text: error.message }
        : redisProblem(error, this.address.url);
    const nowMs = performance.now();
    if (text === this.#told.text && nowMs < this.#told.untilMs) return;
    this.#told = { text, untilMs: nowMs + TOLD_EVERY_MS };
    this.logger.error({}, text);
  }

  /** One attempt to be a live member of the current epoch, or to help making the next one. */
  async #join({ epoch, isOwnEpoch, runId, layout }: ServerFacts): Promise<boolean> {
    const epochs = this.#epochs;
    if (!epochs) throw new Error('the counters were not started');
    // While this process starts it has been looked at already.
    if (layout !== null && layout !== LAYOUT && this.#state !== 'starting') throw new OtherLayout();
    if (epoch !== null && isOwnEpoch && epoch === this.#epoch) return this.#enter(epoch);
    const made = await epochs.read();
    const isUsable = Number(made) >= this.#leastEpoch;
    if (isUsable && epoch === made && isOwnEpoch) return this.#enter(epoch);
    // Whoever made it is about to say so in Redis.
    if (isUsable && epoch !== made && (await this.#lastNumber(made)) > 0 && (await this.#appears(made)))
      return false;
    const next = String(Math.max(Number(made) + 1, this.#leastEpoch));
    if ((await this.#lastNumber(next)) === 0 && !(await this.#stage(next))) return false;
    await epochs.ready(this.incarnation, next);
    if (await epochs.advance(next)) {
      const client = this.#link.client();
      const told = client.multi().set(RUN_KEY, runId).set(EPOCH_KEY, next);
      await inTime(told.set(TICKET_KEY, this.#ticket).set(LAYOUT_KEY, LAYOUT).exec(), JOIN_MS);
      this.logger.warn({ epoch: next }, 'The shared counters begin a new epoch.');
      void this.#clean(next).catch(() => undefined);
    }
    return false;
  }

  /** What was asked and not done is asked again; what is held is said again, in case it was thought lost. */
  async #enter(epoch: string): Promise<boolean> {
    const last = await this.#lastNumber(epoch);
    const undone = last === 0 ? this.outbox.discard() : this.outbox.takeUndone(last);
    if (this.#state === 'away') this.#state = 'rebuilding';
    const ops = [...(last === 0 ? [] : undone), ...this.events.holdings(last === 0, undone)];
    if (!(await inTime(this.outbox.join(ops, epoch, last), JOIN_MS))) return false;
    const isFresh = this.#epoch !== epoch;
    this.#epoch = epoch;
    this.#state = 'live';
    this.outbox.open();
    this.events.onLive(isFresh);
    return true;
  }

  /** Says what this process holds in an epoch that is still being made. What ends from here on is settled in it. */
  async #stage(epoch: string): Promise<boolean> {
    const undone = this.outbox.discard();
    if (this.#state === 'away') this.#state = 'rebuilding';
    return inTime(this.outbox.join(this.events.holdings(true, undone), epoch, 0), JOIN_MS);
  }

  #facts(): Promise<ServerFacts> {
    return this.#link.isUp ? inTime(this.#link.facts(), JOIN_MS) : this.#link.connect();
  }

  async #lastNumber(epoch: string): Promise<number> {
    const client = this.#link.client();
    const [number, fenced] = await inTime(
      Promise.all([
        client.hget(`{c}:${epoch}:numbers`, this.incarnation),
        client.get(`{c}:${epoch}:n:${this.incarnation}`),
      ]),
      JOIN_MS,
    );
    return Number(number ?? fenced ?? 0);
  }

  async #appears(epoch: string): Promise<boolean> {
    for (let tries = 0; tries < 20; tries += 1) {
      if ((await inTime(this.#link.client().get(EPOCH_KEY), JOIN_MS)) === epoch) return true;
      await pause(50);
    }
    return false;
  }

  /** What earlier epochs left is nobody's any more. */
  async #clean(epoch: string): Promise<void> {
    const client = this.#link.client();
    for await (const keys of client.scanStream({ match: '{c}:*', count: 500 })) {
      const old = (keys as string[]).filter((key) => {
        const number = /^\{c\}:(\d+):/.exec(key)?.[1];
        return number !== undefined && Number(number) < Number(epoch);
      });
      if (old.length > 0) await client.unlink(...old);
    }
  }

  /** A ticket of PostgreSQL, which shows at once that this process lives, and how far PostgreSQL was when Redis was last told. */
  async #draw(): Promise<void> {
    if (!this.#epochs) return;
    this.#ticket = await this.#epochs.beat(this.incarnation);
    const client = this.#link.client();
    await Promise.all([
      client.eval(KEEP_HIGHEST, 1, TICKET_KEY, this.#ticket),
      client.setnx(LAYOUT_KEY, LAYOUT),
    ]);
  }

  /** Shows that this process lives, in Redis often, in PostgreSQL sometimes; lets go of whoever does not. */
  #beat = (): void => {
    if (this.#state !== 'live') return;
    this.outbox.push({
      text: '["t"]',
      done: (result) => {
        this.members = Array.isArray(result) ? Number(result[0]) : this.members;
      },
    });
    if (this.#beats++ % BEATS_PER_ROW === 0) {
      this.#draw().catch((error: unknown) =>
        this.logger.debug({ error }, 'PostgreSQL was not told that this process counts.'),
      );
    }
    this.#timer = setTimeout(this.#beat, BEAT_MS);
    this.#timer.unref();
  };
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
