import { type IncomingMessage, type Server, type ServerResponse, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { anthropicBody, anthropicFrames } from './fake-anthropic.js';
import {
  type Answer,
  type Ask,
  type Behaviour,
  composeAnswer,
  errorBody,
  parseAsk,
} from './fake-behaviour.js';
import { openAiBody, openAiFrames } from './fake-openai.js';

export type { Behaviour } from './fake-behaviour.js';

/** One request as the provider saw it, and what it would put on its invoice. */
export interface ReceivedRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
  readonly model: string;
  readonly stream: boolean;
  /** Words that were generated count, read or not: that is how providers bill a caller who hangs up. */
  billed: { promptTokens: number; completionTokens: number };
  outcome: 'running' | 'finished' | 'refused' | 'fault' | 'client-gone';
}

/** An OpenAI- and Anthropic-compatible upstream over real HTTP, under the prefix `/v1` or any other. */
export class FakeProvider {
  readonly requests: ReceivedRequest[] = [];
  readonly #server: Server;
  readonly #byModel = new Map<string, Behaviour>();
  #behaviour: Behaviour = {};
  #chooser: ((request: ReceivedRequest) => Behaviour | undefined) | undefined;
  #queue: Behaviour[] = [];
  #count = 0;

  private constructor() {
    this.#server = createServer((request, response) => {
      this.#serve(request, response).catch((error: unknown) => response.destroy(error as Error));
    });
    this.#server.keepAliveTimeout = 60_000;
  }

  static async start(behaviour: Behaviour = {}): Promise<FakeProvider> {
    const provider = new FakeProvider();
    provider.#behaviour = behaviour;
    await new Promise<void>((resolve) => provider.#server.listen(0, '127.0.0.1', resolve));
    return provider;
  }

  /** For `api_base` of an OpenAI-compatible deployment. */
  get url(): string {
    return `${this.origin}/v1`;
  }

  /** For `api_base` of an `anthropic/…` deployment. */
  get origin(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** From now on every request is answered so. */
  behave(behaviour: Behaviour): void {
    this.#behaviour = behaviour;
  }

  /** Requests for this upstream model are answered so. */
  behaveFor(model: string, behaviour: Behaviour): void {
    this.#byModel.set(model, behaviour);
  }

  /** Each request is answered as `chooser` says when it has come; undefined: as usual. */
  behaveBy(chooser: (request: ReceivedRequest) => Behaviour | undefined): void {
    this.#chooser = chooser;
  }

  /** The next requests are answered so, one after the other; then the usual behaviour returns. */
  behaveNext(...behaviours: Behaviour[]): void {
    this.#queue.push(...behaviours);
  }

  /** The invoice: every token of every request it answered. */
  get billed(): { requests: number; promptTokens: number; completionTokens: number } {
    const sum = { requests: 0, promptTokens: 0, completionTokens: 0 };
    for (const { billed } of this.requests) {
      if (billed.promptTokens > 0) sum.requests += 1;
      sum.promptTokens += billed.promptTokens;
      sum.completionTokens += billed.completionTokens;
    }
    return sum;
  }

  reset(): void {
    this.requests.length = 0;
    this.#byModel.clear();
    this.#queue = [];
    this.#chooser = undefined;
    this.#behaviour = {};
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    const path = request.url ?? '/';
    if (request.method === 'GET') return void json(response, 200, { object: 'list', data: [] });
    const ask = parseAsk(path, body);
    const received: ReceivedRequest = {
      method: request.method ?? '',
      path,
      headers: request.headers,
      body,
      model: ask?.model ?? '',
      stream: ask?.stream ?? false,
      billed: {
        promptTokens: 0,
        completionTokens: 0,
      },
      outcome: 'running',
    };
    this.requests.push(received);
    response.once('close', () => {
      if (received.outcome === 'running') received.outcome = 'client-gone';
    });
    const behaviour =
      this.#queue.shift() ??
      this.#chooser?.(received) ??
      this.#byModel.get(received.model) ??
      this.#behaviour;
    if (behaviour.firstByteDelayMs) await delay(behaviour.firstByteDelayMs);
    if (behaviour.fault === 'reset-before-headers') return fail(received, response);
    if (behaviour.fault === 'silence') return;
    for (const [name, value] of Object.entries(behaviour.headers ?? {})) response.setHeader(name, value);
    const status = behaviour.status ?? (ask ? 200 : 400);
    if (status >= 400 || !ask) {
      received.outcome = 'refused';
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(behaviour.rawBody ?? errorBody(ask, status));
      return;
    }
    const answer = composeAnswer(ask, behaviour, body.length);
    received.billed.promptTokens = answer.promptTokens;
    const id = `fake-${(this.#count += 1)}`;
    if (ask.stream) await stream(received, response, behaviour, ask, answer, id);
    else whole(received, response, behaviour, ask, answer, id);
  }
}

function json(response: ServerResponse, status: number, value: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
}

/** A TCP reset, not an orderly end. */
function fail(received: ReceivedRequest, response: ServerResponse): void {
  received.outcome = 'fault';
  response.socket?.resetAndDestroy();
}

function whole(
  received: ReceivedRequest,
  response: ServerResponse,
  behaviour: Behaviour,
  ask: Ask,
  answer: Answer,
  id: string,
): void {
  const body = ask.kind === 'message' ? anthropicBody(ask, answer, id) : openAiBody(ask, answer, id);
  const bytes = Buffer.from(behaviour.rawBody ?? JSON.stringify(body));
  received.billed.completionTokens = answer.words.length;
  response.writeHead(behaviour.status ?? 200, {
    'content-type': 'application/json',
    'content-length': bytes.length,
  });
  const half = bytes.subarray(0, bytes.length >> 1);
  if (behaviour.fault === 'silence-midway') return void response.write(half);
  if (behaviour.fault) return void response.write(half, () => fail(received, response));
  received.outcome = 'finished';
  response.end(bytes);
}

async function stream(
  received: ReceivedRequest,
  response: ServerResponse,
  behaviour: Behaviour,
  ask: Ask,
  answer: Answer,
  id: string,
): Promise<void> {
  const { words, rest } =
    ask.kind === 'message' ? anthropicFrames(ask, answer, id) : openAiFrames(ask, answer, id);
  response.writeHead(behaviour.status ?? 200, { 'content-type': 'text/event-stream; charset=utf-8' });
  const faultAt = behaviour.fault ? (behaviour.faultAfterFrames ?? 2) : Infinity;
  for (const [at, frame] of [...words, ...rest].entries()) {
    if (at >= faultAt) return midwayFault(received, response, behaviour);
    if (response.destroyed) return;
    await writeSplit(response, frame, behaviour.splitBytes);
    if (at < words.length) received.billed.completionTokens += 1;
    if (behaviour.frameDelayMs) await delay(behaviour.frameDelayMs);
  }
  if (response.destroyed) return;
  received.outcome = 'finished';
  response.end();
}

function midwayFault(received: ReceivedRequest, response: ServerResponse, behaviour: Behaviour): void {
  if (behaviour.fault === 'silence-midway') return;
  if (behaviour.fault === 'reset-midway') return fail(received, response);
  received.outcome = 'fault';
  // `end-midway`: an orderly end of the body, but no finish reason, no usage and no [DONE].
  if (behaviour.fault === 'error-frame-midway') {
    const error = { message: 'fake provider broke midway', type: 'server_error' };
    response.write(`data: ${JSON.stringify({ error })}\n\n`);
  }
  response.end();
}

/** Each piece goes out in its own turn of the loop, so that it is its own packet; respects back-pressure. */
async function writeSplit(
  response: ServerResponse,
  frame: string,
  splitBytes: number | undefined,
): Promise<void> {
  const bytes = Buffer.from(frame);
  const size = splitBytes ?? bytes.length;
  for (let at = 0; at < bytes.length && !response.destroyed; at += size) {
    const isFlushed = response.write(bytes.subarray(at, at + size));
    if (!isFlushed) {
      await new Promise<void>((resolve) => {
        const goOn = (): void => {
          response.off('drain', goOn).off('close', goOn);
          resolve();
        };
        response.on('drain', goOn).on('close', goOn);
      });
    } else if (splitBytes) await new Promise((resolve) => setImmediate(resolve));
  }
}
