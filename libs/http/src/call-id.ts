import type { IncomingMessage, ServerResponse } from 'node:http';
import { newId } from '#libs/kernel';

/** Express middleware: every answer names its request, so that a log line and an audit row can be found from it. */
export function callId(_request: IncomingMessage, response: ServerResponse, next: () => void): void {
  response.setHeader('x-litellm-call-id', newId('req'));
  next();
}
