import type { ServerResponse } from 'node:http';
import { type Denial, ERROR_CODES, GatewayError } from '#libs/kernel';

/** OpenAI's error object everywhere; Anthropic's on `/v1/messages`, that of RFC 7644 for identity providers, a sentence for scrapers. */
export type ErrorShape = 'openai' | 'anthropic' | 'scim' | 'sentence';

/** The shape that clients of a path read errors in; the path begins behind `SERVER_ROOT_PATH`. */
export function errorShapeOf(path: string): ErrorShape {
  if (path.startsWith('/v1/messages') || path.startsWith('/anthropic/')) return 'anthropic';
  if (path.startsWith('/scim/v2')) return 'scim';
  return path === '/metrics' ? 'sentence' : 'openai';
}

export interface ErrorAnswer {
  readonly status: number;
  /** Extra headers, lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  /** A text is JSON too. */
  readonly body: object | string;
}

/** Anything thrown, as the error a client may see: what is not a GatewayError says nothing about itself. */
export function toGatewayError(thrown: unknown): GatewayError {
  if (thrown instanceof GatewayError) return thrown;
  return new GatewayError('internal.unexpected', 'Internal server error', { cause: thrown });
}

/**
 * The one rendering of a failure (design.md "Compatibility": `code` is the status as a string; our own 429s carry the
 * number 429 and the limit's details, as the seed guide shows). `isDetailed`: for a family whose clients read `detail`.
 */
export function errorAnswer(error: GatewayError, shape: ErrorShape, isDetailed = false): ErrorAnswer {
  if (shape === 'scim') return scimAnswer(error);
  // What scrapers of the drop-in contract read when they are refused (auth 6.2).
  if (shape === 'sentence' && error.status === 401)
    return { status: error.status, headers: headersOf(error), body: error.publicMessage };
  if (shape === 'anthropic') {
    const body = {
      type: 'error',
      error: {
        type: anthropicType(error.status),
        message: error.publicMessage,
        ...limitMember(error),
        ...decisionMember(error),
      },
    };
    return { status: error.status, headers: headersOf(error), body };
  }
  const body: Record<string, unknown> = {
    error: {
      message: error.publicMessage,
      type: error.type,
      param: error.param,
      code: isOwnRateLimit(error) ? error.status : String(error.status),
      ...limitMember(error),
      ...decisionMember(error),
    },
  };
  if (error.detail !== undefined) body['detail'] = error.detail;
  else if (isDetailed) body['detail'] = { error: error.publicMessage };
  return { status: error.status, headers: headersOf(error), body };
}

/** The name under which a refusal can be looked up. */
const DECISION_HEADER = 'x-tollgate-decision-id';

function headersOf(error: GatewayError): Readonly<Record<string, string>> {
  const { headers, decisionId } = error;
  const isInVain = isRetriedInVain(error);
  if (decisionId === undefined && !isInVain) return headers;
  return {
    ...headers,
    ...(isInVain && { 'x-should-retry': 'false' }),
    ...(decisionId !== undefined && { [DECISION_HEADER]: decisionId }),
  };
}

/**
 * OpenAI's clients wait as long as `retry-after` says up to here (in Node for ever), and so no call should hang longer. More than
 * the minute of a sliding window, which takes a cell longer at its worst.
 */
const LONGEST_AWAITED_S = 120;

/**
 * Whether the same call would be refused again: who reads `x-should-retry` then fails at once. Clients ask twice more after a
 * 429 without a time, and command lines of coding agents for minutes, after a 401 too.
 */
function isRetriedInVain({ status, code, headers }: GatewayError): boolean {
  if (code.startsWith('upstream.')) return false;
  if (status === 401 || status === 403 || status === 422) return true;
  if (status !== 429) return false;
  const { 'retry-after': seconds } = headers;
  return seconds === undefined || Number(seconds) > LONGEST_AWAITED_S;
}

/** RFC 7644, table 9. */
const SCIM_TYPES: ReadonlySet<string> = new Set([
  'invalidFilter',
  'tooMany',
  'uniqueness',
  'mutability',
  'invalidSyntax',
  'invalidPath',
  'noTarget',
  'invalidValue',
]);

/** RFC 7644, 3.12. Identity providers show `detail` to people, and know "already there" as one word, wherever the refusal comes from. */
function scimAnswer(error: GatewayError): ErrorAnswer {
  const named = error.code === 'request.conflict' && !SCIM_TYPES.has(error.type) ? 'uniqueness' : error.type;
  const body = {
    schemas: ['urn:ietf:params:scim:api:messages:2.0:Error'],
    status: String(error.status),
    ...(SCIM_TYPES.has(named) ? { scimType: named } : {}),
    detail: error.publicMessage,
    ...decisionMember(error),
  };
  const headers = { ...headersOf(error), 'content-type': 'application/scim+json; charset=utf-8' };
  return { status: error.status, headers, body };
}

function decisionMember({ decisionId }: GatewayError): { decision_id?: string } {
  return decisionId === undefined ? {} : { decision_id: decisionId };
}

function isOwnRateLimit(error: GatewayError): boolean {
  return error.status === 429 && ERROR_CODES[error.code].type === 'rate_limit_error';
}

function limitMember({ denial }: GatewayError): { limit?: object } {
  if (!denial || (denial.limit === undefined && denial.reasons === undefined)) return {};
  const { reasons } = denial;
  return {
    limit: { ...limitOf(denial), ...(reasons === undefined ? {} : { reasons: reasons.map(limitOf) }) },
  };
}

function limitOf(denial: Denial): object {
  return {
    reason: denial.code,
    scope: denial.scope?.type ?? null,
    id: denial.scope?.id ?? null,
    dimension: denial.dimension ?? null,
    limit: denial.limit ?? null,
    current: denial.current ?? null,
    resets_at: denial.resetsAtMs === undefined ? null : new Date(denial.resetsAtMs).toISOString(),
  };
}

/** Anthropic's error types by status (their API reference, "Errors"). */
function anthropicType(status: number): string {
  switch (status) {
    case 401:
      return 'authentication_error';
    case 403:
      return 'permission_error';
    case 404:
      return 'not_found_error';
    case 413:
      return 'request_too_large';
    case 422:
      return 'billing_error';
    case 429:
      return 'rate_limit_error';
    case 503:
    case 529:
      return 'overloaded_error';
    default:
      return status < 500 ? 'invalid_request_error' : 'api_error';
  }
}

/** Answers before Express or Nest does. A shape that is not plain JSON brings its own content type. */
export function sendError(response: ServerResponse, { status, headers, body }: ErrorAnswer): void {
  response.setHeader('content-type', 'application/json');
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
  response.writeHead(status).end(JSON.stringify(body));
}
