import { answerWithin } from '#libs/kernel';
import type { Logger } from '#libs/telemetry';
import type { DataSource } from 'typeorm';

const CHECK_MS = 2_000;
/** Less than a readiness probe waits, so that "disconnected" is known before anybody asks twice. */
const ANSWER_MS = 2_000;

/** Whether the pool can answer, known beforehand: asking it costs nothing, so a flood of probes is no load. */
export class DatabaseHealth {
  private reachable = false;
  private warm = false;
  private timer: NodeJS.Timeout | undefined;
  private stopped = false;
  #told: string | undefined;

  constructor(
    private readonly dataSource: Pick<DataSource, 'query'>,
    private readonly logger: Logger,
    private readonly checkMs: number = CHECK_MS,
    /** Asked after a silence of the pool: whether the server as such answers, and what to do when it does not. */
    private readonly silence: { answers(): Promise<unknown>; cut(): void } | undefined = undefined,
  ) {}

  /** As of at most 4 s ago. */
  isReachable(): boolean {
    return this.reachable;
  }

  /** The same in the words of readiness probes. */
  state(): 'connected' | 'disconnected' {
    return this.reachable ? 'connected' : 'disconnected';
  }

  /** True for ever once the database has answered: a warm process keeps serving what it has cached. */
  isWarm(): boolean {
    return this.warm;
  }

  /** Asks once and then goes on asking until `stop`. Never throws. */
  async start(): Promise<void> {
    await this.check();
    if (this.stopped) return;
    this.timer = setTimeout(() => void this.start(), this.checkMs);
    this.timer.unref();
  }

  /** Asks no more; a question under way ends by itself. */
  stop(): void {
    this.stopped = true;
    clearTimeout(this.timer);
  }

  /** A pool whose every connection is at work is silent too; only a server that takes no new connection either is gone. */
  private async cutIfSilent(): Promise<void> {
    if (!this.silence) return;
    try {
      await answersInTime(this.silence.answers());
    } catch (error) {
      this.logger.warn({ error }, 'The database is silent; its connections are given up.');
      this.silence.cut();
    }
  }

  /** Also at a start, where nobody had an answer before. */
  #tellOnce(error: Error): void {
    if (this.#told === error.message) return;
    this.#told = error.message;
    this.logger.error({}, error.message);
  }

  private async check(): Promise<void> {
    const before = this.reachable;
    try {
      const rows = (await answersInTime(this.dataSource.query(ASK))) as readonly { readOnly: string }[];
      if (rows[0]?.readOnly === 'on') throw new ReadOnly();
      this.reachable = true;
      this.warm = true;
      this.#told = undefined;
      if (!before) this.logger.debug({}, 'The database answers.');
    } catch (error) {
      this.reachable = false;
      if (error instanceof ReadOnly) this.#tellOnce(error);
      else if (before) this.logger.error({ error }, 'The database does not answer.');
      if (error instanceof Silence) await this.cutIfSilent();
    }
  }
}

/** By what a connection may do, not by whether the server is a standby: some make themselves read-only before their disk is full. */
const ASK = `SELECT current_setting('transaction_read_only') AS "readOnly"`;

class ReadOnly extends Error {
  constructor() {
    super(
      'The database takes no changes (it is read-only). After a failover: name the new primary in DATABASE_URL. A managed server does so when its disk is nearly full: make room. By hand: default_transaction_read_only.',
    );
  }
}

class Silence extends Error {}

function answersInTime(answer: Promise<unknown>): Promise<unknown> {
  return answerWithin(answer, ANSWER_MS, () => new Silence(`no answer within ${ANSWER_MS} ms`));
}
