import { ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { type BeforeApplicationShutdown, Injectable, StreamableFile } from '@nestjs/common';
import { SpendLedger } from '#libs/budget';
import { type AccessGroup, BrowsingPool, Turnstile } from '#libs/database';
import type { Principal } from '#libs/kernel';
import { AccessGroupIndex } from '#libs/runtime';
import { Logger } from '#libs/telemetry';
import { KeptStandings } from '#libs/tenancy';
import { DataSource } from 'typeorm';
import { receivedFailure, sentFailure } from './failures.js';
import {
  type FromThread,
  type Headers,
  type Sent,
  sentCaller,
  type SentParts,
  type ThreadParts,
  type ToThread,
} from './messages.js';

/** The DI token of what the thread is started with. */
export class ReadingThreadParts {
  constructor(readonly parts: ThreadParts) {}
}

const WORKER = fileURLToPath(new URL('./reading-worker.js', import.meta.url));
/** As many as it has connections; who comes later waits in order. */
const AT_ONCE = 3;
/** Somebody who reads on finds it there; otherwise its memory is free again. */
const IDLE_MS = 5 * 60_000;
/** A page of the console asks for a handful: until more come, starting a thread costs more than it saves. */
const STARTS_WITH = 20;
const WITHIN_MS = 60_000;
/** After it ended by itself; meanwhile the process reads as if there were none. */
const REST_MS = 60_000;
/** One report that needs more is refused; the calls beside it go on. */
const MOST_MB = 256;
const END_MS = 2_000;
/** What the loop that serves calls writes in one turn. */
const PIECE_BYTES = 128 * 1024;

/**
 * Reads reports for people in a thread of its own that gives way to everybody: rows are read, shaped and written as JSON there, and the
 * loop that serves calls only passes the bytes on. Started when somebody browses, gone when nobody does.
 */
@Injectable()
export class ReadingThread implements BeforeApplicationShutdown {
  readonly #parts: ThreadParts;
  readonly #turnstile = new Turnstile(AT_ONCE);
  readonly #waiting = new Map<number, Asked>();
  #worker: Worker | undefined;
  #isReady = false;
  #asked = 0;
  #toldGroups: readonly AccessGroup[] | undefined;
  #recent: number[] = [];
  #restsUntilMs = 0;
  #idle: NodeJS.Timeout | undefined;

  constructor(
    { parts }: ReadingThreadParts,
    private readonly ledger: SpendLedger,
    private readonly groups: AccessGroupIndex,
    private readonly logger: Logger,
    private readonly dataSource: DataSource,
    private readonly standings: KeptStandings,
    browsing: BrowsingPool,
  ) {
    this.#parts = parts;
    browsing.onCut(() => this.#tell({ kind: 'cut' }));
  }

  /** Undefined where there is no thread, or none yet: then whoever asks reads by itself. */
  answer(controller: string, handler: string, args: readonly unknown[]): Promise<StreamableFile> | undefined {
    if (!this.#isThere()) return undefined;
    return this.#turnstile.pass(() => this.#ask(controller, handler, args));
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.#restsUntilMs = Infinity;
    await this.#end();
  }

  #isThere(): boolean {
    this.#idle?.refresh();
    if (this.#worker !== undefined) return this.#isReady;
    const now = performance.now();
    if (now < this.#restsUntilMs) return false;
    this.#recent = [...this.#recent.slice(1 - STARTS_WITH), now];
    if (this.#recent.length < STARTS_WITH || now - (this.#recent[0] ?? 0) > WITHIN_MS) return false;
    this.#recent = [];
    this.#start();
    return false;
  }

  #start(): void {
    const parts = this.#parts;
    const worker = new Worker(WORKER, {
      name: 'reading',
      workerData: { ...parts, databaseUrl: parts.databaseUrl.reveal() } satisfies SentParts,
      resourceLimits: { maxOldGenerationSizeMb: MOST_MB },
    });
    this.#worker = worker;
    worker.on('message', (message: FromThread) => this.#heard(message));
    worker.on('error', (error) =>
      this.logger.warn({ error }, 'The reading thread failed; it will be started again.'),
    );
    worker.once('exit', () => this.#ended(worker));
    this.#idle = setTimeout(() => void this.#end(), IDLE_MS).unref();
  }

  async #ask(controller: string, handler: string, args: readonly unknown[]): Promise<StreamableFile> {
    const values = await Promise.all(args.map((value) => this.#sent(value)));
    this.#asked += 1;
    const id = this.#asked;
    const asked = { ...Promise.withResolvers<StreamableFile>(), response: args.find(isResponse) };
    this.#waiting.set(id, asked);
    this.#tellGroups();
    this.#tell({ kind: 'question', id, controller, handler, values });
    if (this.#worker === undefined) this.#failed(id, gone());
    return asked.promise;
  }

  async #sent(value: unknown): Promise<Sent> {
    if (isResponse(value)) return { is: 'response' };
    if (!isCaller(value)) return { is: 'value', value };
    const memberships = await this.standings.memberships(this.dataSource.manager, value);
    return { is: 'caller', caller: sentCaller(value), memberships };
  }

  #heard(message: FromThread): void {
    if (message.kind === 'ready') this.#ready();
    else if (message.kind === 'answer')
      this.#answered(message.id, Buffer.from(message.body), message.headers);
    else if (message.kind === 'failure') this.#failed(message.id, receivedFailure(message.failure));
    else if (message.kind === 'store') this.#store(message.id);
    else this.logger.warn(message.fields, message.message);
  }

  #ready(): void {
    this.#isReady = true;
    this.logger.info({}, 'Somebody browses: lists and reports are read in a thread of their own now.');
  }

  #answered(id: number, body: Buffer, headers: Headers): void {
    const asked = this.#waiting.get(id);
    this.#waiting.delete(id);
    for (const [name, value] of headers) asked?.response?.setHeader(name, value);
    const file = { type: 'application/json; charset=utf-8', length: body.length };
    asked?.resolve(
      body.length <= PIECE_BYTES
        ? new StreamableFile(body, file)
        : new StreamableFile(Readable.from(piecesOf(body), { objectMode: false }), file),
    );
  }

  #failed(id: number, error: Error): void {
    const asked = this.#waiting.get(id);
    this.#waiting.delete(id);
    asked?.reject(error);
  }

  /** What has ended here counts in what is read there. */
  #store(id: number): void {
    this.ledger.flush().then(
      () => this.#tell({ kind: 'stored', id }),
      (error: unknown) => this.#tell({ kind: 'stored', id, failure: sentFailure(error) }),
    );
  }

  /** Before the question that may show them. */
  #tellGroups(): void {
    const { all } = this.groups;
    if (this.#toldGroups === all) return;
    this.#toldGroups = all;
    this.#tell({ kind: 'groups', groups: all.map((group) => ({ ...group })) });
  }

  #tell(message: ToThread): void {
    this.#worker?.postMessage(message);
  }

  /** Its connections are closed in order, so that the server says nothing of clients that vanished. */
  async #end(): Promise<void> {
    const worker = this.#worker;
    if (worker === undefined) return;
    this.#isReady = false;
    const ended = new Promise<void>((resolve) => worker.once('exit', () => resolve()));
    this.#tell({ kind: 'end' });
    const timer = setTimeout(() => void worker.terminate(), END_MS);
    await ended;
    clearTimeout(timer);
  }

  #ended(worker: Worker): void {
    if (this.#worker !== worker) return;
    clearTimeout(this.#idle);
    this.#worker = undefined;
    this.#toldGroups = undefined;
    this.#isReady = false;
    for (const id of [...this.#waiting.keys()]) {
      // By itself: whatever it was may happen again.
      this.#restsUntilMs = Math.max(this.#restsUntilMs, performance.now() + REST_MS);
      this.#failed(id, gone());
    }
  }
}

interface Asked extends PromiseWithResolvers<StreamableFile> {
  /** Where the handler sets headers, if it does. */
  readonly response: ServerResponse | undefined;
}

function gone(): Error {
  return new Error('The reading thread ended before it answered.');
}

function* piecesOf(body: Buffer): Generator<Buffer> {
  for (let at = 0; at < body.length; at += PIECE_BYTES) yield body.subarray(at, at + PIECE_BYTES);
}

function isResponse(value: unknown): value is ServerResponse {
  return value instanceof ServerResponse;
}

function isCaller(value: unknown): value is Principal {
  return typeof value === 'object' && value !== null && 'isCurrent' in value;
}
