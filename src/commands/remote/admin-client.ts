import type { Ask } from './nouns.js';

/** An answer that is not a good one, and how a script can tell: stable exit codes. */
export class RemoteFailure extends Error {
  constructor(
    message: string,
    readonly exitCode: number,
  ) {
    super(message);
  }
}

/** 3: not signed in. 4: not allowed. 5: not there. 6: refused as it is. 7: try again later. 8: the server failed or is not there. */
const EXIT_CODES: Readonly<Record<number, number>> = { 401: 3, 403: 4, 404: 5, 429: 7 };
const REFUSED = 6;
const SERVER_FAILED = 8;
const TIMEOUT_MS = 30_000;

/** Speaks to the admin API of a running Tollgate. */
export class AdminClient {
  constructor(
    private readonly url: string,
    private readonly key: string,
  ) {}

  /** The JSON of a good answer. Throws RemoteFailure with the server's own sentence. */
  async ask({ method, path, body, headers }: Ask): Promise<unknown> {
    // `fetch` would refuse it too, and say the key in its message.
    if (/[^\x20-\x7e]/.test(this.key))
      throw new RemoteFailure('the key holds a line break or another character that no key has', 3);
    let response: Response;
    try {
      response = await fetch(this.url.replace(/\/+$/, '') + path, {
        method,
        headers: {
          ...(this.key === '' ? {} : { authorization: `Bearer ${this.key}` }),
          'content-type': 'application/json',
          ...headers,
        },
        signal: AbortSignal.timeout(TIMEOUT_MS),
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
    } catch (cause) {
      const reason =
        cause instanceof Error ? (cause.cause instanceof Error ? cause.cause.message : cause.message) : '';
      throw new RemoteFailure(`${this.url} does not answer (${reason})`, SERVER_FAILED);
    }
    const text = await response.text();
    const answer = parsed(text);
    if (response.ok) return answer;
    throw new RemoteFailure(
      messageOf(answer) ?? `${path} answered ${response.status}`,
      EXIT_CODES[response.status] ?? (response.status >= 500 ? SERVER_FAILED : REFUSED),
    );
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    // A proxy in between answers with pages of its own.
    return text;
  }
}

function messageOf(answer: unknown): string | undefined {
  if (typeof answer !== 'object' || answer === null || !('error' in answer)) return undefined;
  const { error } = answer;
  return typeof error === 'object' && error !== null && 'message' in error
    ? String(error.message)
    : undefined;
}
