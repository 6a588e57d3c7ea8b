/** On every answer, errors too (contract/auth 2.2). Flat, for writeHead. */
export const SECURITY_HEADERS: readonly string[] = [
  'x-frame-options',
  'DENY',
  'content-security-policy',
  "frame-ancestors 'none'",
  'x-content-type-options',
  'nosniff',
];
