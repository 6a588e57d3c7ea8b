import { ServerResponse } from 'node:http';
import { connect, type Socket } from 'node:net';
import { StreamableFile } from '@nestjs/common';
import { receivedFailure } from './failures.js';
import { FirstValue, framed } from './frames.js';
import type { AnswerHead, Question } from './messages.js';
import { Pieces } from './pieces.js';

/** What is read in one turn, and passed on before the next is read. */
const PIECE_BYTES = 64 * 1024;
/** Pieces that nobody uses just now: an answer of megabytes leaves no garbage behind in the process that serves calls. */
const free: Buffer[] = [];
const MOST_FREE = 8;

/**
 * Asks the reading process on a connection of its own; rejects with what it threw, or with what became of it. The answer is read from
 * there no faster than `response` takes it. `response`, where the handler has one, gets the headers that it set.
 */
export function ask(
  path: string,
  question: Question,
  response: ServerResponse | undefined,
): Promise<StreamableFile> {
  const { promise, resolve, reject } = Promise.withResolvers<StreamableFile>();
  const first = new FirstValue<AnswerHead>();
  const buffer = free.pop() ?? Buffer.allocUnsafeSlow(PIECE_BYTES);
  const giveBack = (): void => {
    if (free.length < MOST_FREE) free.push(buffer);
  };
  let pieces: Pieces | undefined;
  const answered = (bytes: Buffer): void => {
    const taken = first.take(bytes);
    if (taken === undefined) return;
    const { value: head, rest } = taken;
    if ('failure' in head) {
      socket.destroy();
      return reject(receivedFailure(head.failure));
    }
    const { length, headers } = head;
    for (const [name, value] of headers) response?.setHeader(name, value);
    pieces = new Pieces(socket, length, rest);
    // Not before: until then a piece of it may be on its way to the client.
    pieces.once('close', giveBack);
    resolve(new StreamableFile(pieces, { type: 'application/json; charset=utf-8', length }));
  };
  const socket: Socket = connect({
    path,
    onread: {
      buffer,
      callback: (length) => {
        const bytes = buffer.subarray(0, length);
        if (pieces === undefined) answered(bytes);
        else pieces.receive(bytes);
        // It reads on when this one was passed on.
        return pieces === undefined;
      },
    },
  });
  socket.write(framed(question));
  const lost = (): void => {
    const gone = new Error('The process that reads lists ended before it answered.');
    reject(gone);
    if (pieces?.isWhole === false) pieces.destroy(gone);
  };
  // What went wrong with the connection is that the reader has gone; it says itself why.
  socket.on('error', () => undefined);
  socket.once('end', lost);
  socket.once('close', () => {
    lost();
    if (pieces === undefined) giveBack();
  });
  return promise;
}

export function isResponse(value: unknown): value is ServerResponse {
  return value instanceof ServerResponse;
}
