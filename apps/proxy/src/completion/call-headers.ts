import { GatewayError } from '#libs/kernel';
import type { Call } from './call.js';
import { checkTags, identifier, looksLikeKey } from './call-facts.js';

/** No answer takes longer than this; a larger wish is a mistake. */
const LONGEST_TIMEOUT_S = 86_400;
/** What of a caller's own ids and agent is kept in the ledger. */
const MAX_RECORDED = 256;

/** What a caller may steer by headers (contract/limits 7.3). Anything else in them has no effect on governance. */
export interface CallHeaders {
  readonly timeoutMs?: number;
  readonly streamTimeoutMs?: number;
  readonly numRetries?: number;
  readonly customerId?: string;
  readonly tags: readonly string[];
  readonly clientCallId: string | null;
  readonly sessionId: string | null;
  readonly userAgent: string | null;
}

const NO_TAGS: readonly string[] = Object.freeze([]);

/** Throws `request.invalid` naming the header for a value that is not what it should be. */
export function readCallHeaders(call: Pick<Call, 'header'>, userHeaderName: string | undefined): CallHeaders {
  const timeoutMs = seconds(call, 'x-litellm-timeout');
  const streamTimeoutMs = seconds(call, 'x-litellm-stream-timeout');
  const numRetries = wholeNumber(call, 'x-litellm-num-retries', 10);
  const customerId = customerNamedIn(call, userHeaderName);
  const tags = call.header('x-litellm-tags');
  return {
    tags:
      tags === undefined
        ? NO_TAGS
        : checkTags(
            tags
              .split(',')
              .map((tag) => tag.trim())
              .filter((tag) => tag !== ''),
          ),
    clientCallId: recorded(call, 'x-litellm-call-id'),
    sessionId: recorded(call, 'x-litellm-session-id'),
    userAgent: recorded(call, 'user-agent'),
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    ...(streamTimeoutMs === undefined ? {} : { streamTimeoutMs }),
    ...(numRetries === undefined ? {} : { numRetries }),
    ...(customerId === undefined ? {} : { customerId }),
  };
}

/** The customer that a request's headers name. `userHeaderName`: the operator's own header, asked last. */
export function customerNamedIn(
  call: Pick<Call, 'header'>,
  userHeaderName: string | undefined,
): string | undefined {
  return (
    identifier(call.header('x-litellm-customer-id')) ??
    identifier(call.header('x-litellm-end-user-id')) ??
    (userHeaderName === undefined ? undefined : identifier(call.header(userHeaderName)))
  );
}

function seconds(call: Pick<Call, 'header'>, name: string): number | undefined {
  const text = call.header(name);
  if (text === undefined) return undefined;
  const value = Number(text);
  if (text.trim() === '' || !(value > 0) || value > LONGEST_TIMEOUT_S) {
    throw new GatewayError('request.invalid', `The header ${name} must be a number of seconds above 0.`, {
      param: name,
    });
  }
  return value * 1000;
}

function wholeNumber(call: Pick<Call, 'header'>, name: string, most: number): number | undefined {
  const text = call.header(name);
  if (text === undefined) return undefined;
  const value = Number(text);
  if (text.trim() === '' || !Number.isInteger(value) || value < 0 || value > most) {
    throw new GatewayError(
      'request.invalid',
      `The header ${name} must be a whole number from 0 to ${most}.`,
      { param: name },
    );
  }
  return value;
}

/** Only kept, so what should not be is left out, and the call is served. */
function recorded(call: Pick<Call, 'header'>, name: string): string | null {
  const text = call.header(name);
  return text === undefined || looksLikeKey(text) ? null : text.slice(0, MAX_RECORDED);
}
