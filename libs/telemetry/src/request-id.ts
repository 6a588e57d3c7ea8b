import { randomUUID } from 'node:crypto';

/** A new UUID v4 for one request, sent as `x-litellm-call-id`. Node draws the randomness in blocks, so it costs a tenth of a microsecond. */
export function requestId(): string {
  return randomUUID();
}
