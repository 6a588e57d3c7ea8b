import type { BeginRecord, CallEnding, ChargedCost, SpendLedger } from '#libs/budget';
import { GatewayError, type Usage } from '#libs/kernel';
import type {
  Upstream,
  UpstreamFailure,
  UpstreamHandle,
  UpstreamRequest,
  UpstreamResult,
  UpstreamSink,
} from '#libs/providers';
import type { Books } from './books.js';
import type { Call } from './call.js';
import type { ClientAnswer } from './client-answer.js';
import type { SealedIds } from './object-ids.js';
import type { Recording } from './prompt-log.js';

export type AttemptOutcome =
  | { readonly kind: 'answered' }
  /** The caller hung up; what it used is charged. */
  | { readonly kind: 'gone' }
  /** Nothing reached the client: another deployment may try. */
  | { readonly kind: 'failed'; readonly failure: UpstreamFailure }
  /** Part of an answer reached the client before it broke; it has been told. */
  | { readonly kind: 'broken'; readonly failure: UpstreamFailure }
  /** The caller's rights changed while it waited: nothing was sent. */
  | { readonly kind: 'outdated' };

export interface AttemptParts {
  readonly call: Call;
  readonly answer: ClientAnswer;
  readonly ledger: SpendLedger;
  readonly upstream: Upstream;
  readonly books: Books;
  readonly begin: BeginRecord;
  readonly request: UpstreamRequest;
  /** Absent: nothing of the exchange is kept. */
  readonly recording: Recording | undefined;
  /** Absent: what the answer made at the provider, if anything, needs no other name. */
  readonly names: SealedIds | undefined;
  /** Flat headers of the answer; the charge is known only when the whole answer is. */
  headersOf(upstreamHeaders: readonly string[], charged: ChargedCost | undefined): string[];
  /** The input is known: what is held for it beyond that is let go. */
  amend(usage: Usage): void;
  /** Books the charge; when no other attempt can follow, also gives back what the call holds. */
  settle(charged: ChargedCost, isFinal: boolean): void;
}

/**
 * One try at one deployment: begin record, call, relay, settle, end record, release. However it ends (answer, error,
 * silence, hang-up), exactly one end record is written, and the outcome is told once that record is durable.
 */
export class Attempt implements UpstreamSink {
  #handle: UpstreamHandle | undefined;
  #status = 200;
  #upstreamHeaders: readonly string[] = [];
  #openedAt = 0;
  #firstByteAtMs: number | null = null;
  #isOver = false;

  private constructor(
    private readonly parts: AttemptParts,
    private readonly tell: (outcome: AttemptOutcome) => void,
    private readonly fail: (error: Error) => void,
  ) {}

  /** Rejects when the ledger takes no record (then nothing was sent), or when the request cannot be made at all. */
  static run(parts: AttemptParts): Promise<AttemptOutcome> {
    return new Promise((resolve, reject) => {
      const attempt = new Attempt(parts, resolve, reject);
      parts.ledger.begin(parts.begin, (refused) => {
        if (refused) reject(refused);
        else attempt.#open();
      });
    });
  }

  onHead(status: number, headers: readonly string[]): void {
    this.#status = status;
    this.#upstreamHeaders = headers;
    this.#firstByteAtMs = Date.now();
  }

  onData(frames: Buffer): boolean {
    const { answer, names } = this.parts;
    const chunk = names?.apply(frames) ?? frames;
    if (!answer.isStreaming)
      answer.startStream(this.#status, this.parts.headersOf(this.#upstreamHeaders, undefined));
    this.parts.recording?.heard(chunk);
    if (answer.write(chunk)) return true;
    answer.whenDrained(() => this.#handle?.resume());
    return false;
  }

  onEarlyUsage(usage: Usage): void {
    this.parts.amend(usage);
  }

  onEnd(result: UpstreamResult): void {
    const { usage, outputBytes, cutAtTokens } = result;
    const { names } = this.parts;
    const kind = cutAtTokens === undefined ? 'complete' : 'cut';
    const charged = this.parts.books.charge(kind, usage, outputBytes, cutAtTokens);
    const tail = names?.apply(result.tail) ?? result.tail;
    const responseId = names ? names.nameOf(result.responseId) : result.responseId;
    this.#end(charged, undefined, responseId, () => this.#release(charged, tail));
  }

  onError(failure: UpstreamFailure): void {
    const { books, answer } = this.parts;
    const charged = books.charge(endingOf(failure), failure.usage, failure.outputBytes);
    if (!failure.started) {
      this.#end(charged, failure.error, null, () => this.tell({ kind: 'failed', failure }));
      return;
    }
    this.#end(charged, failure.error, null, () => {
      answer.fail(failure.error, []);
      this.tell({ kind: 'broken', failure });
    });
  }

