import type { IncomingMessage, ServerResponse } from 'node:http';
import { GatewayError, isStorableText } from '#libs/kernel';
import { errorAnswer, sendError } from './error-answer.js';
import { readBody } from './read-body.js';

type WithBody = IncomingMessage & { body?: unknown };
/** With an error: what nobody foresaw, for whoever answers and logs failures. */
type Next = (defect?: unknown) => void;

/**
 * Express middleware for the paths where browsers send forms: puts the fields on `request.body`, text by name. Comes before `jsonBody`,
 * which leaves a body alone that somebody has read: what is sent to a form's path is never taken for JSON, whatever it says it is.
 * A field that is there twice is refused (400), like any other kind of body (422).
 */
export function formBody(
  isForm: (path: string) => boolean,
  maxBytes = 64 * 1024,
): (request: WithBody, response: ServerResponse, next: Next) => void | Promise<void> {
  return (request, response, next) => {
    if (request.method !== 'POST' || !isForm((request.url ?? '').split('?', 1)[0] ?? '')) {
      next();
      return;
    }
    return take(request, response, next, maxBytes);
  };
}

async function take(
  request: WithBody,
  response: ServerResponse,
  next: Next,
  maxBytes: number,
): Promise<void> {
  try {
    request.body = await readForm(request, maxBytes);
  } catch (thrown) {
    if (thrown instanceof GatewayError) sendError(response, errorAnswer(thrown, 'openai'));
    else next(thrown);
    return;
  }
  next();
}

async function readForm(request: IncomingMessage, maxBytes: number): Promise<Record<string, string>> {
  const bytes = await readBody(request, maxBytes);
  const type = request.headers['content-type'] ?? '';
  if (bytes.length > 0 && !/^application\/x-www-form-urlencoded\b/i.test(type))
    throw new GatewayError('request.unprocessable', 'Send a form: application/x-www-form-urlencoded.');
  const fields = Object.create(null) as Record<string, string>;
  for (const [name, value] of new URLSearchParams(bytes.toString('utf8'))) {
    if (name in fields)
      throw new GatewayError('request.invalid', 'The form names a field twice.', {
        param: name.slice(0, 64),
      });
    if (!isStorableText(name + value))
      throw new GatewayError('request.unprocessable', 'Text may not hold NUL.', { param: 'form' });
    fields[name] = value;
  }
  return fields;
}
