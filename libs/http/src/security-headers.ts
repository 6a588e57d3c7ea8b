import type { IncomingMessage, ServerResponse } from 'node:http';

/** On every answer, errors too (contract/auth 2.2). Flat, for writeHead. */
export const SECURITY_HEADERS: readonly string[] = [
  'x-frame-options',
  'DENY',
  'content-security-policy',
  "frame-ancestors 'none'",
  'x-content-type-options',
  'nosniff',
];

/** The same for answers that Express makes. */
export function securityHeaders(_request: IncomingMessage, response: ServerResponse, next: () => void): void {
  for (let i = 0; i < SECURITY_HEADERS.length; i += 2) {
    response.setHeader(SECURITY_HEADERS[i] ?? '', SECURITY_HEADERS[i + 1] ?? '');
  }
  next();
}
