import type { IncomingMessage, ServerResponse } from 'node:http';
import { describe, expect, it } from 'vitest';
import { formBody } from './form-body.js';
import { jsonBody } from './json-body.js';

/** A request whose body cannot be read for a reason that nobody foresaw. */
const defect = new TypeError('a defect of ours');
const broken = {
  method: 'POST',
  url: '/key/generate',
  headers: { 'content-length': '2', 'content-type': 'application/json' },
  on: () => {
    throw defect;
  },
} as unknown as IncomingMessage;
const unanswered = {} as ServerResponse;

describe('a body that cannot be read for a reason that nobody foresaw', () => {
  it.each([
    ['JSON', jsonBody],
    ['a form', formBody(() => true)],
  ])('is handed on to whoever answers and logs failures: %s', async (_kind, middleware) => {
    const told: unknown[] = [];
    await middleware(broken, unanswered, (thrown) => told.push(thrown));
    expect(told).toEqual([defect]);
  });
});
