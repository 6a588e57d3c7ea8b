import { type RawData, WebSocket } from 'ws';
import { GatewayError, type NanoUsd } from '#libs/kernel';
import { toGatewayError } from '#libs/http';
import type { BookedSession, RealtimeBooks, Turn } from './realtime-books.js';
import { type RealtimeEvent, realtimeEventOf } from './realtime-usage.js';

/** How often a session asks whether its caller may still be here. A change is heard of at once; this is how soon it is acted on. */
const WATCH_MS = 250;
/** Nobody says anything: the connection is only kept. */
const IDLE_MS = 600_000;
/** A peer that answers no ping for this long is not there. */
const PING_MS = 30_000;
/** What one side may be ahead of the other before it has to wait. */
const HIGH_WATER_BYTES = 1024 * 1024;
/** How long a provider may take to say what an answer used that its caller left. */
const FAREWELL_MS = 2_000;
/** Answers under way at once in one session; a provider makes one or two. */
const MAX_TURNS = 16;

const POLICY_VIOLATION = 1008;
const GOING_AWAY = 1001;
const INTERNAL = 1011;

export interface SessionWatch {
  /** Throws when the caller may not go on; may replace `caller`. Cheap while nothing has changed. */
  recheck(): Promise<void> | undefined;
  isDraining(): boolean;
}

/** What a session came to, for the log and the metrics. */
export interface SessionTotals {
  costNanoUsd: NanoUsd;
  inputTokens: number;
  outputTokens: number;
}

/**
 * Two sockets and what goes between them, as it is and with back-pressure. Each answer is held for, recorded and settled; its
 * `response.done` reaches the client once that is durable. Ends at once when the caller may not go on or has no money left.
 */
export class RealtimeSession {
  readonly totals: SessionTotals = { costNanoUsd: 0n, inputTokens: 0, outputTokens: 0 };
  /** Why it was ended, where that was ours to decide. */
  refusal: GatewayError | undefined;
  readonly #turns = new Map<string, Turn>();
  /** What came from upstream, in order: an event that waits for its record keeps those behind it waiting. */
  #queue: Promise<void> = Promise.resolve();
  #queued = 0;
  #heardAt = performance.now();
  #aliveAt = performance.now();
  #isEnding = false;
  #rechecking: Promise<void> | undefined;
  readonly #timer: NodeJS.Timeout;
  readonly #ended = Promise.withResolvers<void>();

