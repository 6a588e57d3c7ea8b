import { GatewayError, type GatewayErrorOptions, isRecord } from '#libs/kernel';
import type { Deployment } from '#libs/routing';
import { maskedMessage } from './masking.js';
import { responseHeaders } from './response-headers.js';

interface ProviderError {
  readonly message: string;
  readonly type: string | undefined;
  readonly param: string | undefined;
  readonly code: string | undefined;
}

interface Mapping {
  readonly name: string;
  /** Replaces the upstream's type; undefined passes it on. */
  readonly type?: string;
  readonly keepsParam: boolean;
}

const INVALID: Mapping = { name: 'BadRequestError', keepsParam: true };
const MAPPINGS: ReadonlyMap<number, Mapping> = new Map([
  [400, INVALID],
  [401, { name: 'AuthenticationError', type: 'authentication_error', keepsParam: false }],
  [403, { name: 'APIError', type: 'permission_error', keepsParam: false }],
  [404, { name: 'NotFoundError', type: 'invalid_request_error', keepsParam: false }],
  [408, { name: 'Timeout', type: 'invalid_request_error', keepsParam: false }],
  [422, INVALID],
  [429, { name: 'RateLimitError', type: 'throttling_error', keepsParam: true }],
  [500, { name: 'InternalServerError', type: 'internal_server_error', keepsParam: true }],
  [503, { name: 'ServiceUnavailableError', type: 'internal_server_error', keepsParam: false }],
]);

const CONTEXT_WINDOW =
  /maximum context length|context[ _]length|context window|prompt is too long|input is too long|too many input tokens|exceeds? the (?:maximum|limit).{0,40}tokens/i;
const CONTENT_POLICY =
  /content[ _](?:policy|filter|management policy)|content_policy_violation|rejected (?:as a result of|by) (?:our|the) safety/i;
const WIRE_WORD = /^[a-z][a-z0-9_.-]{0,63}$/i;

/** `OpenAIException`, `AzureException`: the drop-in's word for whose error it was. */
export function exceptionName(provider: string): string {
  if (provider === 'openai' || provider === 'custom_openai' || provider === 'text-completion-openai')
    return 'OpenAIException';
  return `${provider.charAt(0).toUpperCase()}${provider.slice(1)}Exception`;
}

export interface UpstreamErrorInput {
  readonly status: number;
  readonly deployment: Deployment;
  /** What was read of the body; may be cut off or not JSON at all. */
  readonly body: Buffer;
  /** As the upstream sent them, flat; passed on under `llm_provider-<name>` only. */
  readonly headers?: readonly string[] | undefined;
}

/** An upstream's error answer in our one shape (contract 5.8). Its text is masked; the whole body never reaches a client. */
export function mapUpstreamError({ status, deployment, body, headers }: UpstreamErrorInput): GatewayError {
  return mapError(status, readError(body), deployment, headers);
}

/** The same for an error that arrives inside a 200 answer or a stream. Without a status of its own it is a 500. */
export function mapEmbeddedError(json: unknown, deployment: Deployment): GatewayError {
  const error = errorOf(json);
  const raw = Number(
    (isRecord(json) && isRecord(json['error'])
      ? (json['error']['status_code'] ?? json['error']['code'])
      : undefined) ?? 0,
  );
  const status =
    Number.isInteger(raw) && raw >= 400 && raw <= 599 ? raw : (ANTHROPIC_STATUS.get(error.type ?? '') ?? 500);
  return mapError(status, error, deployment, undefined);
}

const ANTHROPIC_STATUS: ReadonlyMap<string, number> = new Map([
  ['invalid_request_error', 400],
  ['authentication_error', 401],
  ['permission_error', 403],
  ['not_found_error', 404],
  ['request_too_large', 413],
  ['rate_limit_error', 429],
  ['rate_limit_exceeded', 429],
  ['overloaded_error', 503],
  ['api_error', 500],
]);

