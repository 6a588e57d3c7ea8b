import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { SystemClock } from '#libs/kernel';
import { testDeployment, testRequest } from './test-deployment.harness.js';
import { UndiciUpstream } from './undici-upstream.js';
import type {
  UpstreamFailure,
  UpstreamHandle,
  UpstreamRequest,
  UpstreamResult,
  UpstreamSink,
} from './upstream.js';

type Answer = (request: IncomingMessage, response: ServerResponse, body: string) => void;

/** Records what happened, and pauses when told to. */
class Recorder implements UpstreamSink {
  status = 0;
  headers: readonly string[] = [];
  data = '';
  bytes = 0;
  isFull = false;
  calls: string[] = [];
  readonly done: Promise<UpstreamResult | UpstreamFailure>;
  #tell: (value: UpstreamResult | UpstreamFailure) => void = () => undefined;
  constructor() {
    this.done = new Promise((resolve) => (this.#tell = resolve));
  }
  onHead(status: number, headers: readonly string[]): void {
    this.status = status;
    this.headers = headers;
  }
  onData(chunk: Buffer): boolean {
    this.bytes += chunk.length;
    if (this.bytes < 1_000_000) this.data += chunk.toString();
    return !this.isFull;
  }
  onEnd(result: UpstreamResult): void {
    this.calls.push('end');
    this.#tell(result);
  }
  onError(failure: UpstreamFailure): void {
    this.calls.push('error');
    this.#tell(failure);
  }
}

const upstream = new UndiciUpstream(new SystemClock());
const servers: Server[] = [];
const seen: Socket[] = [];

async function serve(answer: Answer): Promise<string> {
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => answer(request, response, Buffer.concat(chunks).toString()));
    response.on('error', () => undefined);
  });
  server.on('connection', (socket) => seen.push(socket));
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;
}

function call(
  apiBase: string,
  json: unknown,
  change: Partial<UpstreamRequest> = {},
): { sink: Recorder; handle: UpstreamHandle } {
  const sink = new Recorder();
  const { deployment = {}, ...rest } = change;
  return {
    sink,
    handle: upstream.open(
      testRequest(json, { deployment: testDeployment({ apiBase, ...deployment }), ...rest }),
      sink,
    ),
  };
}

const SSE = { 'content-type': 'text/event-stream' };
const chunk = (content: string) =>
  `data: ${JSON.stringify({ id: 'c1', choices: [{ index: 0, delta: { content } }] })}\n\n`;
const stream = { model: 'm', stream: true, messages: [] };

afterEach(async () => {
  for (const socket of seen.splice(0)) socket.destroy();
  await Promise.all(servers.splice(0).map((server) => new Promise((resolve) => server.close(resolve))));
});

