import { GatewayError } from '#libs/kernel';
import type { BeginRecord, EndRecord } from '../ledger.js';
import { encodeBegin, encodeEnd, type EntryFacts, factsOf, rowText } from '../spool/codec.js';
import { type FrameBuffer, ROW_OFFSET } from '../spool/frame.js';
import type { Segment } from '../spool/segment.js';
import type { Append } from '../spool/spool.js';

/** How long an end may wait for a disk and a database that both refuse it, before its client is told. */
const MAX_HELD_MS = 10_000;

export type Proceed = (refused?: GatewayError) => void;

/** A call between its begin and its end: also what is appended for the begin. */
export class InFlight implements Append {
  readonly members: string;
  segment: Segment | undefined;

  constructor(
    readonly begin: BeginRecord,
    private readonly proceed: Proceed,
    private readonly dropped: (call: InFlight) => void,
  ) {
    this.members = encodeBegin(begin);
  }

  frame(into: FrameBuffer): number {
    return into.addBegin(this.members);
  }

  written(segment: Segment): void {
    segment.needed += 1;
    this.segment = segment;
    run(this.proceed);
  }

  failed(error: Error): boolean {
    this.dropped(this);
    run(this.proceed, ledgerFull(error));
    return false;
  }
}

/**
 * A call that ended: first appended, then drained; whichever comes first makes it durable and lets its last bytes go. Once it
 * is written only its place in the file is kept: thousands wait for the database, and whatever waits is copied by the collector.
 */
export class Ended implements Append {
  readonly facts: EntryFacts;
  /** Where its own record is, once written. */
  segment: Segment | undefined;
  beginSegment: Segment | undefined;
  drained = false;
  /** Where its row is in the segment. */
  offset = 0;
  bytes = 0;
  #texts: { readonly begin: string; readonly end: string } | undefined;
  #release: Proceed | undefined;
  #call: InFlight | undefined;
  #patience: NodeJS.Timeout | undefined;

  constructor(call: InFlight, end: EndRecord, release: Proceed) {
    this.facts = factsOf(call.begin, end);
    this.#texts = { begin: call.members, end: encodeEnd(end) };
    this.beginSegment = call.segment;
    this.#call = call;
    this.#release = release;
  }

  /** The row of one that is not written yet. */
  unwrittenRow(): Buffer {
    if (!this.#texts) throw new Error('the row of a written entry is in its segment');
    return Buffer.from(rowText(this.#texts.begin, this.#texts.end));
  }

  frame(into: FrameBuffer): number {
    return into.addEntry(this.#texts?.begin ?? '', this.#texts?.end ?? '');
  }

  written(segment: Segment, offset: number, bytes: number): void {
    this.beginSegment = this.#call?.segment;
    this.#call = undefined;
    this.#texts = undefined;
    if (!this.drained) {
      segment.needed += 1;
      this.segment = segment;
      this.offset = offset + ROW_OFFSET;
      this.bytes = bytes - ROW_OFFSET;
    }
    this.letGo();
  }

  failed(error: Error): boolean {
    if (this.#release) this.#patience ??= setTimeout(() => this.letGo(ledgerFull(error)), MAX_HELD_MS);
    return !this.drained;
  }

  /** Its client may see the end. With a reason: it may not, because nothing durable knows of it. Only the first call counts. */
  letGo(because?: GatewayError): void {
    const release = this.#release;
    this.#release = undefined;
    clearTimeout(this.#patience);
    if (release) run(release, because);
  }
}

/** A caller's callback that throws is a defect of that caller: it surfaces as one, and keeps no other record from being finished. */
function run(callback: Proceed, reason?: GatewayError): void {
  try {
    callback(reason);
  } catch (error) {
    setImmediate(() => {
      throw error;
    });
  }
}

export function ledgerFull(cause?: unknown): GatewayError {
  return new GatewayError(
    'ledger.backlog_full',
    'Spend cannot be recorded right now, so no new calls are taken. Please try again shortly.',
    {
      cause,
      headers: { 'retry-after': '5' },
    },
  );
}