  #open(): void {
    const { call, books, upstream, request } = this.parts;
    if (call.isGone) {
      this.#end(books.charge('never_sent', undefined, 0), undefined, null, () => this.tell({ kind: 'gone' }));
      return;
    }
    // The last look before money is spent: nothing is awaited from here to the request's first byte.
    if (call.principal?.isCurrent() === false) {
      this.#end(books.charge('never_sent', undefined, 0), undefined, null, () =>
        this.tell({ kind: 'outdated' }),
      );
      return;
    }
    this.#openedAt = performance.now();
    try {
      this.#handle = upstream.open(request, this);
    } catch (error) {
      this.#end(books.charge('never_sent', undefined, 0), error, null, () => this.fail(error as Error));
      return;
    }
    request.body.forget();
    call.whenGone(() => this.#hangUp());
  }

  /** What was streamed was spent: the provider's count if it came, else ours. */
  #hangUp(): void {
    if (this.#isOver || !this.#handle) return;
    const { usage, outputBytes } = this.#handle.abort();
    const charged = this.parts.books.charge('cancelled', usage, outputBytes);
    this.#end(charged, undefined, null, () => this.tell({ kind: 'gone' }));
  }

  #release(charged: ChargedCost, tail: Buffer): void {
    const { answer, recording } = this.parts;
    recording?.done(tail);
    if (answer.isStreaming) answer.endStream(tail);
    else if (this.parts.request.stream) {
      answer.startStream(this.#status, this.parts.headersOf(this.#upstreamHeaders, undefined));
      answer.endStream(tail);
    } else answer.send(this.#status, this.parts.headersOf(this.#upstreamHeaders, charged), tail);
    this.tell({ kind: 'answered' });
  }

  /** Holds become what was used, then the record is written, and only then is anything released. */
  #end(charged: ChargedCost, error: unknown, responseId: string | null, release: () => void): void {
    if (this.#isOver) return;
    this.#isOver = true;
    const { call, begin, ledger, answer } = this.parts;
    call.whenGone(undefined);
    if (this.#openedAt > 0) call.upstreamMs += performance.now() - this.#openedAt;
    const mayRetry = error !== undefined && !answer.isStreaming;
    this.parts.settle(charged, !mayRetry);
    ledger.end(
      {
        id: begin.id,
        endedAtMs: Date.now(),
        firstByteAtMs: this.#firstByteAtMs,
        status: error === undefined && charged.flag !== 'upstream_error' ? 'success' : 'failure',
        flag: charged.flag,
        usage: charged.usage,
        costNanoUsd: charged.totalNanoUsd,
        inputCostNanoUsd: charged.inputNanoUsd,
        outputCostNanoUsd: charged.outputNanoUsd,
        error: error === undefined ? null : describe(error),
        responseId,
      },
      (undurable) => {
        // A good end that is in no record must not be seen: the client is told that something went wrong instead.
        if (undurable) this.#withhold(undurable);
        else release();
      },
    );
  }

  #withhold(error: GatewayError): void {
    if (this.parts.answer.isStreaming) this.parts.answer.fail(error, []);
    this.fail(error);
  }
}

/** An answer that began, or a request that went out and was never answered, may be billed; an error status is not. */
function endingOf(failure: UpstreamFailure): CallEnding['kind'] {
  if (failure.neverSent) return 'never_sent';
  return failure.started || failure.status === 0 ? 'broken' : 'rejected';
}

function describe(error: unknown): { code: string; message: string } {
  if (error instanceof GatewayError) return { code: error.code, message: error.publicMessage };
  return { code: 'internal.unexpected', message: 'Internal server error' };
}
