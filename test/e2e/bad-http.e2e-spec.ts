import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { chatBody, GovernedProduct, modelEntry } from '../harness/governed-product.js';
import { type RawAnswer, sendRaw } from '../harness/raw-http.js';

let gate: GovernedProduct;
let key: string;
let pid: number;
let text: string;

beforeAll(async () => {
  gate = await GovernedProduct.start((provider) => ({
    model_list: [modelEntry('m', provider)],
    router_settings: { num_retries: 0 },
  }));
  key = await gate.makeKey();
  pid = gate.product.pid;
  text = JSON.stringify(chatBody());
});
afterAll(() => gate?.dispose());
async function expectUnharmed(): Promise<void> {
  gate.provider.reset();
  expect(gate.product.pid).toBe(pid);
  expect(await gate.isReady()).toBe(true);
  expect(gate.product.logs).not.toMatch(/\n\s+at |"stack"|node:internal|unhandled/i);
}
afterEach(expectUnharmed);

const raw = (...pieces: (string | Buffer)[]): Promise<RawAnswer> => sendRaw(gate.product.port, pieces);
const call = (headers: string, path = '/v1/chat/completions', body = text): string =>
  `POST ${path} HTTP/1.1\r\nhost: x\r\n${headers}content-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`;
const bearer = (): string => `authorization: Bearer ${key}\r\n`;
const answers = (answer: RawAnswer): number => answer.text.split('HTTP/1.1 ').length - 1;

function expectClear(answer: RawAnswer, statuses: readonly number[]): void {
  expect(statuses, answer.text).toContain(answer.status);
  expect(answer.text).toMatch(/"error":\{/);
  expect(answer.text.toLowerCase()).toContain('x-content-type-options: nosniff');
  expect(gate.provider.requests).toHaveLength(0);
}

describe('a request line', () => {
  const admin = (path: string): string =>
    `POST ${path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${gate.product.masterKey}\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}`;
  it.each([
    '//key/generate',
    '/key//generate',
    '/key/generate/',
    '/KEY/generate',
    '/Key/Generate',
    '/key%2fgenerate',
    '/key/%67enerate%00',
    '/x/../key/generate',
    '/./key/generate',
    '/key/generate;a=b',
    '/key/generate%20',
    '/key\\generate',
    '/v1/../key/generate',
    '/%2e%2e/key/generate',
    '/key/generate%2f',
    '/health/readiness/../../key/generate',
    '/health/readiness%2f..%2f..%2fkey/generate',
  ])('with the path %s reaches no key, even for the master', async (path) => {
    const before = (await gate.admin('/key/list')).total_count as number;
    expectClear(await raw(admin(path)), [400, 404]);
    expect((await gate.admin('/key/list')).total_count).toBe(before);
  });

  it.each([
    '//v1/chat/completions',
    '/v1//chat/completions',
    '/v1/chat/completions/',
    '/V1/chat/completions',
    '/v1/chat%2fcompletions',
    '/v1/./chat/completions',
    '/v1/x/../chat/completions',
    '/v1/chat/completions%00',
    '/v1/chat/completions;x',
    '/openai/deployments//chat/completions',
    '/openai/deployments/%/chat/completions',
    '/openai/deployments/%ff/chat/completions',
    '/engines//m/chat/completions',
  ])('with the path %s is no completion', async (path) => {
    expectClear(await raw(call(bearer(), path)), [400, 404]);
  });

  it.each(['x\r\nhost: y', 'evil.example', 'localhost:22', '169.254.169.254', '', 'x'.repeat(5_000)])(
    'with Host %j is judged by its path alone',
    async (host) => {
      const answer = await raw(`GET /key/list HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n\r\n`);
      expectClear(answer, [400, 401]);
      expect(answer.text).not.toContain('evil.example');
    },
  );

  it.each(['http://evil.example/key/list', '*', 'key/list'])(
    'in the absolute or odd form %s opens nothing',
    async (target) => {
      expectClear(
        await raw(`GET ${target} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n`),
        [400, 401, 404],
      );
    },
  );

  it.each(['TRACE', 'CONNECT', 'PROPFIND', 'PURGE', 'GET', 'PUT', 'OPTIONS'])(
    'with the method %s makes no call',
    async (method) => {
      const answer = await raw(
        `${method} /v1/chat/completions HTTP/1.1\r\nhost: x\r\n${bearer()}connection: close\r\n\r\n`,
      );
      expect(answer.status === 0 || (answer.status >= 400 && answer.status < 500), answer.text).toBe(true);
      expect(gate.provider.requests).toHaveLength(0);
    },
  );

  it('of HTTP/3.0 or TLS is refused', async () => {
    for (const line of [
      'GET / HTTP/3.0\r\nhost: x\r\n\r\n',
      Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01]),
    ]) {
      const answer = await raw(line);
      expect([0, 400]).toContain(answer.status);
    }
  });
});

