import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { chatBody, GovernedProduct, modelEntry } from '../harness/governed-product.js';
import { type RawAnswer, sendRaw } from '../harness/raw-http.js';

const BODY = JSON.stringify(chatBody());

let gate: GovernedProduct;
let key: string;
beforeAll(async () => {
  gate = await GovernedProduct.start((provider) => ({ model_list: [modelEntry('m', provider)] }));
  key = await gate.makeKey();
});
afterAll(() => gate?.dispose());
beforeEach(() => gate.provider.reset());

const raw = (...pieces: string[]): Promise<RawAnswer> => sendRaw(gate.product.port, pieces);
const statusesOf = ({ text }: RawAnswer): number[] =>
  [...text.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => Number(status));
const bearer = (value: string): string => `authorization: Bearer ${value}\r\n`;
const call = (target: string, headers: string, version = '1.1'): string =>
  `POST ${target} HTTP/${version}\r\nhost: x\r\n${headers}content-length: ${BODY.length}\r\n\r\n${BODY}`;
const chunked = (headers: string, { version = '1.1', extension = '', trailers = '' } = {}): string =>
  `POST /v1/chat/completions HTTP/${version}\r\nhost: x\r\n${headers}transfer-encoding: chunked\r\nconnection: close\r\n\r\n` +
  `${BODY.length.toString(16)}${extension}\r\n${BODY}\r\n0\r\n${trailers}\r\n`;

/** Attack: a target that the lane of completions, Nest's router and a proxy in front understand differently, so that a rule for one path is passed by another. */
describe('a target that is not simply a path', () => {
  it.each(['http://x', 'HTTP://x', 'http://u:p@x', 'https://127.0.0.1:4000'])(
    'is refused on every route alike: %s…',
    async (origin) => {
      for (const path of [
        '/key/list',
        '/v1/models',
        '/health/liveliness',
        '/v1/chat/completions',
        '/nowhere',
      ])
        for (const method of ['GET', 'POST']) {
          const answer = await raw(
            `${method} ${origin}${path} HTTP/1.1\r\nhost: x\r\n${bearer(gate.product.masterKey)}content-length: 2\r\nconnection: close\r\n\r\n{}`,
          );
          expect([method, path, answer.status]).toEqual([method, path, 400]);
        }
    },
  );

  it.each(['/key/list#x', '/key/list?a#x', '/v1/chat/completions#', '/v1/models#/key/list'])(
    'is refused with a fragment: %s',
    async (target) => {
      for (const method of ['GET', 'POST'])
        expect(
          (
            await raw(
              `${method} ${target} HTTP/1.1\r\nhost: x\r\n${bearer(gate.product.masterKey)}content-length: 2\r\nconnection: close\r\n\r\n{}`,
            )
          ).status,
        ).toBe(400);
      expect(gate.provider.requests).toHaveLength(0);
    },
  );

  it('is not named by headers for proxies, nor is the method', async () => {
    const steering =
      'x-original-url: /key/list\r\nx-rewrite-url: /key/list\r\nx-http-method-override: DELETE\r\n';
    const { text } = await raw(
      `GET /health/liveliness HTTP/1.1\r\nhost: x\r\n${bearer(gate.product.masterKey)}${steering}connection: close\r\n\r\n`,
    );
    expect(text).not.toContain('"keys"');
  });
});

describe('requests on one connection', () => {
  it('are each who they say, whichever way round', async () => {
    const nobody = 'GET /key/list HTTP/1.1\r\nhost: x\r\n\r\n';
    const known = call('/v1/chat/completions', bearer(key));
    const last = `GET /key/list HTTP/1.1\r\nhost: x\r\n${bearer(key)}connection: close\r\n\r\n`;
    expect(statusesOf(await raw(nobody + known + nobody + known + last))).toEqual([401, 200, 401, 200, 200]);
    expect(gate.provider.requests).toHaveLength(2);
  });

  it('begin where the one before ends, refused or not', async () => {
    const last = `GET /health/liveliness HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n`;
    const refused =
      call('/v1/chat/completions', '') + call('/key/generate', '') + call('/nowhere', bearer(key));
    expect(statusesOf(await raw(refused + last))).toEqual([401, 401, 404, 200]);
  });
});

describe('chunks', () => {
  it('bring no credential behind the body', async () => {
    const trailers = bearer(gate.product.masterKey);
    expect((await raw(chunked('trailer: authorization\r\n', { trailers }))).status).toBe(401);
    expect((await raw(chunked(bearer(key), { trailers: 'authorization: Bearer sk-other\r\n' }))).status).toBe(
      200,
    );
  });

  it('in a protocol that has none are no request', async () => {
    const answer = await raw(
      chunked(bearer(key), { version: '1.0' }) + call('/v1/chat/completions', bearer(key)),
    );
    expect(statusesOf(answer)).toEqual([400]);
    expect(answer.closed).toBe(true);
    expect(gate.provider.requests).toHaveLength(0);
  });

  it.each([';a=b', ';a="b"', ';a'])('may carry the extension %s, which says nothing', async (extension) => {
    expect((await raw(chunked(bearer(key), { extension }))).status).toBe(200);
    expect(gate.provider.requests[0]?.body.toString()).toContain('"content":"hi"');
  });

  it.each([';a="b\r\n"', ';a=\nb', `;${'a'.repeat(200_000)}`, ' ;a\0'])(
    'with an extension that hides a line, or never ends, are refused',
    async (extension) => {
      const answer = await raw(chunked(bearer(key), { extension }));
      expect([400, 413]).toContain(answer.status);
      expect(gate.provider.requests).toHaveLength(0);
    },
  );
});

/** A body is what its bytes say: a type that another reader would believe changes nothing of how it is judged, or it is refused. */
it.each([
  ['application/json; charset=utf-16', 200],
  ['text/plain', 200],
  ['multipart/form-data; boundary=x', 200],
  ['application/x-www-form-urlencoded', 200],
])('a body of JSON called %s goes on as application/json', async (type, status) => {
  const answer = await raw(
    call('/v1/chat/completions', `${bearer(key)}content-type: ${type}\r\nconnection: close\r\n`),
  );
  expect(answer.status).toBe(status);
  expect(gate.provider.requests[0]?.headers['content-type']).toBe('application/json');
});
