import { setTimeout as delay } from 'node:timers/promises';
import { GatewayError } from '#libs/kernel';

/** For all attempts together: whoever waits for the answer has a patience of their own. */
const TIMEOUT_MS = 5_000;
/** Key sets and user infos are a few kilobytes; what is larger is not one. */
const MAX_BYTES = 1024 * 1024;
const ATTEMPTS = 3;
const PAUSE_MS = 250;

/**
 * A JSON answer of an identity provider: three attempts, because a provider that restarts is back within a second. Throws
 * `auth.provider_unavailable` when none came; the address is for the log only.
 */
export async function fetchJson(url: string, init: RequestInit = {}): Promise<unknown> {
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  for (let attempt = 1; ; attempt += 1) {
    try {
      const response = await fetch(url, {
        ...init,
        signal,
        redirect: 'error',
      });
      if (response.status >= 500) throw new Error(`status ${response.status}`);
      const text = await boundedText(response, MAX_BYTES);
      if (!response.ok) throw new ProviderRefusal(response.status);
      return JSON.parse(text) as unknown;
    } catch (thrown) {
      if (thrown instanceof ProviderRefusal) throw thrown;
      if (attempt >= ATTEMPTS || signal.aborted) throw providerUnavailable(url, 'it does not answer', thrown);
      await delay(PAUSE_MS * attempt);
    }
  }
}

/** The body of an answer. Throws when it is longer, counted as it is unpacked: a few bytes of gzip can be gigabytes. */
export async function boundedText({ body }: Response, maxBytes: number): Promise<string> {
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const piece of body ?? []) {
    size += piece.length;
    if (size > maxBytes) throw new Error('the answer is too large');
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString('utf8');
}

/** The provider answered, and said no. */
export class ProviderRefusal extends Error {
  constructor(readonly status: number) {
    super(`the identity provider answered with status ${status}`);
  }

  /** It says that it cannot say: too slow, too early, too often. Nothing about what it was asked. */
  get isBusy(): boolean {
    return [408, 425, 429].includes(this.status);
  }
}

export function providerUnavailable(url: string, why: string, cause?: unknown): GatewayError {
  return new GatewayError(
    'auth.provider_unavailable',
    'Authentication Error, the identity provider cannot be reached right now. Please try again shortly.',
    { internal: `${url}: ${why}`, cause, headers: { 'retry-after': '5' } },
  );
}
