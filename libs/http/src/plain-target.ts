import type { IncomingMessage, ServerResponse } from 'node:http';
import { GatewayError } from '#libs/kernel';
import { errorAnswer, errorShapeOf, sendError } from './error-answer.js';

/**
 * Express middleware: 400 for a target that its readers read differently. A path or query with NUL names nothing there is, and
 * fails whatever statement carries it. A whole URL, or one with a fragment, is a path to Express's router and none to the lanes
 * before it, to a root path, or to rules of a proxy in front.
 */
export function plainTarget(request: IncomingMessage, response: ServerResponse, next: () => void): void {
  const url = request.url ?? '';
  const problem = problemOf(url);
  if (problem === undefined) {
    next();
    return;
  }
  const error = new GatewayError('request.invalid', problem, { param: 'path' });
  sendError(response, errorAnswer(error, errorShapeOf(url)));
}

function problemOf(url: string): string | undefined {
  if (url.includes('%00')) return 'A path or query may not hold NUL.';
  if (url[0] === '/' && !url.includes('#')) return undefined;
  return 'The target of a request must be a path, without scheme, host and fragment.';
}
