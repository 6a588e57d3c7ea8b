import type { IncomingMessage } from 'node:http';
import type { CredentialFacts } from '#libs/auth';

/** How OpenAI's browser clients send a key: a WebSocket in a browser can set no header but this one. */
const KEY_PROTOCOL = 'openai-insecure-api-key.';
const BETA_PROTOCOL = 'openai-beta.';
/** What clients mean besides: the one that a server of this kind agrees to. */
const REALTIME_PROTOCOL = 'realtime';

/** What the sub-protocols of an upgrade say. */
export interface OfferedProtocols {
  readonly key: string | undefined;
  /** `realtime=v1`, as the header `openai-beta` has it. */
  readonly beta: string | undefined;
  /** What to agree to; never an item with a key in it. */
  readonly agreed: string | false;
}

export function offeredProtocols(request: IncomingMessage): OfferedProtocols {
  const offered = (request.headers['sec-websocket-protocol'] ?? '').split(',').map((item) => item.trim());
  return {
    key: offered.find((item) => item.startsWith(KEY_PROTOCOL))?.slice(KEY_PROTOCOL.length),
    beta: offered
      .find((item) => item.startsWith(BETA_PROTOCOL))
      ?.slice(BETA_PROTOCOL.length)
      .replace('-', '='),
    agreed: offered.includes(REALTIME_PROTOCOL) ? REALTIME_PROTOCOL : false,
  };
}

/** Cookies go with every connection that a page of a stranger opens, so they open none. */
const NOT_FOR_SOCKETS = /^cookie$/i;

/**
 * What an upgrade is judged by: its headers as any request's; the key among its sub-protocols where no header has one. Never
 * the query, which ends in logs.
 */
export function realtimeCredential(
  request: IncomingMessage,
  key: string | undefined,
  isSilent: (facts: CredentialFacts) => boolean,
  keyHeaderName = 'x-litellm-api-key',
): CredentialFacts {
  const rawHeaders: string[] = [];
  for (let i = 0; i + 1 < request.rawHeaders.length; i += 2)
    if (!NOT_FOR_SOCKETS.test(request.rawHeaders[i] ?? ''))
      rawHeaders.push(request.rawHeaders[i] ?? '', request.rawHeaders[i + 1] ?? '');
  const path = (request.url ?? '').split('?', 1)[0];
  const facts = { rawHeaders, url: path, method: request.method, socket: request.socket };
  if (key === undefined || !isSilent(facts)) return facts;
  return { ...facts, rawHeaders: [...rawHeaders, keyHeaderName, `Bearer ${key}`] };
}