  constructor(
    private readonly booked: BookedSession,
    private readonly client: WebSocket,
    private readonly upstream: WebSocket,
    private readonly books: RealtimeBooks,
    private readonly watch: SessionWatch,
  ) {
    client.on('message', (data, isBinary) => this.#fromClient(data, isBinary));
    upstream.on('message', (data, isBinary) => this.#fromUpstream(data, isBinary));
    client.on('pong', () => (this.#aliveAt = performance.now()));
    // An error is followed by close, which is acted on.
    client.on('error', () => undefined).on('close', () => void this.#end(1000, ''));
    upstream
      .on('error', () => undefined)
      .on('close', (code) => void this.#end(passedOn(code), 'The provider ended the session.'));
    this.#timer = setInterval(() => this.#look(), WATCH_MS);
  }

  /** Resolves when both sockets are closed and every answer is on record. */
  get ended(): Promise<void> {
    return this.#ended.promise;
  }

  /** At once, whatever is under way. */
  stop(): void {
    void this.#end(GOING_AWAY, 'The server is shutting down.');
  }

  #fromClient(data: RawData, isBinary: boolean): void {
    if (this.#isEnding || this.upstream.readyState !== WebSocket.OPEN) return;
    this.#heardAt = performance.now();
    pass(data, isBinary, this.client, this.upstream);
  }

  #fromUpstream(data: RawData, isBinary: boolean): void {
    this.#heardAt = performance.now();
    const bytes = bufferOf(data);
    const event = isBinary ? undefined : realtimeEventOf(bytes);
    if (event === undefined && this.#queued === 0) {
      this.#count(bytes);
      pass(data, isBinary, this.upstream, this.client);
      return;
    }
    this.#queued += 1;
    // Who waits for a record is not sent more to keep.
    this.upstream.pause();
    this.#queue = this.#queue
      .then(async () => {
        if (event) await this.#book(event);
        if (!this.#isEnding) pass(data, isBinary, this.upstream, this.client);
      })
      .catch((error: unknown) => this.#refuse(error))
      .finally(() => {
        this.#queued -= 1;
        if (this.#queued === 0) this.upstream.resume();
      });
  }

  async #book(event: RealtimeEvent): Promise<void> {
    if (event.kind === 'created') {
      if (this.#turns.has(event.id) || this.#turns.size >= MAX_TURNS) return;
      this.#turns.set(event.id, await this.books.begin(this.booked));
      return;
    }
    const turn = this.#turns.get(event.id);
    // An answer whose beginning was not told is charged all the same.
    await this.#settle(event.id, turn ?? (await this.books.begin(this.booked)), event);
    if (!this.#isEnding) await this.books.assertSolvent(this.booked).catch(unlessHeldByOthers);
  }

  async #settle(id: string, turn: Turn, event?: Extract<RealtimeEvent, { kind: 'done' }>): Promise<void> {
    this.#turns.delete(id);
    const kind =
      event === undefined || (!event.isWhole && event.usage === undefined) ? 'cancelled' : 'complete';
    const { costNanoUsd, usage } = await this.books.end(this.booked, turn, kind, event?.usage);
    this.totals.costNanoUsd += costNanoUsd;
    this.totals.inputTokens += usage.inputTokens;
    this.totals.outputTokens += usage.outputTokens;
  }

  #count(bytes: Buffer): void {
    if (this.#turns.size === 0 || !(bytes.includes('text.delta') || bytes.includes('transcript.delta')))
      return;
    for (const turn of this.#turns.values()) turn.textBytes += bytes.length;
  }

  #look(): void {
    if (this.#isEnding) return;
    const nowMs = performance.now();
    if (this.watch.isDraining() && this.#turns.size === 0) return this.stop();
    if (nowMs - this.#heardAt > IDLE_MS) return void this.#end(1000, 'Nobody said anything for ten minutes.');
    if (nowMs - this.#aliveAt > PING_MS * 2) return this.client.terminate();
    if (nowMs - this.#aliveAt > PING_MS && this.client.readyState === WebSocket.OPEN) this.client.ping();
    if (this.#rechecking) return;
    this.#rechecking = this.watch
      .recheck()
      ?.catch((error: unknown) => this.#refuse(error))
      .finally(() => (this.#rechecking = undefined));
  }

  #refuse(thrown: unknown): void {
    if (this.#isEnding) return;
    const error = toGatewayError(thrown);
    this.refusal = error;
    const { publicMessage: message, type, decisionId } = error;
    const said = {
      type: 'error',
      error: { type, code: error.code, message, decision_id: decisionId ?? null },
    };
    if (this.client.readyState === WebSocket.OPEN) this.client.send(JSON.stringify(said));
    void this.#end(error.status >= 500 ? INTERNAL : POLICY_VIOLATION, error.code);
  }

  /** Once. What is under way is charged by what the provider still says of it, else by what went by. */
  async #end(code: number, reason: string): Promise<void> {
    if (this.#isEnding) return;
    this.#isEnding = true;
    clearInterval(this.#timer);
    closeSoon(this.client, code, reason);
    try {
      await this.#farewell();
      await this.#queue;
      for (const [id, turn] of this.#turns) await this.#settle(id, turn);
    } catch (error) {
      this.refusal ??= toGatewayError(error);
    } finally {
      this.upstream.terminate();
      this.#ended.resolve();
    }
  }

  /** Asks the provider to stop, and waits a moment for what that came to. */
  async #farewell(): Promise<void> {
    const { upstream } = this;
    if (this.#turns.size === 0 || upstream.readyState !== WebSocket.OPEN) return;
    upstream.send('{"type":"response.cancel"}');
    await new Promise<void>((resolve) => {
      const late = setTimeout(resolve, FAREWELL_MS);
      const finish = (): void => {
        clearTimeout(late);
        resolve();
      };
      upstream
        .on('close', finish)
        .on('message', () => void this.#queue.then(() => this.#turns.size === 0 && finish()));
    });
  }
}

/** Money that others hold comes back; money that is spent does not. */
function unlessHeldByOthers(error: unknown): void {
  if (!(error instanceof GatewayError) || error.code !== 'budget.busy') throw error;
}

/** Passes a message on; who sends faster than the other reads has to wait. */
function pass(data: RawData, isBinary: boolean, from: WebSocket, to: WebSocket): void {
  if (to.readyState !== WebSocket.OPEN) return;
  to.send(data, { binary: isBinary }, () => {
    if (from.isPaused && to.bufferedAmount < HIGH_WATER_BYTES) from.resume();
  });
  if (to.bufferedAmount >= HIGH_WATER_BYTES) from.pause();
}

function bufferOf(data: RawData): Buffer {
  if (Buffer.isBuffer(data)) return data;
  return Array.isArray(data) ? Buffer.concat(data) : Buffer.from(data);
}

/** A provider's own code where it is one that may be sent. */
function passedOn(code: number): number {
  const isSendable =
    code >= 3000 || (code >= 1000 && code <= 1014 && code !== 1004 && code !== 1005 && code !== 1006);
  return isSendable ? code : INTERNAL;
}

/** A client that does not close its side is not waited for. */
function closeSoon(socket: WebSocket, code: number, reason: string): void {
  if (socket.readyState === WebSocket.CLOSED) return;
  socket.close(code, reason.slice(0, 120));
  setTimeout(() => socket.terminate(), FAREWELL_MS).unref();
}
