import { deserialize, serialize } from 'node:v8';

const LENGTH_BYTES = 4;
const EMPTY = Buffer.alloc(0);

/** A value as it goes over a connection between processes: its length, and what `deserialize` reads. */
export function framed(value: unknown): Buffer {
  const bytes = serialize(value);
  const frame = Buffer.allocUnsafe(LENGTH_BYTES + bytes.length);
  frame.writeUInt32LE(bytes.length);
  bytes.copy(frame, LENGTH_BYTES);
  return frame;
}

/** Puts the one value together that a connection begins with. */
export class FirstValue<Value> {
  #received = EMPTY;

  /** Undefined until all of it is there; then the value, and a copy of what came behind it. */
  take(bytes: Buffer): { readonly value: Value; readonly rest: Buffer } | undefined {
    this.#received = Buffer.concat([this.#received, bytes]);
    if (this.#received.length < LENGTH_BYTES) return undefined;
    const end = LENGTH_BYTES + this.#received.readUInt32LE();
    if (this.#received.length < end) return undefined;
    const value = deserialize(this.#received.subarray(LENGTH_BYTES, end)) as Value;
    return { value, rest: this.#received.subarray(end) };
  }
}
