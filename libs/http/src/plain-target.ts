import type { IncomingMessage, ServerResponse } from 'node:http';
import { GatewayError } from '#libs/kernel';
import { errorAnswer, errorShapeOf, sendError } from './error-answer.js';

/** Express middleware: a path or query with NUL names nothing there is, and fails whatever statement carries it: 400. */
export function plainTarget(request: IncomingMessage, response: ServerResponse, next: () => void): void {
  const url = request.url ?? '';
  if (!url.includes('%00')) {
    next();
    return;
  }
  const error = new GatewayError('request.invalid', 'A path or query may not hold NUL.', { param: 'path' });
  sendError(response, errorAnswer(error, errorShapeOf(url)));
}
