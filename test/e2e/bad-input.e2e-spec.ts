import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  type Answer,
  answerOf,
  chatBody,
  GovernedProduct,
  type Json,
  modelEntry,
} from '../harness/governed-product.js';
import { sendRaw } from '../harness/raw-http.js';

let gate: GovernedProduct;
let key: string;
let pid: number;

beforeAll(async () => {
  gate = await GovernedProduct.start((provider) => ({
    model_list: [modelEntry('m', provider), modelEntry('dear', provider, { output_cost_per_token: 1 })],
    router_settings: { num_retries: 0, disable_cooldowns: true },
  }));
  key = await gate.makeKey();
  pid = gate.product.pid;
});
afterAll(() => gate?.dispose());

/** After every attack: the same process, ready, nothing charged, nothing sent on, and no inner life in log or answer. */
async function expectUnharmed(): Promise<void> {
  expect(gate.product.pid).toBe(pid);
  expect(await gate.isReady()).toBe(true);
  expect(await gate.entriesOf(key)).toHaveLength(0);
  expect(gate.provider.requests).toHaveLength(0);
  expect(gate.product.logs).not.toMatch(/\n\s+at |"stack"|node:internal|unhandled/i);
  expect(gate.product.logs).not.toContain(key);
}
afterEach(expectUnharmed);

const messages = [{ role: 'user', content: 'hi' }];
const send = (body: string | Json, headers?: Record<string, string>): Promise<Answer> =>
  gate.ask('POST', '/v1/chat/completions', body, key, headers);

function expectClear(answer: Answer, status: number | readonly number[] = 400): void {
  const wanted = typeof status === 'number' ? [status] : status;
  expect(wanted, answer.text.slice(0, 500)).toContain(answer.status);
  expect(answer.body.error, answer.text).toMatchObject({
    message: expect.any(String),
    type: expect.any(String),
    code: String(answer.status),
  });
  expect(answer.text).not.toMatch(
    /\n\s+at |node:|\/(?:src|dist|libs|node_modules)\/|SELECT |zod|typeorm|SyntaxError|TypeError/i,
  );
  expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
}

