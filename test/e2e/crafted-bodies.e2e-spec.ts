import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Asking, GovernedProduct, modelEntry } from '../harness/governed-product.js';

/** What a token of output costs; input costs nothing here. */
const TOKEN_USD = 0.001;

let gate: GovernedProduct;
beforeAll(async () => {
  gate = await GovernedProduct.start(
    (provider) => ({ model_list: [modelEntry('m', provider), modelEntry('cheap', provider)] }),
    {},
    { completionTokens: 7 },
  );
});
afterAll(() => gate?.dispose());

/**
 * LiteLLM leaves accounting out for `"no-log": true`, books under identities that the body brings, and reserves nothing for a negative cap.
 * Whatever is sent: what the provider bills is what is booked, to this caller; or the call is refused and nothing is billed.
 */
describe('what a call costs does not depend on how it is asked', () => {
  const crafted: [string, Asking, Record<string, string>?][] = [
    ['no-log', { 'no-log': true }],
    ['no-log, as text', { 'no-log': 'true', no_log: true }],
    ['logging off for this call', { litellm_disabled_callbacks: ['*'], turn_off_message_logging: true }],
    [
      'another key in the metadata',
      { metadata: { user_api_key: 'x', user_api_key_hash: 'y', user_api_key_spend: -9 } },
    ],
    [
      'another caller in litellm_metadata',
      { litellm_metadata: { user_api_key_team_id: 't', user_api_key_user_id: 'u' } },
    ],
    ['prices of its own', { input_cost_per_token: 0, output_cost_per_token: 0 }],
    ['prices in model_info', { model_info: { output_cost_per_token: 0, id: 'free' } }],
    ['an answer from the caller', { mock_response: 'free', mock_tool_calls: [] }],
    ['a cache that is said to hit', { cache: { 'no-store': true }, cache_hit: true, caching: true }],
    ['a negative cap', { max_tokens: -5 }],
    ['a cap of nothing', { max_tokens: 0 }],
    ['a cap beyond all', { max_tokens: 1e15 }],
    ['two caps', { max_tokens: 3, max_completion_tokens: 5 }],
    ['many choices', { n: 3 }],
    ['a stream without usage', { stream: true, stream_options: { include_usage: false } }],
    ['a stream with options that are null', { stream: true, stream_options: null }],
    ['a stream with usage', { stream: true, stream_options: { include_usage: true } }],
    ['somebody else as the customer', { user: 'somebody-else' }],
    ['tags', { metadata: { tags: ['a', 'b'] }, tags: ['c'] }],
    ['usage of its own', { usage: { completion_tokens: 0 }, response_cost: 0 }],
    ['another provider', { api_base: 'http://127.0.0.1:9', base_url: 'http://127.0.0.1:9', api_key: 'sk-x' }],
    ['a cheaper model beside it', { models: ['cheap'], fallbacks: ['cheap'] }],
    [
      'headers',
      {},
      {
        'x-litellm-no-log': 'true',
        'x-litellm-tags': 'a',
        'x-litellm-spend-logs-metadata': '{"spend":0}',
        'x-litellm-end-user-id': 'z',
      },
    ],
  ];

  it.each(crafted)('%s', async (_what, fields, headers = {}) => {
    const key = await gate.makeKey({ max_budget: 1 });
    const before = gate.provider.requests.length;
    const answer = await gate.chat(key, fields, headers);
    const reached = gate.provider.requests.slice(before);
    const billed = reached.reduce((sum, { billed: { completionTokens } }) => sum + completionTokens, 0);
    expect(await gate.spendOf(key)).toBeCloseTo(billed * TOKEN_USD, 9);
    const entries = await gate.entriesOf(key);
    expect(entries.map(({ outputTokens }) => Number(outputTokens))).toEqual(
      reached.map(({ billed: { completionTokens } }) => completionTokens),
    );
    if (answer.status === 200) expect(billed).toBeGreaterThan(0);
    else expect([400, 401, 403, 422]).toContain(answer.status);
  });
});

/** Attack: callers' names are looked up together, and one that PostgreSQL cannot read fails the look-up of all. */
describe('a name that no database keeps', () => {
  const names: [string, Asking][] = [
    ['a customer with NUL', { user: 'a\0b' }],
    ['a customer with half a character', { user: 'x\ud800' }],
    ['a customer in metadata', { metadata: { user_id: '\0' } }],
    ['a customer in litellm_metadata', { litellm_metadata: { user: '\udc00' } }],
    ['a safety identifier', { safety_identifier: 'q\0' }],
    ['a tag without a name', { tags: ['good', ''] }],
    ['a tag with NUL', { tags: ['good', 'a\0b'] }],
    ['a tag with half a character', { metadata: { tags: ['\ud800'] } }],
  ];

  it.each(names)('is refused: %s', async (_what, fields) => {
    const key = await gate.makeKey();
    const before = gate.provider.requests.length;
    const answer = await gate.chat(key, fields);
    expect(answer.status, answer.text).toBe(400);
    expect(gate.provider.requests.length).toBe(before);
  });

  /** A key that somebody puts into the wrong field would stand in every report on that customer, tag or session. */
  it('is no name if it is a key: kept nowhere, whatever field it came in', async () => {
    const key = await gate.makeKey();
    for (const fields of [
      { user: key },
      { tags: [key] },
      { metadata: { user_id: key } },
      { safety_identifier: key },
    ])
      expect((await gate.chat(key, fields)).status).toBe(400);
    for (const name of ['x-litellm-customer-id', 'x-litellm-end-user-id', 'x-litellm-tags'])
      expect((await gate.chat(key, {}, { [name]: key })).status).toBe(400);
    for (const name of ['x-litellm-call-id', 'x-litellm-session-id', 'user-agent', 'referer', 'x-request-id'])
      expect((await gate.chat(key, {}, { [name]: key })).status).toBe(200);
    expect(await gate.entriesOf(key)).toHaveLength(5);
    const tables: { name: string }[] = await gate.database.dataSource.query(
      `SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables WHERE schemaname = 'public'`,
    );
    for (const { name } of tables)
      expect(
        await gate.database.dataSource.query(`SELECT 1 FROM ${name} x WHERE x::text LIKE $1 LIMIT 1`, [
          `%${key}%`,
        ]),
      ).toEqual([]);
    expect(gate.product.logs).not.toContain(key);
  });

  it('fails nobody else who asks in the same moment', async () => {
    const [good, bad] = [await gate.makeKey(), await gate.makeKey()];
    const asked = await Promise.all(
      Array.from({ length: 40 }, async (_, n) => {
        const isBad = n % 2 === 0;
        const named = isBad ? { user: `n${n}\0`, tags: [`t${n}\0`] } : { user: `n${n}`, tags: [`t${n}`] };
        return { isBad, status: (await gate.chat(isBad ? bad : good, named)).status };
      }),
    );
    expect(asked.filter(({ isBad, status }) => status !== (isBad ? 400 : 200))).toEqual([]);
  });
});
