// The cheapest HTTP/1.1 client that can tell where an answer ends: one socket, one request at a time.
import { connect } from 'node:net';

export class RawClient {
  #socket;
  #buffer = Buffer.alloc(0);
  #onFirst;
  #onDone;

  constructor(port) {
    this.#socket = connect({ port, host: '127.0.0.1', noDelay: true });
    this.#socket.on('data', (data) => this.#read(data));
    this.#socket.on('error', () => this.#finish(0));
    this.#socket.on('close', () => this.#finish(0));
  }

  get isClosed() {
    return this.#socket.destroyed;
  }

  /** `done(status)` at the end of the answer (0: the connection broke); `first()` at the first byte of its body. */
  send(bytes, done, first) {
    this.#onDone = done;
    this.#onFirst = first;
    this.#socket.write(bytes);
  }

  close() {
    this.#socket.destroy();
  }

  #finish(status) {
    const done = this.#onDone;
    this.#onDone = undefined;
    this.#buffer = Buffer.alloc(0);
    done?.(status);
  }

  #read(data) {
    this.#buffer = this.#buffer.length === 0 ? data : Buffer.concat([this.#buffer, data]);
    const headEnd = this.#buffer.indexOf('\r\n\r\n');
    if (headEnd < 0) return;
    if (this.#onFirst && this.#buffer.length > headEnd + 4) {
      this.#onFirst();
      this.#onFirst = undefined;
    }
    const head = this.#buffer.subarray(0, headEnd).toString('latin1');
    const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
    const isWhole =
      length === undefined
        ? this.#buffer.subarray(-5).toString('latin1') === '0\r\n\r\n'
        : this.#buffer.length >= headEnd + 4 + Number(length);
    if (isWhole) this.#finish(Number(head.slice(9, 12)));
  }
}

export function requestBytes(port, key, body) {
  const head = `POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\nauthorization: Bearer ${key}\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n`;
  return Buffer.from(head + body);
}

export function percentile(sorted, share) {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
}