function mapError(
  upstreamStatus: number,
  error: ProviderError,
  deployment: Deployment,
  headers: readonly string[] | undefined,
): GatewayError {
  // A redirect is never followed (it would carry our credential elsewhere), and 529 is Anthropic's own word for 503.
  const status =
    upstreamStatus === 529 ? 503 : upstreamStatus < 400 || upstreamStatus > 599 ? 502 : upstreamStatus;
  const text = `${error.code ?? ''} ${error.message}`;
  const isBadRequest = status === 400 || status === 413 || status === 422;
  const isContext = isBadRequest && CONTEXT_WINDOW.test(text);
  const isContent = isBadRequest && !isContext && CONTENT_POLICY.test(text);
  const mapping =
    MAPPINGS.get(status) ??
    (status >= 500 ? { name: 'APIError', type: 'internal_server_error', keepsParam: false } : INVALID);
  const name = isContext
    ? 'ContextWindowExceededError'
    : isContent
      ? 'ContentPolicyViolationError'
      : mapping.name;
  const said =
    maskedMessage(error.message, deployment) ||
    `the provider answered with status ${upstreamStatus} and no explanation`;
  const options: GatewayErrorOptions = {
    status: isContext ? 400 : status,
    type: mapping.type ?? wireWord(error.type, deployment) ?? 'invalid_request_error',
    param: mapping.keepsParam ? (wireWord(error.param, deployment) ?? null) : null,
    internal: `upstream answered ${upstreamStatus} for deployment ${deployment.id}: ${said}`,
  };
  if (headers !== undefined) options.headers = providerHeaders(headers);
  const code = isContext
    ? 'request.context_window_exceeded'
    : isContent
      ? 'upstream.content_policy'
      : 'upstream.rejected';
  return new GatewayError(code, `litellm.${name}: ${exceptionName(deployment.provider)} - ${said}`, options);
}

/** The id under which the provider knows the call, when it may be asked again, what is left of our account's limits: all under its prefix. */
function providerHeaders(upstream: readonly string[]): Record<string, string> {
  const flat: string[] = [];
  responseHeaders(upstream, flat);
  const headers: Record<string, string> = {};
  for (let i = 0; i + 1 < flat.length; i += 2) {
    const [name = '', value = ''] = flat.slice(i, i + 2);
    if (name.startsWith('llm_provider-')) headers[name] = value;
  }
  return headers;
}

function readError(body: Buffer): ProviderError {
  const text = body.toString('utf8');
  try {
    return errorOf(JSON.parse(text));
  } catch (thrown) {
    if (!(thrown instanceof SyntaxError)) throw thrown;
  }
  // A page of HTML from something in between says nothing a caller can use.
  const plain = text.trimStart().startsWith('<') ? '' : text;
  return { message: plain.slice(0, 500), type: undefined, param: undefined, code: undefined };
}

/** Every shape in the field: `{error:{...}}`, `{type:"error",error}`, `{error:"..."}`, `{message}`, `{detail}`, `[{error}]`. */
function errorOf(json: unknown): ProviderError {
  const root = Array.isArray(json) ? json[0] : json;
  if (!isRecord(root))
    return {
      message: typeof root === 'string' ? root : '',
      type: undefined,
      param: undefined,
      code: undefined,
    };
  const error = isRecord(root['error']) ? root['error'] : root;
  const message =
    textOf(error['message']) ??
    textOf(root['error']) ??
    textOf(root['message']) ??
    textOf(root['detail']) ??
    (root['detail'] === undefined ? '' : JSON.stringify(root['detail']));
  return { message, type: textOf(error['type']), param: textOf(error['param']), code: textOf(error['code']) };
}

function wireWord(value: string | undefined, deployment: Deployment): string | undefined {
  if (value === undefined || !/^[\w.[\]-]{1,128}$/.test(value)) return undefined;
  return WIRE_WORD.test(value) || value.includes('[') || value.includes('.')
    ? maskedMessage(value, deployment)
    : undefined;
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** Seconds or an HTTP date as milliseconds from now; undefined when it is neither or lies in the past. */
export function parseRetryAfter(value: string | undefined, nowMs: number): number | undefined {
  if (value === undefined) return undefined;
  const ms = /^\d+(?:\.\d+)?$/.test(value.trim()) ? Number(value) * 1000 : Date.parse(value) - nowMs;
  return Number.isFinite(ms) && ms > 0 ? Math.ceil(ms) : undefined;
}
