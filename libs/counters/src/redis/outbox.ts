import type { Claim } from '../counters.js';
import type { RedisLink } from './redis-link.js';
import { giveBackOp } from './wire.js';

/** One thing asked of the script. */
export interface Op {
  readonly text: string;
  /** Called with its answer; an operation that lasts is also called so after it was sent again. */
  readonly done?: (result: unknown) => void;
  /** Called when it was not done and will not be, because its epoch is over. */
  readonly failed?: () => void;
  /** The hold it asks for. After a loss that is given back, whether or not it was taken: somebody has decided otherwise meanwhile. */
  readonly takes?: string;
  /** Budgets that it changes by what this process has spent. */
  readonly spends?: readonly (string | Claim)[];
}

interface Batch {
  readonly number: number;
  readonly ops: readonly Op[];
}

export interface OutboxOptions {
  /** How long an answer may take before the connection counts as lost. */
  readonly timeoutMs: number;
  readonly leaseMs: number;
  readonly doubtMs: number;
  readonly overtakeMs: number;
  /** For tests on a clock of their own: what the script takes for now, and by how much later keys may expire. */
  readonly now?: () => number;
  readonly keepMs?: number;
}

/** What went wrong with a batch: the epoch is over, this process was fenced, an earlier batch is missing, or nobody answered. */
export type Trouble = 'epoch' | 'fenced' | 'gap' | 'silence';

/**
 * A batch is answered in one piece, and Redis does nothing else meanwhile. A turn that asks for more sends the first of it while it goes
 * on: else Redis would stand still while this process works, and this process while Redis does.
 */
const MOST_OPS = 8;
const PIECES = 8;

/**
 * What one turn of the event loop asks for goes out as one run of the script, or a few. Batches are numbered, and kept until
 * they are answered, so that what must not be lost can be sent again, and is still done once.
 */
export class Outbox {
  readonly #unanswered: Batch[] = [];
  #ops: Op[] = [];
  #number = 0;
  #isScheduled = false;
  #timer: NodeJS.Timeout | undefined;
  /** The number of the batch whose answer the pieces are for. */
  #awaited = 0;
  #piecesLeft = PIECES;
  #isOpen = false;

  constructor(
    private readonly link: RedisLink,
    private readonly incarnation: string,
    private readonly options: OutboxOptions,
    private readonly onTrouble: (trouble: Trouble, error?: Error) => void,
    private readonly epoch: () => string,
  ) {}

  push(op: Op): void {
    this.#ops.push(op);
    if (!this.#isOpen) return;
    if (this.#ops.length >= MOST_OPS) return this.#send();
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(this.#sendRest);
  }

  /** From now on what is pushed is sent. */
  open(): void {
    this.#isOpen = true;
    if (this.#ops.length > 0) this.push(this.#ops.pop() as Op);
  }

  /** Stops sending; what is pushed is kept. */
  shut(): void {
    this.#isOpen = false;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** Takes out what is to be said after a loss: what was not done by batch `last`, in order, and what takes back what nobody waits for any more. */
  takeUndone(last: number): Op[] {
    const ops: Op[] = [];
    for (const batch of this.#unanswered.splice(0)) {
      for (const op of batch.ops) {
        if (op.takes !== undefined) ops.push({ text: giveBackOp(op.takes) });
        else if (batch.number > last) ops.push(op);
      }
    }
    ops.push(...this.#ops.splice(0).filter(({ takes }) => takes === undefined));
    return ops;
  }

  /** Forgets everything, and returns what that was: the epoch it was meant for is over. */
  discard(): Op[] {
    const ops = [...this.#unanswered.splice(0).flatMap((batch) => batch.ops), ...this.#ops.splice(0)];
    for (const op of ops) op.failed?.();
    return ops;
  }

  /**
   * Sends a joining batch by itself, after all that was ever sent: what a Redis that stood still finds of that later is too old. Resolves
   * with whether it was taken; it is not where something else was done after batch `last`.
   */
  async join(ops: readonly Op[], epoch: string, last: number): Promise<boolean> {
    this.#number = Math.max(last, this.#number) + 1;
    const batch = { number: this.#number, ops };
    this.#unanswered.push(batch);
    const answer = await this.link.run([...this.#args('j', batch, epoch), String(last)]);
    if (answer === 'E') return false;
    this.#unanswered.splice(this.#unanswered.indexOf(batch), 1);
    this.#answer(batch, answer);
    return true;
  }

  #sendRest = (): void => {
    this.#isScheduled = false;
    this.#send();
  };

  #send(): void {
    while (this.#isOpen && this.#ops.length > 0) {
      const ops = this.#ops.splice(0, MOST_OPS);
      const batch: Batch = { number: (this.#number += 1), ops };
      this.#unanswered.push(batch);
      this.#timer ??= setTimeout(this.#check, this.options.timeoutMs / PIECES);
      this.link.run(this.#args('n', batch, this.epoch())).then(
        (answer) => this.#receive(batch, answer),
        (error: Error) => this.#isOpen && this.onTrouble('silence', error),
      );
    }
  }

  #receive(batch: Batch, answer: string): void {
    const place = this.#unanswered.indexOf(batch);
    if (place === -1 || !this.#isOpen) return;
    if (answer === 'E') return this.onTrouble('epoch');
    if (answer === 'F') return this.onTrouble('fenced');
    if (answer === 'G' || answer === 'D') return this.onTrouble('gap');
    this.#unanswered.splice(place, 1);
    this.#answer(batch, answer);
  }

  #answer(batch: Batch, answer: string): void {
    const [results, , told] = JSON.parse(answer) as [unknown[], number, [string, unknown][] | object];
    for (let i = 0; i < batch.ops.length; i += 1) batch.ops[i]?.done?.(results[i]);
    if (Array.isArray(told)) for (const verdict of told) this.onVerdict(verdict);
  }

  /** Somebody who waited was let in or sent away by this batch. */
  onVerdict: (verdict: readonly [id: string, verdict: unknown]) => void = () => undefined;

  /**
   * Silence is counted in pieces, between which the process reads what has arrived, and is over with the first answer: however long this
   * process stood still, or Redis waited for a processor that it had, uses up one piece.
   */
  #check = (): void => {
    this.#timer = undefined;
    const [oldest] = this.#unanswered;
    if (!oldest || !this.#isOpen) return;
    if (oldest.number !== this.#awaited) {
      this.#awaited = oldest.number;
      this.#piecesLeft = PIECES;
    }
    this.#piecesLeft -= 1;
    if (this.#piecesLeft === 0) this.onTrouble('silence', new Error('Redis did not answer in time'));
    else this.#timer = setTimeout(this.#check, this.options.timeoutMs / PIECES);
  };

  #args(mode: 'n' | 'j', { number, ops }: Batch, epoch: string): string[] {
    const { now, overtakeMs, leaseMs, doubtMs, keepMs = 0 } = this.options;
    let text = '[';
    for (let i = 0; i < ops.length; i += 1) text += (i === 0 ? '' : ',') + ops[i]?.text;
    const times = [overtakeMs, leaseMs, doubtMs, keepMs].map(String);
    return [epoch, this.incarnation, mode, String(number), now ? String(now()) : '', ...times, `${text}]`];
  }
}
