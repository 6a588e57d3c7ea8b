import { isRecord, NO_USAGE, type Usage } from '#libs/kernel';
import { mockAnswer, wholeAnswer } from './mock-answer.js';
import { answerFrames } from './mock-frames.js';
import { mapUpstreamError } from './upstream-error.js';
import type { UpstreamHandle, UpstreamRequest, UpstreamSink } from './upstream.js';

/** Words of the drop-in that make a mock fail instead of answer. */
const FAILURES: ReadonlyMap<string, number> = new Map([
  ['Exception', 500],
  ['InternalServerError', 500],
  ['BadRequestError', 400],
  ['AuthenticationError', 401],
  ['NotFoundError', 404],
  ['Timeout', 408],
  ['RateLimitError', 429],
  ['ServiceUnavailableError', 503],
]);
const FAILURE_WORD = /^(?:litellm\.)?(\w+)(?::\s*(.*))?$/s;

/** Answers a `mock_response` deployment locally, with the same promises as a real one: later, in order, under back-pressure, abortable. */
export function openMock(request: UpstreamRequest, sink: UpstreamSink): UpstreamHandle {
  const exchange = new MockExchange(request, sink);
  exchange.start();
  return exchange;
}

class MockExchange implements UpstreamHandle {
  #frames: string[] = [];
  #next = 0;
  #isPaused = false;
  #isOver = false;
  #sentBytes = 0;
  #usage: Usage | undefined;

  constructor(
    private readonly request: UpstreamRequest,
    private readonly sink: UpstreamSink,
  ) {}

  start(): void {
    setImmediate(() => {
      if (!this.#isOver) this.#answer();
    });
  }

  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#pump();
  }

  abort(): { usage: Usage | undefined; outputBytes: number } {
    this.#isOver = true;
    return { usage: undefined, outputBytes: this.#sentBytes };
  }

  #answer(): void {
    const { body, deployment, endpoint, stream } = this.request;
    const failure = FAILURE_WORD.exec(deployment.mockResponse ?? '');
    const status = FAILURES.get(failure?.[1] ?? '');
    if (status !== undefined) {
      this.#isOver = true;
      const said = failure?.[2] ?? 'this deployment is configured to fail';
      const error = mapUpstreamError({
        status,
        deployment,
        body: Buffer.from(JSON.stringify({ error: { message: said } })),
      });
      this.sink.onError({
        error,
        status,
        started: false,
        neverSent: false,
        usage: undefined,
        outputBytes: 0,
      });
      return;
    }
    const answer = mockAnswer(this.request);
    const usage: Usage = { ...NO_USAGE, inputTokens: answer.inputTokens, outputTokens: answer.outputTokens };
    if (!stream || endpoint === 'embeddings') {
      this.#isOver = true;
      this.sink.onHead(200, ['content-type', 'application/json']);
      const tail = Buffer.from(JSON.stringify(wholeAnswer(endpoint, answer, body.json)));
      this.sink.onEnd({
        tail,
        usage,
        outputBytes: Buffer.byteLength(answer.text) * answer.choices,
        responseId: idOf(tail),
      });
      return;
    }
    const options = body.json['stream_options'];
    const withUsage = isRecord(options) && options['include_usage'] === true;
    this.#frames = answerFrames(endpoint, answer, withUsage);
    this.#usage = usage;
    this.sink.onHead(200, ['content-type', 'text/event-stream; charset=utf-8']);
    this.#pump();
  }

  #pump(): void {
    while (!this.#isOver && !this.#isPaused) {
      const frame = this.#frames[this.#next];
      if (frame === undefined) return;
      this.#next += 1;
      const bytes = Buffer.from(frame);
      if (this.#next === this.#frames.length) {
        this.#isOver = true;
        this.sink.onEnd({
          tail: bytes,
          usage: this.#usage,
          outputBytes: this.#sentBytes,
          responseId: idOf(Buffer.from(this.#frames[0] ?? '')),
        });
        return;
      }
      this.#sentBytes += bytes.length;
      if (!this.sink.onData(bytes)) this.#isPaused = true;
    }
  }
}

function idOf(bytes: Buffer): string | null {
  return /"id":"([^"]+)"/.exec(bytes.toString('latin1'))?.[1] ?? null;
}
