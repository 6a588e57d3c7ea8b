import { ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { StreamableFile } from '@nestjs/common';
import type { Headers } from './messages.js';

/** A question on its way, and the answer that comes in pieces. */
export class Asked {
  readonly #answer = Promise.withResolvers<StreamableFile>();
  readonly #response: ServerResponse | undefined;
  #body: Readable | undefined;
  #left = 0;

  constructor(args: readonly unknown[]) {
    this.#response = args.find(isResponse);
  }

  get answer(): Promise<StreamableFile> {
    return this.#answer.promise;
  }

  answered(length: number, headers: Headers): void {
    for (const [name, value] of headers) this.#response?.setHeader(name, value);
    this.#left = length;
    this.#body = new Readable({ read: () => undefined });
    this.#answer.resolve(new StreamableFile(this.#body, { type: 'application/json; charset=utf-8', length }));
  }

  /** True when it was the last. A client that is gone needs none of them. */
  piece(bytes: Uint8Array): boolean {
    this.#left -= bytes.length;
    const isLast = this.#left <= 0;
    if (this.#body?.destroyed === false) {
      this.#body.push(bytes);
      if (isLast) this.#body.push(null);
    }
    return isLast;
  }

  /** An answer that has begun is cut: a client must not take half a list for a whole one. */
  failed(error: Error): void {
    this.#answer.reject(error);
    this.#body?.destroy(error);
  }
}

export function isResponse(value: unknown): value is ServerResponse {
  return value instanceof ServerResponse;
}
