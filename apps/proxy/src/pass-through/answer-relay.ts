import { Injectable } from '@nestjs/common';
import { Config } from '#libs/config';
import type { Standing } from '#libs/counters';
import { Cors, SECURITY_HEADERS } from '#libs/http';
import { GatewayError } from '#libs/kernel';
import { passedOnHeaders, type RelayAnswer } from '#libs/providers';
import { RateLimits } from '#libs/ratelimit';
import type { Errand } from './errand.js';

/** A client that takes nothing for this long while there is something to take is not there. */
const STALLED_MS = 300_000;

/** How the passing on of an answer ended; each resolves once that is on record. */
export interface AnswerEnds {
  whole(): Promise<void>;
  broken(error: unknown): Promise<void>;
}

/** Passes a target's answer on byte for byte, with back-pressure; its end waits until the call is on record: the last piece where the length is known, else the mark behind it. */
@Injectable()
export class AnswerRelay {
  constructor(
    private readonly config: Config,
    private readonly cors: Cors,
    private readonly limits: RateLimits,
  ) {}

  async pass(
    errand: Errand,
    answer: RelayAnswer,
    standings: readonly Standing[],
    ends: AnswerEnds,
  ): Promise<void> {
    const { response, signal } = errand;
    let last: Buffer | undefined;
    const isStream = !answer.headers.includes('content-length');
    const write = async (chunk: Buffer): Promise<void> => {
      if (!response.headersSent) response.writeHead(answer.status, this.#headers(errand, answer, standings));
      if (!response.write(chunk)) await drained(errand);
    };
    try {
      let bytes = 0;
      for await (const chunk of answer.body as AsyncIterable<Buffer>) {
        bytes += chunk.length;
        if (bytes > (this.config.server.maxResponseBytes ?? Infinity)) throw tooLarge();
        if (last !== undefined) await write(last);
        last = isStream ? undefined : chunk;
        if (isStream) await write(chunk);
      }
      if (signal.aborted) throw new Error('the caller is gone');
    } catch (thrown) {
      answer.body.on('error', ignored).destroy();
      const error = thrown instanceof GatewayError ? thrown : brokenOff(thrown);
      await ends.broken(error);
      if (!response.headersSent) throw error;
      // Part of the answer is with the client: only a broken connection says that it is not whole.
      response.destroy();
      return;
    }
    await ends.whole();
    if (!response.headersSent) response.writeHead(answer.status, this.#headers(errand, answer, standings));
    response.end(last);
  }

  #headers(errand: Errand, answer: RelayAnswer, standings: readonly Standing[]): string[] {
    const headers = [...SECURITY_HEADERS, 'x-litellm-call-id', errand.id, 'x-accel-buffering', 'no'];
    const own = headers.filter((_, index) => index % 2 === 0);
    this.limits.headers(standings, headers);
    const theirs: string[] = [];
    const isOwn = errand.endpoint.requiresCaller;
    passedOnHeaders(answer.headers, theirs);
    for (let i = 0; i + 1 < theirs.length; i += 2) {
      const name = theirs[i] ?? '';
      // What is said here of our limits is ours to say.
      if (own.includes(name) || name.startsWith('x-ratelimit-')) continue;
      if (!isOwn || !CACHING.test(name)) headers.push(name, theirs[i + 1] ?? '');
    }
    if (isOwn) headers.push('cache-control', 'private, no-cache');
    this.cors.append(errand.request, headers);
    return headers;
  }
}

/**
 * To the target the operator is who asks, and what the operator may keep it may call public. To a cache in front of us the same words would
 * mean that what one caller was granted, and pays for, is everybody's.
 */
const CACHING = /^(?:cache-control|expires|pragma|age|surrogate-control|(?:[\w-]+-)?cdn-cache-control)$/;

/** Resolves when there is room again; rejects when the client is gone, or takes nothing for too long. */
function drained({ response, signal }: Errand): Promise<void> {
  return new Promise((resolve, reject) => {
    const done = (error?: Error): void => {
      clearTimeout(stalled);
      response.off('drain', onDrain);
      signal.removeEventListener('abort', onGone);
      if (error) reject(error);
      else resolve();
    };
    const onDrain = (): void => done();
    const onGone = (): void => done(new Error('the caller is gone'));
    const stalled = setTimeout(() => done(new Error('the caller takes nothing')), STALLED_MS);
    response.on('drain', onDrain);
    signal.addEventListener('abort', onGone);
    if (signal.aborted) onGone();
  });
}

function tooLarge(): GatewayError {
  return new GatewayError('upstream.too_large', 'The answer is larger than this proxy passes on.');
}

function brokenOff(cause: unknown): GatewayError {
  return new GatewayError('upstream.broken_stream', 'The target broke its answer off.', { cause });
}

/** The stream is on its way out; what it still has to say was said. */
function ignored(): void {
  return undefined;
}
