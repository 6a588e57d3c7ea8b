import { crc32 } from 'node:zlib';

/** Before each record: its length and the checksum of its bytes, four bytes each, little-endian. */
export const FRAME_BYTES = 8;
/** A longer record is damage, not data: nothing we write comes near it. */
const MAX_RECORD_BYTES = 4 * 1024 * 1024;

/** A begin record, or a whole entry, so that an end can be drained without looking for its begin. */
export type SpoolRecord =
  { readonly kind: 'begin'; readonly members: string } | { readonly kind: 'entry'; readonly row: Buffer };

const BEGIN = 'b'.charCodeAt(0);
const ENTRY = 'e'.charCodeAt(0);
/** Bytes of an entry's record before its row. */
export const ROW_OFFSET = FRAME_BYTES + 1;

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

  /** Returns where the record starts. Its parts are written one after the other, so that nobody has to join them first. */
  addBegin(members: string): number {
    const start = this.#open(BEGIN, members.length);
    this.#text(members);
    return this.#close(start);
  }

  addEntry(begin: string, end: string): number {
    const start = this.#open(ENTRY, begin.length + end.length + 3);
    this.#text('[');
    this.#text(begin);
    this.#text(',');
    this.#text(end);
    this.#text(']');
    return this.#close(start);
  }

  #open(kind: number, length: number): number {
    this.#reserve(ROW_OFFSET + length * 3);
    const start = this.#used;
    this.#bytes[start + FRAME_BYTES] = kind;
    this.#used = start + ROW_OFFSET;
    return start;
  }

  #text(text: string): void {
    this.#used += this.#bytes.write(text, this.#used);
  }

  #close(start: number): number {
    const payload = this.#bytes.subarray(start + FRAME_BYTES, this.#used);
    this.#bytes.writeUInt32LE(payload.length, start);
    this.#bytes.writeUInt32LE(crc32(payload), start + 4);
    return start;
  }

  #reserve(more: number): void {
    if (this.#used + more <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, this.#used + more));
    this.#bytes.copy(larger, 0, 0, this.#used);
    this.#bytes = larger;
  }
}

/**
 * The records of a segment from `offset` on. Ends silently at the first record that is not whole (a torn tail); what was
 * read is all that was ever acknowledged, because a record is acknowledged only after the write that holds it.
 */
export function* recordsOf(bytes: Buffer): Generator<SpoolRecord> {
  let at = 0;
  while (at + FRAME_BYTES <= bytes.length) {
    const length = bytes.readUInt32LE(at);
    const start = at + FRAME_BYTES;
    if (length === 0 || length > MAX_RECORD_BYTES || start + length > bytes.length) return;
    const payload = bytes.subarray(start, start + length);
    if (crc32(payload) !== bytes.readUInt32LE(at + 4)) return;
    at = start + length;
    if (payload[0] === BEGIN) yield { kind: 'begin', members: payload.toString('utf8', 1) };
    else yield { kind: 'entry', row: payload.subarray(1) };
  }
}
