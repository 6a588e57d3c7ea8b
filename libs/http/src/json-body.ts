import { isUtf8 } from 'node:buffer';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { GatewayError, isStorableText } from '#libs/kernel';
import { errorAnswer, errorShapeOf, sendError } from './error-answer.js';
import { readBody } from './read-body.js';
import { repeatedName } from './repeated-name.js';

/** Admin bodies are forms, not documents; a bound that a lister of 500 keys stays well under. */
const MAX_ADMIN_BYTES = 2 * 1024 * 1024;

/** With an error: what nobody foresaw, for whoever answers and logs failures. */
type Next = (defect?: unknown) => void;
type WithBody = IncomingMessage & { body?: unknown };

/**
 * Express middleware: the request's body as parsed JSON on `request.body`, undefined when there is none. Whatever the
 * Content-Type says, for DELETE too, because the seed guides' curl lines send none; but a request that brings a cookie
 * must say `application/json`, which a form of another site cannot. Broken JSON: 422 (400 to identity providers) before anything else happens.
 * A body in several parts, as files come in, is what no handler takes for an object: 404 where there is no route, else refused.
 */
export function jsonBody(request: WithBody, response: ServerResponse, next: Next): void | Promise<void> {
  const { headers, method } = request;
  const isEmpty = headers['transfer-encoding'] === undefined && Number(headers['content-length'] ?? 0) === 0;
  const isRead = request.body !== undefined;
  if (
    method === 'GET' ||
    method === 'HEAD' ||
    method === 'OPTIONS' ||
    isEmpty ||
    isRead ||
    !mayBeJson(headers)
  ) {
    next();
    return;
  }
  if (isInParts(headers)) {
    request.body = 'multipart/form-data';
    next();
    return;
  }
  return readJson(request, response, next);
}

async function readJson(request: WithBody, response: ServerResponse, next: Next): Promise<void> {
  try {
    const bytes = await readBody(request, MAX_ADMIN_BYTES);
    request.body = bytes.length === 0 ? undefined : parseJson(bytes);
  } catch (thrown) {
    if (thrown instanceof SyntaxError) refuse(request, response, invalidJson('The body is not valid JSON.'));
    else if (thrown instanceof GatewayError) refuse(request, response, thrown);
    else next(thrown);
    return;
  }
  next();
}

function mayBeJson(headers: IncomingMessage['headers']): boolean {
  return (
    headers.cookie === undefined || /^application\/(?:[\w.+-]+\+)?json\b/i.test(headers['content-type'] ?? '')
  );
}

function isInParts(headers: IncomingMessage['headers']): boolean {
  return /^multipart\//i.test(headers['content-type'] ?? '');
}

/** A body that every reader understands the same way, or a refusal. */
function parseJson(bytes: Buffer): unknown {
  if (!isUtf8(bytes)) throw invalidJson('The body is not valid UTF-8.');
  const text = bytes.toString('utf8');
  const body: unknown = JSON.parse(text);
  if (hidesUnstorable(text)) throw unstorableIn(body);
  const twice = repeatedName(text);
  if (twice === undefined) return body;
  throw invalidJson(
    `The body names ${JSON.stringify(twice.slice(0, 64))} twice; two readers could understand it differently.`,
  );
}

/** In JSON both can only stand as escapes, and valid UTF-8 has no other half that would make one whole. Linear, without recursion. */
function hidesUnstorable(json: string): boolean {
  if (!MAY_HIDE.test(json)) return false;
  return !isStorableText(
    json.replaceAll(ESCAPE, (escape, code?: string) =>
      code === undefined ? '' : String.fromCharCode(parseInt(code, 16)),
    ),
  );
}
const MAY_HIDE = /\\u(?:0000|[dD][89a-fA-F])/;
const ESCAPE = /\\(?:u([0-9a-fA-F]{4})|[^])/g;

/** Names the member that holds it. */
function unstorableIn(body: unknown): GatewayError {
  let param: string | null = null;
  try {
    const found = Object.entries(body ?? {}).find((member) => hidesUnstorable(JSON.stringify(member)));
    param = found?.[0].slice(0, 64) ?? null;
  } catch (thrown) {
    // Too deep to be written down again: then no name is told.
    if (!(thrown instanceof RangeError)) throw thrown;
  }
  return new GatewayError('request.bad_field', 'Text may not hold NUL or half a character.', { param });
}

/** contract/admin-api 0.1: 422 with one item of type `json_invalid`. */
function invalidJson(message: string): GatewayError {
  return new GatewayError('request.unprocessable', message, {
    detail: [{ type: 'json_invalid', loc: ['body'], msg: message }],
  });
}

/** In the words of whoever reads the path: identity providers know a body that is no JSON as 400 `invalidSyntax` (RFC 7644, table 9). */
function refuse(request: IncomingMessage, response: ServerResponse, error: GatewayError): void {
  const shape = errorShapeOf(request.url ?? '');
  const told =
    shape === 'scim' && error.code === 'request.unprocessable'
      ? new GatewayError('request.invalid', error.publicMessage, { type: 'invalidSyntax' })
      : error;
  sendError(response, errorAnswer(told, shape));
}
