import type { IncomingHttpHeaders } from 'node:http';
import type { Dispatcher } from 'undici';
import { GatewayError, type Usage } from '#libs/kernel';
import { brokenAnswer, timedOut, tooLarge, unreachable } from './exchange-failures.js';
import { JsonRelay, MAX_ANSWER_BYTES, readAnswer, withShownModel } from './json-relay.js';
import { mapEmbeddedError, mapUpstreamError, parseRetryAfter } from './upstream-error.js';
import { OutputGuard } from './output-guard.js';
import { ShownModel } from './shown-model.js';
import { dialectOf } from './sse-dialects.js';
import { SseRelay } from './sse-relay.js';
import type { UpstreamHandle, UpstreamRequest, UpstreamResult, UpstreamSink } from './upstream.js';

/** Error answers are sentences; more than this is not read. */
const MAX_ERROR_BYTES = 64 * 1024;
/** A stream may legitimately last; one that never ends may not. */
const MAX_STREAM_MS = 6_000_000;
/** Longer timers fire at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** One request at one upstream: undici's handler and our handle in a single object, so that a call allocates little. */
export class Exchange implements Dispatcher.DispatchHandler, UpstreamHandle {
  #controller: Dispatcher.DispatchController | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isOver = false;
  #status = 0;
  #stream: SseRelay | undefined;
  #answer: JsonRelay | undefined;
  #streamedBytes = 0;
  #errorChunks: Buffer[] | undefined;
  #errorBytes = 0;
  #retryAfter: string | undefined;
  #errorHeaders: readonly string[] | undefined;
  #started = false;
  #guard: OutputGuard | undefined;
  #toldUsage = false;

