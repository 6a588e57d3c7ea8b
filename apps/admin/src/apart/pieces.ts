import { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { Readable } from 'node:stream';

/**
 * An answer of the reading process while it comes in: piece by piece in the one buffer that its connection reads into, which is read into
 * again when the piece was passed on. Piped into a response nothing is copied and nothing is kept; read otherwise it is a copy.
 */
export class Pieces extends Readable {
  #left: number;
  #first: Buffer;
  #response: ServerResponse | undefined;

  /** `socket` is paused, and gives each piece to `receive` after `resume`. `first`: what came with the head of the answer, of its own. */
  constructor(
    private readonly socket: Socket,
    length: number,
    first: Buffer,
  ) {
    super();
    this.#left = length;
    this.#first = first;
  }

  get isWhole(): boolean {
    return this.#left <= 0;
  }

  receive(piece: Buffer): void {
    this.#left -= piece.length;
    if (this.#response === undefined) {
      this.push(Buffer.from(piece));
      if (this.isWhole) this.push(null);
    } else if (!this.#response.destroyed) this.#response.write(piece, this.#next);
  }

  override pipe<Destination extends NodeJS.WritableStream>(destination: Destination): Destination {
    if (!(destination instanceof ServerResponse)) return super.pipe(destination);
    this.#response = destination;
    this.#more();
    return destination;
  }

  override _read(): void {
    this.#more();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.socket.destroy();
    done(error);
  }

  readonly #next = (error?: Error | null): void => {
    // A client that is gone is noticed where its response is.
    if (error) return;
    if (this.isWhole) this.#response?.end();
    else this.#more();
  };

  #more(): void {
    const first = this.#first;
    this.#first = Buffer.alloc(0);
    if (first.length > 0) this.receive(first);
    else this.socket.resume();
  }
}
