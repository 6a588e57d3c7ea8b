import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FakeProvider } from '../harness/fake-provider.js';
import { createTestDatabase, type TestDatabase } from '../harness/postgres.js';
import { Product } from '../harness/product.js';

const PERSON = 'canary-user-5';
const EMAIL = 'canary.five@example.com';
const CUSTOMER = 'canary-customer-5';
const AGENT = 'canary-agent/5';
const ADDRESS = '203.0.113.55';
const ALIAS = 'canary-laptop-5';

let database: TestDatabase;
let provider: FakeProvider;
let product: Product;

beforeAll(async () => {
  database = await createTestDatabase();
  provider = await FakeProvider.start({ completionTokens: 3 });
  const litellm_params = { model: 'openai/up', api_base: provider.url, api_key: 'sk-upstream' };
  product = await Product.start({
    databaseUrl: database.url.reveal(),
    config: {
      model_list: [{ model_name: 'm', litellm_params }],
      general_settings: {
        anonymize_logs: true,
        store_prompts_in_spend_logs: true,
        trusted_proxy_ranges: ['127.0.0.0/8'],
        log_level: 'debug',
        data_retention_days: 30,
      },
    },
    env: { LITELLM_SALT_KEY: 'sk-the-salt-of-this-installation-123456' },
  });
});
afterAll(async () => {
  await product?.dispose();
  await provider?.stop();
  await database?.drop();
});

const CANARIES = [PERSON, EMAIL, CUSTOMER, AGENT, ADDRESS, ALIAS];

async function call(key: string): Promise<number> {
  const response = await fetch(`${product.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'user-agent': AGENT, 'x-forwarded-for': ADDRESS },
    body: JSON.stringify({
      model: 'm',
      user: CUSTOMER,
      messages: [{ role: 'user', content: `from ${EMAIL}` }],
    }),
  });
  await response.text();
  return response.status;
}

describe('with anonymize_logs', () => {
  it('nobody is named in the request log, and calls of one person still belong together', async () => {
    await product.request('POST', '/user/new', {
      user_id: PERSON,
      user_email: EMAIL,
      auto_create_key: false,
    });
    const key = await product.makeKey({ user_id: PERSON, key_alias: ALIAS, max_budget: 1 });
    expect([await call(key), await call(key)]).toEqual([200, 200]);
    const response = await product.request('GET', `/spend/logs?user_id=${PERSON}`);
    const rows = (await response.json()) as Record<string, unknown>[];
    expect(rows).toHaveLength(2);
    const text = JSON.stringify(rows);
    for (const canary of CANARIES) expect(text.includes(canary), canary).toBe(false);
    expect(rows[0]).toMatchObject({
      user: expect.stringMatching(/^anon-user-[0-9a-f]{16}$/),
      end_user: expect.stringMatching(/^anon-customer-/),
      requester_ip_address: expect.stringMatching(/^anon-ip-/),
    });
    expect(rows[0]?.['user']).toBe(rows[1]?.['user']);
  });

  it('where somebody was and with what is not even stored, and no prompt is', async () => {
    const rows: unknown = await database.dataSource.query(
      'SELECT requester_ip, user_agent FROM ledger_entries',
    );
    expect(JSON.stringify(rows)).toMatch(/anon-ip-[0-9a-f]{16}.*anon-agent-/);
    for (const canary of [AGENT, ADDRESS]) expect(JSON.stringify(rows)).not.toContain(canary);
    expect(await database.dataSource.query('SELECT count(*)::int AS n FROM logged_prompts')).toEqual([
      { n: 0 },
    ]);
  });

  it('nobody is named in the lines of the process, at its most talkative', async () => {
    await call('sk-nobodys-key-00000001');
    await product.request('POST', '/user/new', { user_id: PERSON, user_email: EMAIL });
    for (const canary of CANARIES) expect(product.logs.includes(canary), canary).toBe(false);
  });

  it('money is counted for who spent it all the same', async () => {
    await expect
      .poll(
        async () =>
          (await database.dataSource.query(
            `SELECT requests FROM balances WHERE scope_type = 'user' AND scope_id = $1 AND budget = 'total'`,
            [PERSON],
          )) as unknown[],
        { timeout: 5_000 },
      )
      .toEqual([{ requests: '2' }]);
  });
});