  constructor(
    private readonly request: UpstreamRequest,
    private readonly sink: UpstreamSink,
    private readonly hideUsage: boolean,
    private readonly nowMs: () => number,
  ) {
    this.#timer = setTimeout(
      () => this.#timedOut('did not answer in time'),
      Math.min(request.timeoutMs, MAX_TIMER_MS),
    );
  }

  resume(): void {
    if (!this.#isOver) this.#controller?.resume();
  }

  abort(): { usage: Usage | undefined; outputBytes: number } {
    if (!this.#isOver) this.#finish(new Error('the caller is gone'));
    return { usage: this.#usage, outputBytes: this.#outputBytes };
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    // Also called when the pool sends a request again that never left: the latest controller is the live one.
    this.#controller = controller;
    if (this.#isOver) controller.abort(new Error('the caller is gone'));
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: IncomingHttpHeaders,
  ): void {
    if (this.#isOver || status < 200) return;
    this.#status = status;
    const flat: string[] = [];
    for (const name in headers) {
      const value = headers[name];
      if (typeof value === 'string') flat.push(name, value);
      else if (Array.isArray(value)) for (const item of value) flat.push(name, item);
    }
    this.#retryAfter = headers['retry-after'];
    if (status >= 300) {
      this.#errorChunks = [];
      this.#errorHeaders = flat;
      return;
    }
    const encoding = headers['content-encoding'];
    if (encoding !== undefined && encoding !== 'identity' && encoding !== '') {
      this.#fail(brokenAnswer(this.request.deployment, 'answered in an encoding that was not asked for'), {
        stillOpen: true,
      });
      return;
    }
    if ((headers['content-type'] ?? '').includes('text/event-stream')) {
      const { endpoint, outputAllowance } = this.request;
      this.#guard = outputAllowance && new OutputGuard(outputAllowance);
      this.#stream = new SseRelay(dialectOf(endpoint), this.hideUsage, this.#shownModel, this.#guard);
      // Reads of a stream have their own limit; the whole may take long.
      clearTimeout(this.#timer);
      this.#timer = setTimeout(
        () => this.#timedOut('did not finish its stream in time'),
        Math.min(Math.max(this.request.timeoutMs, MAX_STREAM_MS), MAX_TIMER_MS),
      );
    } else {
      this.#answer = new JsonRelay(Math.min(this.request.maxAnswerBytes ?? Infinity, MAX_ANSWER_BYTES));
    }
    this.sink.onHead(status, flat);
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#isOver) return;
    if (this.#stream) this.#relay(this.#stream, controller, chunk);
    else if (this.#answer) {
      if (!this.#answer.push(chunk)) this.#fail(tooLarge(), { stillOpen: true });
    } else if (this.#errorChunks) {
      this.#errorChunks.push(chunk);
      this.#errorBytes += chunk.length;
      if (this.#errorBytes >= MAX_ERROR_BYTES) this.#rejected(true);
    }
  }

  onResponseEnd(): void {
    if (this.#isOver) return;
    if (this.#stream) this.#endStream(this.#stream);
    else if (this.#answer) this.#endAnswer(this.#answer);
    else this.#rejected();
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    if (this.#isOver) return;
    const code = (error as NodeJS.ErrnoException).code ?? error.name;
    if (code === 'UND_ERR_HEADERS_TIMEOUT' || code === 'UND_ERR_BODY_TIMEOUT') {
      this.#fail(timedOut(this.request.deployment, 'was silent for too long', error), {
        status: this.#answeredStatus,
      });
      return;
    }
    if (this.#errorChunks) {
      this.#rejected();
      return;
    }
    const { deployment } = this.request;
    const neverSent = this.#controller === undefined;
    const failure =
      this.#status > 0
        ? brokenAnswer(deployment, 'broke off in the middle of its answer', error)
        : unreachable(
            deployment,
            neverSent ? 'could not be reached' : 'closed the connection without an answer',
            code,
            error,
          );
    this.#fail(failure, { neverSent });
  }

  get #shownModel(): ShownModel | undefined {
    const { shownModel } = this.request;
    return shownModel === undefined ? undefined : new ShownModel(shownModel);
  }

  get #usage(): Usage | undefined {
    return this.#stream?.state.usage;
  }

  get #outputBytes(): number {
    return this.#stream?.outputBytes ?? this.#answer?.bytes ?? 0;
  }

  /** The status a failure reports: 0 unless the upstream itself said no, because then something may have been spent. */
  get #answeredStatus(): number {
    return this.#status >= 300 ? this.#status : 0;
  }

  #relay(stream: SseRelay, controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#streamedBytes += chunk.length;
    if (this.#streamedBytes > (this.request.maxAnswerBytes ?? Infinity)) {
      this.#fail(tooLarge(), { stillOpen: true });
      return;
    }
    const visible = stream.push(chunk);
    if (visible.length > 0) {
      this.#started = true;
      if (!this.sink.onData(visible) && !this.#isOver) controller.pause();
    }
    if (this.#isOver) return;
    if (!this.#toldUsage && stream.state.usage !== undefined && !stream.finished) {
      this.#toldUsage = true;
      this.sink.onEarlyUsage?.(stream.state.usage);
    }
    if (stream.cut) this.#cut(stream);
    else if (stream.error !== undefined) {
      const error = mapEmbeddedError(stream.error, this.request.deployment);
      this.#fail(error, { status: error.status, stillOpen: true });
    } else if (stream.overflowed) {
      this.#fail(brokenAnswer(this.request.deployment, 'sent a stream frame without an end'), {
        stillOpen: true,
      });
    }
  }

  /** The upstream ignores its cap: it is let go, and the caller gets the end that the upstream owed. */
  #cut(stream: SseRelay): void {
    this.#finish(new Error('the answer is longer than what is held for it'));
    this.sink.onEnd({ ...resultOf(stream), cutAtTokens: this.#guard?.tokens ?? 0 });
  }

  #endStream(stream: SseRelay): void {
    const isWhole = stream.end();
    if (stream.cut) {
      this.#cut(stream);
      return;
    }
    if (stream.error !== undefined) {
      const error = mapEmbeddedError(stream.error, this.request.deployment);
      this.#fail(error, { status: error.status });
    } else if (!isWhole) {
      this.#fail(brokenAnswer(this.request.deployment, 'ended its stream without a last frame'));
    } else {
      this.#finish();
      this.sink.onEnd(resultOf(stream));
    }
  }

  #endAnswer(relay: JsonRelay): void {
    const body = relay.take();
    const answer = readAnswer(body, this.request.endpoint);
    if (!answer) {
      this.#fail(brokenAnswer(this.request.deployment, 'did not answer with a JSON object'));
    } else if (answer.error !== undefined) {
      const error = mapEmbeddedError(answer.error, this.request.deployment);
      this.#fail(error, { status: error.status });
    } else {
      this.#finish();
      this.sink.onEnd({
        tail: withShownModel(body, answer, this.request.shownModel),
        usage: answer.usage,
        outputBytes: answer.outputBytes,
        responseId: answer.responseId,
      });
    }
  }

  /** The upstream said no; its words as far as they came. */
  #rejected(stillOpen = false): void {
    const body = Buffer.concat(this.#errorChunks ?? []);
    const error = mapUpstreamError({
      status: this.#status,
      deployment: this.request.deployment,
      body,
      headers: this.#errorHeaders,
    });
    this.#fail(error, { status: this.#status, stillOpen });
  }

  #timedOut(how: string): void {
    if (this.#isOver) return;
    this.#fail(timedOut(this.request.deployment, how), {
      status: this.#answeredStatus,
      stillOpen: true,
      neverSent: this.#controller === undefined,
    });
  }

  /** `status`: what the upstream said, 0 when it said nothing. `stillOpen`: its connection has to be ended. `neverSent`: the request never left. */
  #fail(
    error: GatewayError,
    {
      status = 0,
      stillOpen = false,
      neverSent = false,
    }: { status?: number; stillOpen?: boolean; neverSent?: boolean } = {},
  ): void {
    const retryAfterMs = parseRetryAfter(this.#retryAfter, this.nowMs());
    const failure = {
      error,
      status,
      started: this.#started,
      neverSent,
      usage: this.#usage,
      outputBytes: this.#outputBytes,
    };
    this.#finish(stillOpen ? error : undefined);
    this.sink.onError(retryAfterMs === undefined ? failure : { ...failure, retryAfterMs });
  }

  /** From here on the sink hears nothing more from undici. */
  #finish(abortReason?: Error): void {
    this.#isOver = true;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (abortReason) this.#controller?.abort(abortReason);
  }
}

function resultOf({ tail, state, outputBytes }: SseRelay): UpstreamResult {
  return { tail, usage: state.usage, outputBytes, responseId: state.responseId || null };
}
