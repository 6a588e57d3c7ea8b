import type { ServerResponse } from 'node:http';
import { type ErrorShape, errorAnswer, SECURITY_HEADERS, sendInOnePiece } from '#libs/http';
import type { GatewayError } from '#libs/kernel';

/** A client that takes nothing for this long while there is something to take is not there; it must not keep its slot and its upstream. */
const STALLED_MS = 300_000;

/** Writes one answer to one client: a whole body, or a stream with back-pressure; an error in the shape the endpoint's clients read. */
export class ClientAnswer {
  #streaming = false;

  constructor(
    private readonly response: ServerResponse,
    private readonly shape: ErrorShape,
  ) {}

  get isStreaming(): boolean {
    return this.#streaming;
  }

  /** Starts a stream: the head goes out with the first chunk. `headers` is flat. */
  startStream(status: number, headers: string[]): void {
    this.#streaming = true;
    // nginx would buffer a stream otherwise; the seed's own site file relies on this header.
    headers.push('x-accel-buffering', 'no', 'cache-control', 'no-cache');
    this.response.writeHead(status, headers);
  }

  /** False when the client reads slower than we write: wait for `drained`. */
  write(chunk: Buffer): boolean {
    return this.response.write(chunk);
  }

  /** Calls back once there is room again; a client that stays stalled is cut off, which ends the call as a hang-up does. */
  whenDrained(resume: () => void): void {
    const { response } = this;
    const stalled = setTimeout(() => response.destroy(), STALLED_MS);
    const settle = (): void => {
      clearTimeout(stalled);
      response.off('drain', onDrain).off('close', settle);
    };
    const onDrain = (): void => {
      settle();
      resume();
    };
    response.on('drain', onDrain).on('close', settle);
  }

  endStream(tail: Buffer): void {
    this.response.end(tail);
  }

  /** A whole answer in one write. */
  send(status: number, headers: string[], body: Buffer): void {
    sendInOnePiece(this.response, status, headers, body);
  }

  /** Before the first byte: status and body. After it: one error frame, then the end, so that no client takes half an answer for a whole one. */
  fail(error: GatewayError, headers: string[]): void {
    if (this.response.destroyed || this.response.writableEnded) return;
    const answer = errorAnswer(error, this.shape);
    if (this.#streaming) {
      const event = this.shape === 'anthropic' ? 'event: error\n' : '';
      this.response.end(`${event}data: ${JSON.stringify(answer.body)}\n\n`);
      return;
    }
    const body = Buffer.from(JSON.stringify(answer.body));
    headers.push('content-type', 'application/json', ...SECURITY_HEADERS);
    for (const [name, value] of Object.entries(answer.headers)) headers.push(name, value);
    // Node's own way: an error may close the connection, and its headers are few and rare.
    headers.push('content-length', String(body.length));
    this.response.writeHead(answer.status, headers).end(body);
  }
}
