import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
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

/** A request with this body, and how it is answered: `undefined` when it is handed on. */
async function answerTo(
  middleware: typeof jsonBody,
  text: string,
  type: string,
): Promise<number | undefined> {
  const request = Object.assign(Readable.from([Buffer.from(text)]), {
    method: 'POST',
    url: '/key/generate',
    headers: { 'content-length': String(Buffer.byteLength(text)), 'content-type': type },
  });
  let answered: number | undefined;
  const response = {
    setHeader: () => response,
    writeHead: (status: number) => {
      answered = status;
      return response;
    },
    end: () => response,
  } as unknown as ServerResponse;
  let isHandedOn = false;
  await middleware(request as unknown as IncomingMessage, response, () => (isHandedOn = true));
  return isHandedOn ? undefined : answered;
}

/** Attack: one name with NUL fails the statement, and whoever else is asked about in it. */
describe('text that no database keeps', () => {
  it.each([
    '{"a":"\\u0000"}',
    '{"a\\u0000":1}',
    '["x\\ud800"]',
    '["\\udc00\\ud800"]',
    '["\\\\\\u0000"]',
    `${'['.repeat(50_000)}"\\u0000"${']'.repeat(50_000)}`,
  ])('is refused in JSON: %s', async (text) => {
    expect(await answerTo(jsonBody, text, 'application/json')).toBe(400);
  });

  it.each(['{"a":"\\\\u0000"}', '["\\ud83d\\ude00", "\\u00e4"]', '["\\u0001"]'])(
    'is not what only looks like it: %s',
    async (text) => {
      expect(await answerTo(jsonBody, text, 'application/json')).toBeUndefined();
    },
  );

  it('is refused in a form', async () => {
    const form = formBody(() => true) as typeof jsonBody;
    expect(await answerTo(form, 'username=a%00b', 'application/x-www-form-urlencoded')).toBe(422);
    expect(await answerTo(form, 'username=ab', 'application/x-www-form-urlencoded')).toBeUndefined();
  });
});

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