describe('headers', () => {
  const other = 'sk-somebody-else-0123456789abcdef';
  it.each([
    ['two Authorization', () => `${bearer()}authorization: Bearer ${other}\r\n`],
    ['the same Authorization twice', () => bearer() + bearer()],
    ['an empty and a good Authorization', () => `authorization:\r\n${bearer()}`],
    ['two x-api-key', () => `x-api-key: ${key}\r\nX-API-Key: ${other}\r\n`],
    ['two x-litellm-api-key', () => `x-litellm-api-key: ${key}\r\nx-litellm-api-key: ${key}\r\n`],
  ])('%s are refused', async (_what, headers) => {
    expectClear(await raw(call(headers())), [400]);
  });

  it('of two kinds: the first in the contract’s order decides, a good later one never rescues it', async () => {
    expectClear(await raw(call(`authorization: Bearer ${other}\r\nx-api-key: ${key}\r\n`)), [401]);
    expectClear(await raw(call(`x-api-key: ${key}\r\nx-litellm-api-key: ${other}\r\n`)), [401]);
    expectClear(await raw(call(`x-api-key: ${key}\r\nauthorization: ${key}\r\n`)), [401]);
    expect((await raw(call(`x-api-key: ${other}\r\n${bearer()}`))).status).toBe(200);
  });

  it('in a flood are refused: one of 100 KB, ten thousand small ones', async () => {
    expectClear(await raw(`GET / HTTP/1.1\r\nhost: x\r\nx-a: ${'a'.repeat(100_000)}\r\n\r\n`), [431]);
    const many = Array.from({ length: 10_000 }, (_, at) => `x-${at}: a\r\n`).join('');
    expectClear(await raw(`GET / HTTP/1.1\r\nhost: x\r\n${many}\r\n`), [431]);
  });

  it('whose number is just too high cannot hide a second credential', async () => {
    const many = Array.from({ length: 400 }, (_, at) => `x-${at}: a\r\n`).join('');
    const hidden = await raw(call(`${bearer()}${many}authorization: Bearer ${other}\r\n`));
    expect([400, 431], hidden.text).toContain(hidden.status);
    expect(gate.provider.requests).toHaveLength(0);
  });

  it.each([
    'x-litellm-timeout: -1',
    'x-litellm-timeout: NaN',
    'x-litellm-timeout: 1e308',
    'x-litellm-timeout: 0',
    'x-litellm-timeout: abc',
    'x-litellm-num-retries: -1',
    'x-litellm-num-retries: 1.5',
    `x-litellm-customer-id: ${'c'.repeat(1_000)}`,
    `x-litellm-tags: ${'t'.repeat(1_000)}`,
  ])('with the nonsense %s are refused', async (header) => {
    expectClear(await raw(call(`${bearer()}${header}\r\n`)), [400]);
  });

  it('with control characters or bare line ends are refused', async () => {
    for (const header of [
      'x-a: b\u0000c\r\n',
      'x-a : b\r\n',
      'x-a: b\nx-c: d\r\n',
      ' folded: x\r\n',
      'x a: b\r\n',
    ]) {
      const answer = await raw(call(bearer() + header));
      expect(answer.status, JSON.stringify(header)).toBe(400);
    }
    expect(gate.provider.requests).toHaveLength(0);
  });
});

describe('two requests in the clothes of one', () => {
  const smuggled = 'GET /key/list HTTP/1.1\r\nhost: x\r\n\r\n';
  const head = (): string => `POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\n${bearer()}`;
  it.each([
    ['length and chunks', 'content-length: 6\r\ntransfer-encoding: chunked\r\n', '0\r\n\r\nG'],
    ['chunks and length', 'transfer-encoding: chunked\r\ncontent-length: 4\r\n', '5c\r\n'],
    ['two lengths', 'content-length: 2\r\ncontent-length: 40\r\n', '{}'],
    ['a list of lengths', 'content-length: 2, 40\r\n', '{}'],
    ['a signed length', 'content-length: +2\r\n', '{}'],
    ['a length in hex', 'content-length: 0x2\r\n', '{}'],
    ['a negative length', 'content-length: -1\r\n', '{}'],
    ['a length with a tail', 'content-length: 2abc\r\n', '{}'],
    ['a strange encoding', 'transfer-encoding: xchunked\r\n', '0\r\n\r\n'],
    ['two encodings', 'transfer-encoding: chunked\r\ntransfer-encoding: identity\r\n', '0\r\n\r\n'],
    ['an encoding with a tab', 'transfer-encoding:\tchunked, identity\r\n', '0\r\n\r\n'],
    ['an encoding behind a space', 'transfer-encoding : chunked\r\n', '0\r\n\r\n'],
  ])('by %s are refused, and the second is never answered', async (_what, headers, body) => {
    const answer = await raw(`${head()}${headers}\r\n${body}${smuggled}`);
    expect(answer.status, answer.text).toBe(400);
    expect(answers(answer)).toBe(1);
    expect(answer.closed).toBe(true);
    expect(gate.provider.requests).toHaveLength(0);
  });

  it.each(['g\r\nhello\r\n0\r\n\r\n', '-1\r\n\r\n', 'ffffffffffffffffff\r\n', '2\nab\n0\n\n'])(
    'by the chunks %j are refused',
    async (chunks) => {
      const answer = await raw(`${head()}transfer-encoding: chunked\r\n\r\n${chunks}`);
      expect([0, 400]).toContain(answer.status);
      expect(answers(answer)).toBeLessThanOrEqual(1);
      expect(gate.provider.requests).toHaveLength(0);
    },
  );
});

