import type { IncomingMessage, ServerResponse } from 'node:http';

const headers = [
  'x-frame-options',
  'DENY',
  'content-security-policy',
  "frame-ancestors 'none'",
  'x-content-type-options',
  'nosniff',
];

/** On every answer, errors too (contract/auth 2.2). Flat, for writeHead. Read it when an answer is made: an operator adds to it at start. */
export const SECURITY_HEADERS: readonly string[] = headers;

/** From now on browsers are told to come over TLS only, for a year. Once, before anything is answered; who said it cannot take it back. */
export function requireTls(): void {
  headers.push('strict-transport-security', 'max-age=31536000; includeSubDomains');
}

/** The same for answers that Express makes. */
export function securityHeaders(_request: IncomingMessage, response: ServerResponse, next: () => void): void {
  for (let i = 0; i < SECURITY_HEADERS.length; i += 2) {
    response.setHeader(SECURITY_HEADERS[i] ?? '', SECURITY_HEADERS[i + 1] ?? '');
  }
  next();
}