describe('a completion body', () => {
  const text = JSON.stringify(chatBody());
  it.each([
    ['nothing', ''],
    ['no JSON', 'hello'],
    ['half of it', text.slice(0, -5)],
    ['two of it', text + text],
    ['a trailing comma', '{"model":"m",}'],
    ['single quotes', "{'model':'m'}"],
    ['comments', '{/* */"model":"m"}'],
    ['NaN', '{"model":"m","messages":[],"temperature":NaN}'],
    ['Infinity', '{"model":"m","messages":[],"temperature":Infinity}'],
    ['a list', '[]'],
    ['a string', '"m"'],
    ['a number', '7'],
    ['null', 'null'],
    ['a byte order mark twice', '\ufeff\ufeff{}'],
    ['form data', 'model=m&messages=hi'],
  ])('that is %s is refused', async (_what, body) => {
    expectClear(await send(body));
  });

  it.each([
    ['no model', { messages }],
    ['null as model', { model: null, messages }],
    ['a number as model', { model: 7, messages }],
    ['a list as model', { model: ['m'], messages }],
    ['an object as model', { model: { $ne: '' }, messages }],
    ['an empty model', { model: '', messages }],
    ['an endless model', { model: 'm'.repeat(100_000), messages }],
    ['an unknown model', { model: 'gpt-none', messages }],
    ['__proto__ as model', { model: '__proto__', messages }],
    ['constructor as model', { model: 'constructor', messages }],
    ['hasOwnProperty as model', { model: 'hasOwnProperty', messages }],
    ['toString as model', { model: 'toString', messages }],
    ['a URL as model', { model: 'http://169.254.169.254/latest', messages }],
    ['a path as model', { model: '../../etc/passwd', messages }],
    ['SQL as model', { model: "m'; DROP TABLE virtual_keys; --", messages }],
    ['a template as model', { model: '${7*7}{{7*7}}<%= 7*7 %>', messages }],
    ['control characters in the model', { model: 'm\r\nx-injected: 1\u0000\u001b[31m', messages }],
    ['no messages', { model: 'm' }],
    ['null messages', { model: 'm', messages: null }],
    ['empty messages', { model: 'm', messages: [] }],
    ['text as messages', { model: 'm', messages: 'hi' }],
    ['an object as messages', { model: 'm', messages: { 0: messages[0] } }],
    ['a null message', { model: 'm', messages: [null] }],
    ['a message without a role', { model: 'm', messages: [{ content: 'hi' }] }],
    ['a list as message', { model: 'm', messages: [[]] }],
    ['text as stream', { ...chatBody(), stream: 'true' }],
    ['a number as stream', { ...chatBody(), stream: 1 }],
    ['text as tags', { ...chatBody(), tags: 'a' }],
    [
      'a million tags',
      { ...chatBody(), tags: Array.from({ length: 1_000_000 }, () => 'a').map((tag, at) => `${tag}${at}`) },
    ],
    ['tags of objects', { ...chatBody(), tags: [{}] }],
    ['an endless customer', { ...chatBody(), user: 'u'.repeat(100_000) }],
  ])('with %s is refused', async (_what, body) => {
    expectClear(await send(body));
  });

  it.each([-1, 0, -1e308, 1e308, 1.5, 2 ** 53, 1e15, '100', '1e3', true, [], {}, -0.5])(
    'with %j as a cap is refused, under each of its names',
    async (cap) => {
      for (const name of ['max_tokens', 'max_completion_tokens'])
        expectClear(await send(chatBody({ [name]: cap })));
      expectClear(
        await gate.ask('POST', '/v1/responses', { model: 'm', input: 'hi', max_output_tokens: cap }, key),
      );
    },
  );

  it.each([0, -1, 1.5, 1e9, '2', 1e308])('with %j as n is refused', async (n) => {
    expectClear(await send(chatBody({ n })));
    expectClear(await gate.ask('POST', '/v1/completions', { model: 'm', prompt: 'hi', best_of: n }, key));
  });

  it.each([
    '{"model":"m","model":"dear","messages":[{"role":"user","content":"hi"}]}',
    '{"model":"m","mod\\u0065l":"dear","messages":[{"role":"user","content":"hi"}]}',
    '{"model":"m","MODEL":"dear","messages":[{"role":"user","content":"hi"}]}',
    '{"model":"m","Model":"dear","messages":[{"role":"user","content":"hi"}]}',
    '{"model":"m","messages":[{"role":"user","content":"hi"}],"max_tokens":1,"max_tokens":100000}',
    '{"model":"m","messages":[{"role":"user","content":"hi"}],"max_tokens":1,"Max_Tokens":100000}',
    '{"model":"m","messages":[{"role":"user","content":"hi"}],"max_tokens":1,"max_token\\u0073":100000}',
    '{"model":"m","messages":[{"role":"user","content":"hi"}],"stream":false,"\\u0053tream":true}',
    '{"model":"m","messages":[{"role":"user","content":"hi"}],"max_token\u017f":100000}',
    '{"model":"m","messages":[{"role":"user","content":"hi"}],"n":1,"N":100}',
    '{"model":"m","messages":[{"role":"user","content":"hi"}],"messages":[]}',
    '{"model":"m","messages":[{"role":"user","content":"hi"}],"thinking":{"budget_tokens":1,"budget_tokens":9}}',
    '{"model":"m","messages":[{"role":"user","content":"hi"}],"stream_options":{"include_usage":true,"Include_Usage":false}}',
    '{"model":"m","messages":[{"role":"user","content":"hi"}],"x":1,"x":2}',
  ])('that two readers could understand differently is refused: %s', async (body) => {
    expectClear(await send(body));
  });

  it('in bytes that are not UTF-8 is refused', async () => {
    for (const bad of [[0xff, 0xfe], [0xc3], [0xed, 0xa0, 0x80], [0xf5, 0x80, 0x80, 0x80], [0xc0, 0xaf]]) {
      const body = Buffer.concat([
        Buffer.from('{"model":"m","messages":[{"role":"user","content":"'),
        Buffer.from(bad),
        Buffer.from('"}]}'),
      ]);
      const response = await fetch(`${gate.product.url}/v1/chat/completions`, {
        method: 'POST',
        headers: { authorization: `Bearer ${key}` },
        body,
      });
      expectClear(answerOf(response.status, response.headers, await response.text()));
    }
  });

  it.each(['{"a":', '['])('nested 100,000 levels deep by %s is refused', async (open) => {
    const close = open === '[' ? ']' : '}';
    const deep = open.repeat(100_000) + (open === '[' ? '' : '1') + close.repeat(100_000);
    expectClear(await send(`{"model":"m","messages":[{"role":"user","content":"hi"}],"metadata":${deep}}`));
    expectClear(await send(`{"model":"m","messages":${deep}}`));
    expectClear(await send(deep));
  });

  it('of 50 MB is refused without being read, whether it tells its length or not', async () => {
    const big = Buffer.alloc(50 * 1024 * 1024, 'a');
    const head = `POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${key}\r\n`;
    const stated = await sendRaw(gate.product.port, [
      `${head}content-length: ${big.length}\r\n\r\n`,
      big.subarray(0, 1_000_000),
    ]);
    expect(stated.status).toBe(413);
    expect(stated.text).toMatch(/bad_request_error/);
    const size = `${big.length.toString(16)}\r\n`;
    const chunked = await sendRaw(
      gate.product.port,
      [`${head}transfer-encoding: chunked\r\n\r\n${size}`, big, '\r\n0\r\n\r\n'],
      { withinMs: 5_000 },
    );
    expect(chunked.status).toBe(413);
    // A client library, which sends all before it listens, must be able to read why.
    const response = await fetch(`${gate.product.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}` },
      body: big,
    });
    expectClear(answerOf(response.status, response.headers, await response.text()), 413);
  });

  it('of 50 MB from a stranger is refused for the stranger’s sake first', async () => {
    const response = await sendRaw(gate.product.port, [
      `POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer sk-nobody-0123456789abcdef\r\ncontent-length: 52428800\r\n\r\n`,
    ]);
    expect(response.status).toBe(401);
  });
});