describe('a call to an upstream', () => {
  it('carries our credential and the spliced body, and withholds the whole answer', async () => {
    let received: unknown[] = [];
    const base = await serve((request, response, body) => {
      received = [
        request.method,
        request.url,
        request.headers.authorization,
        request.headers['accept-encoding'],
        body,
      ];
      response.setHeader('content-type', 'application/json').setHeader('x-request-id', 'r1');
      response.end(
        '{"id":"chatcmpl-9","choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}}',
      );
    });
    const { sink } = call(base, { model: 'alias', messages: [] });
    expect(await sink.done).toMatchObject({
      responseId: 'chatcmpl-9',
      usage: { inputTokens: 1, outputTokens: 2 },
    });
    expect(received).toEqual([
      'POST',
      '/v1/chat/completions',
      'Bearer sk-provider-secret-key-1234',
      undefined,
      '{"model":"m","messages":[]}',
    ]);
    expect(sink.data).toBe('');
    expect(sink.headers).toContain('x-request-id');
  });

  it('streams frames, hides the usage it asked for and keeps the last frame', async () => {
    const base = await serve((_request, response, body) => {
      expect(JSON.parse(body)).toHaveProperty('stream_options.include_usage', true);
      response.writeHead(200, SSE);
      response.end(
        `${chunk('a')}${chunk('b')}data: {"id":"c1","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2}}\n\ndata: [DONE]\n\n`,
      );
    });
    const { sink } = call(base, stream);
    const result = (await sink.done) as UpstreamResult;
    expect(sink.data).toBe(chunk('a') + chunk('b'));
    expect(result.tail.toString()).toBe('data: [DONE]\n\n');
    expect(result).toMatchObject({ outputBytes: 2, usage: { inputTokens: 3, outputTokens: 2 } });
  });

  it('says that nothing was sent when nobody listens', async () => {
    const { sink } = call('http://127.0.0.1:1/v1', { model: 'm' });
    expect(await sink.done).toMatchObject({
      neverSent: true,
      started: false,
      status: 0,
      error: { code: 'upstream.unreachable' },
    });
  });

  /** A request that was written may have been billed: it is neither repeated nor called unsent, on a fresh socket or a reused one. */
  it('never repeats a request that was reset, even on a kept-alive socket', async () => {
    let calls = 0;
    const base = await serve((request, response) => {
      calls += 1;
      if (calls === 1) response.setHeader('content-type', 'application/json').end('{"id":"1"}');
      else request.socket.resetAndDestroy();
    });
    await call(base, { model: 'm' }).sink.done;
    await new Promise(setImmediate); // the connection is free once the pool has seen the end
    const { sink } = call(base, { model: 'm' });
    expect(await sink.done).toMatchObject({
      neverSent: false,
      started: false,
      status: 0,
      error: { code: 'upstream.unreachable' },
    });
    expect(calls).toBe(2);
    expect(seen.length).toBe(1);
  });

  it('calls half a stream broken, with what was seen', async () => {
    const base = await serve((_request, response) => {
      response.writeHead(200, SSE);
      response.write(chunk('hello'), () => response.socket?.destroy());
    });
    const { sink } = call(base, stream);
    expect(await sink.done).toMatchObject({
      started: true,
      status: 0,
      outputBytes: 5,
      error: { code: 'upstream.broken_stream' },
    });
  });

  it('calls a stream that ends politely but early broken too', async () => {
    const base = await serve((_request, response) => response.writeHead(200, SSE).end(chunk('hello')));
    const { sink } = call(base, stream);
    expect(await sink.done).toMatchObject({
      started: true,
      error: { code: 'upstream.broken_stream', status: 502 },
    });
  });

  it.each([
    [
      'half an answer',
      (response: ServerResponse) =>
        void response
          .writeHead(200, { 'content-length': 100 })
          .write('{"id"', () => response.socket?.destroy()),
    ],
    ['a page', (response: ServerResponse) => void response.writeHead(200).end('<html>')],
    ['a cut object', (response: ServerResponse) => void response.writeHead(200).end('{"id":"1","choices":[')],
    [
      'a compressed answer',
      (response: ServerResponse) => void response.writeHead(200, { 'content-encoding': 'gzip' }).end('{}'),
    ],
  ])('refuses %s', async (_, answer) => {
    const base = await serve((_request, response) => answer(response));
    const { sink } = call(base, { model: 'm' });
    expect(await sink.done).toMatchObject({
      started: false,
      status: 0,
      neverSent: false,
      error: { code: 'upstream.broken_stream' },
    });
  });

  it('gives up on a silent upstream before the head and between frames', async () => {
    const silent = await serve(() => undefined);
    const head = call(silent, { model: 'm' }, { timeoutMs: 100 }).sink;
    expect(await head.done).toMatchObject({
      status: 0,
      started: false,
      neverSent: false,
      error: { code: 'upstream.timeout', status: 408 },
    });
    const half = await serve((_request, response) => void response.writeHead(200, SSE).write(chunk('x')));
    const body = call(half, stream, { timeoutMs: 60, idleTimeoutMs: 150 }).sink;
    expect(await body.done).toMatchObject({
      started: true,
      outputBytes: 1,
      error: { code: 'upstream.timeout' },
    });
  });

  it('maps a refusal, without our credential in it', async () => {
    const base = await serve((_request, response) =>
      response
        .writeHead(429, { 'retry-after': '7', 'content-type': 'application/json' })
        .end(
          '{"error":{"message":"slow down sk-provider-secret-key-1234","type":"tokens","param":"p","code":"rate"}}',
        ),
    );
    const { sink } = call(base, { model: 'm' });
    const failure = (await sink.done) as UpstreamFailure;
    expect(failure).toMatchObject({
      status: 429,
      retryAfterMs: 7000,
      started: false,
      error: {
        status: 429,
        type: 'throttling_error',
        param: 'p',
        headers: { 'llm_provider-retry-after': '7' },
      },
    });
    expect(failure.error.publicMessage).toBe('litellm.RateLimitError: OpenAIException - slow down [secret]');
    expect(sink.status).toBe(0);
  });

  /** Attack: an upstream (or who sits on its name) redirects the call, credential included, to a host of its choice. */
  it('never follows a redirect', async () => {
    let reached = false;
    const other = await serve((_request, response) => {
      reached = true;
      response.end('{}');
    });
    const base = await serve((_request, response) => response.writeHead(307, { location: other }).end());
    expect(await call(base, { model: 'm' }).sink.done).toMatchObject({ status: 307, error: { status: 502 } });
    expect(reached).toBe(false);
  });

  it('does not read on while the client is slow, and loses nothing', async () => {
    const frame = chunk('x'.repeat(64 * 1024));
    let written = 0;
    const total = 400;
    const base = await serve((_request, response) => {
      response.writeHead(200, SSE);
      const more = (): void => {
        while (written < total) {
          written += 1;
          if (!response.write(frame)) {
            response.once('drain', more);
            return;
          }
        }
        response.end('data: [DONE]\n\n');
      };
      more();
    });
    const sink = new Recorder();
    sink.isFull = true;
    const handle = upstream.open(
      testRequest(stream, { deployment: testDeployment({ apiBase: base }) }),
      sink,
    );
    while (sink.bytes === 0) await new Promise(setImmediate);
    let before = -1;
    while (before !== written) {
      before = written;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    expect(written).toBeLessThan(total);
    expect(sink.bytes).toBeLessThan(1024 * 1024);
    sink.isFull = false;
    handle.resume();
    const result = (await sink.done) as UpstreamResult;
    expect(sink.bytes).toBe(frame.length * total);
    expect(result.outputBytes).toBe(64 * 1024 * total);
  });

  it('ends the upstream request when the caller is gone, and tells what was seen', async () => {
    let closed: Promise<unknown> = Promise.resolve();
    const base = await serve((request, response) => {
      closed = once(request.socket, 'close');
      response.writeHead(200, SSE).write(chunk('abc'));
    });
    const { sink, handle } = call(base, stream);
    while (sink.bytes === 0) await new Promise(setImmediate);
    expect(handle.abort()).toMatchObject({ outputBytes: 3 });
    await closed;
    expect(sink.calls).toEqual([]);
  });

  it('speaks Anthropic’s own format to Anthropic', async () => {
    let headers: IncomingMessage['headers'] = {};
    let url = '';
    const base = await serve((request, response) => {
      ({ headers, url = '' } = request);
      response.end(
        '{"id":"msg_1","type":"message","content":[],"usage":{"input_tokens":4,"cache_read_input_tokens":6,"output_tokens":2}}',
      );
    });
    const deployment = testDeployment({ apiBase: base, wire: 'anthropic', provider: 'anthropic' });
    const { sink } = call(
      base,
      { model: 'm', messages: [], max_tokens: 3 },
      {
        deployment,
        endpoint: 'messages',
        forwardedHeaders: [
          ['anthropic-beta', 'b1'],
          ['authorization', 'Bearer caller'],
        ],
      },
    );
    expect(await sink.done).toMatchObject({
      usage: { inputTokens: 10, cacheReadTokens: 6, outputTokens: 2 },
    });
    expect(url).toBe('/v1/messages');
    expect(headers).toMatchObject({
      'x-api-key': 'sk-provider-secret-key-1234',
      'anthropic-version': '2023-06-01',
      'anthropic-beta': 'b1',
    });
    expect(headers.authorization).toBeUndefined();
    expect(() => call(base, { model: 'm' }, { deployment, endpoint: 'chat' })).toThrow('/v1/messages');
  });
});
