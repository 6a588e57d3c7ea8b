import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  type Answer,
  answerOf,
  GovernedProduct,
  type Json,
  modelEntry,
} from '../harness/governed-product.js';

let gate: GovernedProduct;
let pid: number;

beforeAll(async () => {
  gate = await GovernedProduct.start((provider) => ({ model_list: [modelEntry('m', provider)] }));
  pid = gate.product.pid;
});
afterAll(() => gate?.dispose());

const TABLES = ['virtual_keys', 'users', 'teams', 'team_members', 'audit_events'];
const rows = async (): Promise<number[]> => {
  const counts = TABLES.map((table) =>
    gate.database.dataSource.query(`SELECT count(*)::int AS n FROM ${table}`),
  );
  return (await Promise.all(counts)).map(([row]: [{ n: number }]) => row.n);
};
let before: number[];
beforeEach(async () => {
  before = await rows();
});

/** After every attack: the same process, ready, not a row more, and no inner life in the log. */
async function expectUnharmed(): Promise<void> {
  expect(gate.product.pid).toBe(pid);
  expect(await gate.isReady()).toBe(true);
  expect(await rows()).toEqual(before);
  expect(gate.product.logs).not.toMatch(/\n\s+at |"stack"|node:internal|unhandled|QueryFailed/i);
}
afterEach(expectUnharmed);

function expectClear(answer: Answer, statuses: readonly number[]): void {
  expect(statuses, answer.text.slice(0, 500)).toContain(answer.status);
  expect(answer.body.error, answer.text).toMatchObject({
    message: expect.any(String),
    type: expect.any(String),
    code: String(answer.status),
  });
  expect(answer.text).not.toMatch(
    /\n\s+at |node:|\/(?:src|dist|libs|node_modules)\/|SELECT |INSERT |typeorm|SyntaxError|TypeError|virtual_keys/i,
  );
  expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
}

const REFUSED = [400, 404, 422];
const ROUTES = [
  '/key/generate',
  '/key/update',
  '/key/delete',
  '/key/block',
  '/key/unblock',
  '/key/regenerate',
  '/user/new',
  '/team/new',
  '/team/block',
  '/team/unblock',
];

describe.each(ROUTES)('%s', (path) => {
  it.each(['{', 'hello', '{"a":1,}', '[]', '7', '"x"', 'null', '{"key":}', '\u0000'])(
    'refuses %j before any effect',
    async (body) => {
      expectClear(await gate.ask('POST', path, body), [400, 422]);
    },
  );

  it('refuses 3 MB, 100,000 levels, and bytes that are not UTF-8', async () => {
    expectClear(await gate.ask('POST', path, `{"metadata":{"x":"${'a'.repeat(3 * 1024 * 1024)}"}}`), [413]);
    expectClear(
      await gate.ask('POST', path, `{"metadata":${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}}`),
      REFUSED,
    );
    const body = Buffer.concat([Buffer.from('{"key_alias":"'), Buffer.from([0xff, 0xc3]), Buffer.from('"}')]);
    const response = await fetch(gate.product.url + path, {
      method: 'POST',
      headers: { authorization: `Bearer ${gate.product.masterKey}` },
      body,
    });
    expectClear(answerOf(response.status, response.headers, await response.text()), [400, 422]);
  });
});

describe('/key/generate', () => {
  const bad: [string, Json][] = [
    ['negative budget', { max_budget: -1 }],
    ['budget as text', { max_budget: 'much' }],
    ['budget as a list', { max_budget: [1] }],
    ['absurd budget', { max_budget: 1e308 }],
    ['negative rpm', { rpm_limit: -1 }],
    ['fractional rpm', { rpm_limit: 1.5 }],
    ['absurd rpm', { rpm_limit: 1e308 }],
    ['rpm as text', { rpm_limit: 'ten' }],
    ['negative parallel', { max_parallel_requests: -5 }],
    ['tpm as an object', { tpm_limit: {} }],
    ['models as text', { models: 'm' }],
    ['models of numbers', { models: [1] }],
    ['models of objects', { models: [{}] }],
    ['duration of nonsense', { duration: 'soon' }],
    ['negative duration', { duration: '-5d' }],
    ['absurd duration', { duration: '99999999999999d' }],
    ['duration as a number', { duration: {} }],
    ['metadata as text', { metadata: 'x' }],
    ['metadata as a list', { metadata: [] }],
    ['alias as an object', { key_alias: {} }],
    ['alias of control characters', { key_alias: 'a\u0000b' }],
    ['alias of 1 MB', { key_alias: 'a'.repeat(1_000_000) }],
    ['unknown route group', { allowed_routes: [7] }],
    ['blocked as text', { blocked: 'perhaps' }],
    ['a budget period of nonsense', { max_budget: 1, budget_duration: 'fortnight' }],
    ['a misspelt limit', { max_bugdet: 1 }],
    ['a shouted limit', { MAX_BUDGET: 1 }],
    ['a camel-cased limit', { maxBudget: 1 }],
    ['a custom key that is short', { key: 'sk-1' }],
    ['a custom key with control characters', { key: 'sk-0123456789abcdef\r\nx: y' }],
    ['a custom key that is the master key', { key: '' }],
    ['tags as text', { tags: 'a' }],
    ['NUL in metadata', { metadata: { a: 'b\u0000c' } }],
    ['a lone surrogate', { key_alias: '\ud800' }],
  ];
  it.each(bad)('refuses %s', async (what, body) => {
    const sent = what.includes('master key') ? { key: gate.product.masterKey } : body;
    expectClear(await gate.ask('POST', '/key/generate', sent), REFUSED);
  });

  it('refuses one field twice, however it is written', async () => {
    for (const body of [
      '{"max_budget":1,"max_budget":null}',
      '{"max_budget":1,"max_budg\\u0065t":1000}',
      '{"models":["m"],"models":[]}',
    ]) {
      expectClear(await gate.ask('POST', '/key/generate', body), [400, 422]);
    }
  });

  it.each(['NaN', 'Infinity', '-Infinity', '1e999', '-0.0000001'])(
    'refuses %s as an amount',
    async (text) => {
      expectClear(await gate.ask('POST', '/key/generate', `{"max_budget":${text}}`), [400, 422]);
    },
  );
});

describe('reads', () => {
  it.each([
    '/key/info?key=%00',
    "/key/info?key=sk-' OR 1=1 --",
    '/key/info?key=a&key=b',
    '/key/list?page=-1',
    '/key/list?page=1e308',
    '/key/list?page=NaN',
    '/key/list?size=100000000',
    '/key/list?sort_by=token;DROP TABLE virtual_keys',
    '/user/info?user_id=%00',
    "/user/info?user_id=' OR '1'='1",
    '/team/info?team_id=%ff',
    '/team/info',
    '/spend/logs?start_date=yesterday',
    '/spend/logs?start_date=2026-02-31',
    '/v1/models/__proto__',
    '/v1/models/%2e%2e%2fkey',
  ])('%s is answered clearly', async (path) => {
    const answer = await gate.ask('GET', encodeURI(path).replaceAll('%25', '%'));
    expectClear(answer, REFUSED);
  });

  it('a hundred thousand query parameters are no work', async () => {
    const path = `/key/list?${'a=1&'.repeat(3_000)}`;
    expect((await gate.ask('GET', path)).status).toBeLessThan(500);
  });
});