describe('slowness', () => {
  it('of many clients who never end their requests keeps nobody else waiting', async () => {
    const halves = Array.from({ length: 200 }, (_, at) =>
      sendRaw(
        gate.product.port,
        [
          at % 2 === 0
            ? 'POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nx-slow: '
            : `POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\n${bearer()}content-length: 1000\r\n\r\n{"mod`,
        ],
        { withinMs: 1_000 },
      ),
    );
    const own = await gate.makeKey();
    const startedAt = performance.now();
    expect((await gate.chat(own)).status).toBe(200);
    expect(performance.now() - startedAt).toBeLessThan(1_000);
    await Promise.all(halves);
    expect(gate.provider.requests).toHaveLength(1);
  });

  it('a body that is broken off is charged nothing', async () => {
    const own = await gate.makeKey();
    await sendRaw(
      gate.product.port,
      [
        `POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${own}\r\ncontent-length: 1000\r\n\r\n{"mod`,
      ],
      { withinMs: 50 },
    );
    expect(await gate.entriesOf(own)).toHaveLength(0);
    expect(gate.provider.requests).toHaveLength(0);
  });

  /** Near a limit tokens are counted: the text that stops naive tokenizers for a minute. */
  it.each([
    ['200 KB of one letter', 'a'.repeat(200_000)],
    ['200 KB of spaces', ' '.repeat(200_000)],
    ['200 KB of one emoji', '👩‍👩‍👧‍👦'.repeat(8_000)],
    ['special tokens', '<|endoftext|><|im_start|>system<|im_end|><|fim_prefix|>'.repeat(500)],
    ['a message of 20,000 parts', undefined],
  ])('is not to be had by %s: others are answered at once', async (_what, content) => {
    const near = await gate.makeKey({ tpm_limit: 60_000, max_budget: 0.05 });
    const parts = Array.from({ length: 20_000 }, () => ({ type: 'text', text: 'x' }));
    const heavy = gate.chat(near, {
      messages: [{ role: 'user', content: content ?? parts }],
      max_tokens: 20,
    });
    const times: number[] = [];
    for (let i = 0; i < 10; i += 1) {
      const startedAt = performance.now();
      expect((await gate.chat(key)).status).toBe(200);
      times.push(performance.now() - startedAt);
    }
    expect(Math.max(...times)).toBeLessThan(1_500);
    expect((await heavy).status).toBeLessThan(500);
  });

  it.each([
    ['tags', { tags: Array.from({ length: 300_000 }, (_, at) => `t${at}`) }],
    ['fallbacks', { fallbacks: Array.from({ length: 300_000 }, () => 'm') }],
    [
      'metadata',
      { metadata: Object.fromEntries(Array.from({ length: 300_000 }, (_, at) => [`k${at}`, at])) },
    ],
    ['messages', { messages: Array.from({ length: 200_000 }, () => ({ role: 'user', content: 'x' })) }],
    [
      'tools',
      {
        tools: Array.from({ length: 50_000 }, (_, at) => ({
          type: 'function',
          function: { name: `f${at}` },
        })),
      },
    ],
    ['member names', Object.fromEntries(Array.from({ length: 300_000 }, (_, at) => [`field${at}`, 1]))],
  ])('is not to be had by hundreds of thousands of %s', async (_what, asking) => {
    const startedAt = performance.now();
    const answer = await gate.chat(await gate.makeKey({ max_budget: 0 }), asking);
    expect(answer.status).toBeGreaterThanOrEqual(400);
    expect(answer.status).toBeLessThan(500);
    expect(performance.now() - startedAt).toBeLessThan(4_000);
  });
});
