import { GatewayError } from '#libs/kernel';
import type { BeginRecord, EndRecord } from '../ledger.js';
import { decodeBegin, decodeEnd, encodeBegin, encodeEnd, type Entry, entryOf, flat } from '../spool/codec.js';
import { beginPayload, entryPayload } from '../spool/frame.js';
import type { Segment } from '../spool/segment.js';
import type { Append } from '../spool/spool.js';

/** How long an end may wait for a disk and a database that both refuse it, before its client is told. */
const MAX_HELD_MS = 10_000;

export type Proceed = (refused?: GatewayError) => void;

/** A call between its begin and its end: also what is appended for the begin. */
export class InFlight implements Append {
  readonly text: string;
  segment: Segment | undefined;

  constructor(
    readonly begin: BeginRecord,
    private readonly proceed: Proceed,
    private readonly dropped: (call: InFlight) => void,
  ) {
    this.text = flat(encodeBegin(begin));
  }

  payload(): string {
    return beginPayload(this.text);
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

/** A call that ended: first appended, then drained; whichever comes first makes it durable and lets its last bytes go. */
export class Ended implements Append {
  /** Where its own record is, once written. */
  segment: Segment | undefined;
  beginSegment: Segment | undefined;
  drained = false;
  /** The queue is full: forget the texts as soon as they can be read back from the file. */
  spill = false;
  #entry: Entry | undefined;
  #texts: { readonly begin: string; readonly end: string } | undefined;
  #offset = 0;
  #release: Proceed | undefined;
  #call: InFlight | undefined;
  #patience: NodeJS.Timeout | undefined;

  constructor(call: InFlight, end: EndRecord, release: Proceed) {
    const text = encodeEnd(end);
    this.#entry = entryOf(call.begin, end, call.text, text);
    this.#texts = { begin: call.text, end: text };
    this.beginSegment = call.segment;
    this.#call = call;
    this.#release = release;
  }

  /** The entry, read back from the file when memory let go of it. */
  entry(): Entry {
    if (this.#entry) return this.#entry;
    if (!this.segment) throw new Error('a spilled entry has no segment');
    const { begin, end } = this.segment.read(this.#offset);
    return entryOf(decodeBegin(begin), decodeEnd(end), begin, end);
  }

  payload(segment: Segment): string {
    // A begin of the same batch has no number yet, but it is about to get this segment's.
    const beginSegment = this.#call?.segment?.number ?? segment.number;
    return entryPayload(beginSegment, this.#texts?.begin ?? '', this.#texts?.end ?? '');
  }

  written(segment: Segment, offset: number): void {
    this.beginSegment = this.#call?.segment;
    this.#call = undefined;
    this.#texts = undefined;
    if (!this.drained) {
      segment.needed += 1;
      this.segment = segment;
      this.#offset = offset;
      if (this.spill) this.#entry = undefined;
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
