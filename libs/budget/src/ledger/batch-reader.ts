import type { Entry } from '../spool/codec.js';
import type { Ended } from './in-flight.js';

/** Entries of one batch lie close together: between two of them are only the begins of their time. */
const MAX_READ_BYTES = 8 * 1024 * 1024;

/** Reads the rows of a batch back from the spool, whole stretches at once, into one buffer that it uses again and again. */
export class BatchReader {
  #bytes = Buffer.alloc(0);

  /** The rows are good until the next batch is read. */
  entriesOf(batch: readonly Ended[]): Entry[] {
    const entries: Entry[] = [];
    const reads = stretchesOf(batch);
    const needed = reads.reduce((sum, { from, to }) => sum + to - from, 0);
    if (this.#bytes.length < needed || this.#bytes.length > 4 * needed + MAX_READ_BYTES)
      this.#bytes = Buffer.allocUnsafeSlow(needed);
    let at = 0;
    for (const { segment, from, to, members } of reads) {
      segment?.read(from, this.#bytes.subarray(at, at + to - from));
      for (const ended of members) {
        const start = at + ended.offset - from;
        const row = segment ? this.#bytes.subarray(start, start + ended.bytes) : ended.unwrittenRow();
        entries.push({ ...ended.facts, row });
      }
      at += to - from;
    }
    return entries;
  }
}

interface Stretch {
  /** Undefined: not written yet. */
  readonly segment: Ended['segment'];
  from: number;
  to: number;
  readonly members: Ended[];
}

function stretchesOf(batch: readonly Ended[]): Stretch[] {
  const stretches: Stretch[] = [];
  let last: Stretch | undefined;
  for (const ended of batch) {
    const { segment, offset, bytes } = ended;
    const end = offset + bytes;
    if (last && last.segment === segment && offset >= last.from && end - last.from <= MAX_READ_BYTES) {
      last.to = Math.max(last.to, end);
      last.members.push(ended);
    } else {
      last = { segment, from: offset, to: end, members: [ended] };
      stretches.push(last);
    }
  }
  return stretches;
}
