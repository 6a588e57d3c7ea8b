import { crc32 } from 'node:zlib';

/** Before each record: its length and the checksum of its bytes, four bytes each, little-endian. */
export const FRAME_BYTES = 8;
/** A longer record is damage, not data: nothing we write comes near it. */
const MAX_RECORD_BYTES = 4 * 1024 * 1024;

/** `b`: a begin record. `e`: a whole entry, so that an end can be drained without looking for its begin. */
export type RecordKind = 'b' | 'e';

export interface SpoolRecord {
  readonly kind: RecordKind;
  /** Number of the segment that holds the begin of an `e` record. */
  readonly beginSegment: number;
  readonly begin: string;
  /** Empty in a `b` record. */
  readonly end: string;
  /** Where the next record starts. */
  readonly nextOffset: number;
}

/** A buffer that records are framed into; grows to the largest batch seen. */
export class FrameBuffer {
  #bytes = Buffer.allocUnsafe(64 * 1024);
  #used = 0;

  get used(): Buffer {
    return this.#bytes.subarray(0, this.#used);
  }

  clear(): void {
    // One giant batch must not pin its memory for the life of the process.
    if (this.#bytes.length > 8 * 1024 * 1024) this.#bytes = Buffer.allocUnsafe(64 * 1024);
    this.#used = 0;
  }

  /** Returns where the record starts. */
  add(payload: string): number {
    this.#reserve(FRAME_BYTES + payload.length * 3);
    const start = this.#used + FRAME_BYTES;
    const length = this.#bytes.write(payload, start);
    this.#bytes.writeUInt32LE(length, this.#used);
    this.#bytes.writeUInt32LE(crc32(this.#bytes.subarray(start, start + length)), this.#used + 4);
    this.#used = start + length;
    return start - FRAME_BYTES;
  }

  #reserve(more: number): void {
    if (this.#used + more <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, this.#used + more));
    this.#bytes.copy(larger, 0, 0, this.#used);
    this.#bytes = larger;
  }
}

export function beginPayload(begin: string): string {
  return `b${begin}`;
}

/** JSON holds no raw line break, so one separates its parts. */
export function entryPayload(beginSegment: number, begin: string, end: string): string {
  return `e${beginSegment}\n${begin}\n${end}`;
}

/**
 * The records of a segment from `offset` on. Ends silently at the first record that is not whole (a torn tail); what was
 * read is all that was ever acknowledged, because a record is acknowledged only after the write that holds it.
 */
export function* recordsOf(bytes: Buffer, offset = 0): Generator<SpoolRecord> {
  let at = offset;
  while (at + FRAME_BYTES <= bytes.length) {
    const length = bytes.readUInt32LE(at);
    const start = at + FRAME_BYTES;
    if (length === 0 || length > MAX_RECORD_BYTES || start + length > bytes.length) return;
    const payload = bytes.subarray(start, start + length);
    if (crc32(payload) !== bytes.readUInt32LE(at + 4)) return;
    at = start + length;
    yield parsePayload(payload.toString('utf8'), at);
  }
}

function parsePayload(payload: string, nextOffset: number): SpoolRecord {
  if (payload.startsWith('b'))
    return { kind: 'b', beginSegment: -1, begin: payload.slice(1), end: '', nextOffset };
  const first = payload.indexOf('\n');
  const second = payload.indexOf('\n', first + 1);
  return {
    kind: 'e',
    beginSegment: Number(payload.slice(1, first)),
    begin: payload.slice(first + 1, second),
    end: payload.slice(second + 1),
    nextOffset,
  };
}
