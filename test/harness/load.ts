import { Agent, type IncomingHttpHeaders, request as httpRequest } from 'node:http';

/** One completion as its client saw it. */
export interface Seen {
  /** The client's own id of the call: `litellm_call_id` of the spend log. */
  readonly id: string;
  readonly stream: boolean;
  /** 0 when no head came. */
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  /** The whole answer arrived: the announced body, or a stream's last frame and its end. */
  readonly finished: boolean;
  /** When each piece of the body came (ms, monotonic). */
  readonly arrivedAt: readonly number[];
  readonly startedAt: number;
  readonly tookMs: number;
}

export interface Ask {
  readonly key: string;
  readonly id: string;
  readonly model?: string;
  readonly stream?: boolean;
  readonly body?: object;
  readonly headers?: Readonly<Record<string, string>>;
  readonly agent?: Agent;
  /** Another loopback address to call from. */
  readonly from?: string;
  readonly signal?: AbortSignal;
}

/** Connections are kept alive, as every client library does. */
export function keepAlive(maxSockets = Infinity): Agent {
  return new Agent({ keepAlive: true, maxSockets });
}

const shared = keepAlive();

/** Sends one chat completion and tells what came back. Never throws: a broken connection is something a client sees. */
export function ask(url: string, asked: Ask): Promise<Seen> {
  const { key, id, model = 'm', stream = false } = asked;
  const body = JSON.stringify(
    asked.body ?? {
      model,
      stream,
      ...(stream ? { stream_options: { include_usage: true } } : {}),
      // The provider records bodies, so a call can be found again in what it received.
      messages: [{ role: 'user', content: `call ${id}` }],
    },
  );
  const startedAt = performance.now();
  return new Promise((resolve) => {
    let status = 0;
    let headers: IncomingHttpHeaders = {};
    let text = '';
    const arrivedAt: number[] = [];
    const done = (isWhole: boolean): void => {
      const finished = isWhole && status === 200 && (!stream || text.includes('data: [DONE]'));
      const tookMs = performance.now() - startedAt;
      resolve({ id, stream, status, headers, body: text, finished, arrivedAt, startedAt, tookMs });
    };
    const request = httpRequest(
      `${url}/v1/chat/completions`,
      {
        method: 'POST',
        agent: asked.agent ?? shared,
        headers: {
          authorization: `Bearer ${key}`,
          'content-type': 'application/json',
          'content-length': Buffer.byteLength(body),
          'x-litellm-call-id': id,
          ...asked.headers,
        },
        ...(asked.from ? { localAddress: asked.from } : {}),
        ...(asked.signal ? { signal: asked.signal } : {}),
      },
      (response) => {
        status = response.statusCode ?? 0;
        headers = response.headers;
        response.setEncoding('utf8').on('data', (piece: string) => {
          arrivedAt.push(performance.now());
          text += piece;
        });
        response.on('end', () => done(response.complete)).on('error', () => done(false));
      },
    );
    request.on('error', () => done(false));
    request.end(body);
  });
}

/** Lanes of clients, each asking again as soon as it has its answer, until told to stop. */
export class Load {
  readonly seen: Seen[] = [];
  readonly #lanes: Promise<void>[] = [];
  #isOn = true;
  #count = 0;

  /** `next` makes a call's ask from its number; a lane ends with the first call that got no answer when `endsWhenBroken`. */
  constructor(
    private readonly url: string,
    lanes: number,
    private readonly next: (number: number) => Ask,
    private readonly options: { readonly endsWhenBroken?: boolean; readonly pauseMs?: number } = {},
  ) {
    for (let lane = 0; lane < lanes; lane += 1) this.#lanes.push(this.#run());
  }

  get started(): number {
    return this.#count;
  }

  /** No more calls; resolves when those under way have ended. */
  async stop(): Promise<readonly Seen[]> {
    this.#isOn = false;
    await Promise.all(this.#lanes);
    return this.seen;
  }

  async #run(): Promise<void> {
    while (this.#isOn) {
      const seen = await ask(this.url, this.next((this.#count += 1)));
      this.seen.push(seen);
      if (seen.status === 0 && this.options.endsWhenBroken) return;
      if (this.options.pauseMs || seen.status !== 200)
        await new Promise((resolve) => setTimeout(resolve, this.options.pauseMs ?? 5));
    }
  }
}