describe('the other completion routes', () => {
  it.each([
    ['/v1/completions', { model: 'm' }],
    ['/v1/completions', { model: 'm', prompt: 7 }],
    ['/v1/completions', { model: 'm', prompt: [] }],
    ['/v1/embeddings', { model: 'm' }],
    ['/v1/embeddings', { model: 'm', input: {} }],
    ['/v1/embeddings', { input: 'hi' }],
    ['/v1/responses', { model: 'm' }],
    ['/v1/responses', { model: 'm', input: 7 }],
    ['/openai/deployments/m/chat/completions', {}],
    ['/openai/deployments/none/chat/completions', { messages }],
    ['/openai/deployments/__proto__/chat/completions', { messages }],
  ])('%s refuses %j', async (path, body) => {
    expectClear(await gate.ask('POST', path, body, key));
  });

  it('/v1/messages refuses in Anthropic’s shape', async () => {
    for (const body of [
      '{',
      '[]',
      JSON.stringify({ model: 'm' }),
      JSON.stringify({ model: 'm', messages, max_tokens: -1 }),
    ]) {
      const answer = await gate.ask('POST', '/v1/messages', body, key);
      expect(answer.status).toBe(400);
      expect(answer.body).toMatchObject({ type: 'error', error: { type: 'invalid_request_error' } });
    }
  });
});
