import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openAi } from './clients.js';
import { FakeProvider } from './fake-provider.js';
import { type TestDatabase, createTestDatabase } from './postgres.js';
import { Product } from './product.js';

let database: TestDatabase;
let provider: FakeProvider;
let product: Product;

beforeAll(async () => {
  database = await createTestDatabase();
  provider = await FakeProvider.start({ completionTokens: 6 });
  const litellm_params = { model: 'openai/upstream', api_base: provider.url, api_key: 'sk-upstream-key' };
  product = await Product.start({
    databaseUrl: database.url.reveal(),
    config: { model_list: [{ model_name: 'm', litellm_params }] },
  });
});

afterAll(async () => {
  await product?.dispose();
  await provider?.stop();
  await database?.drop();
});

describe('the harness around the product', () => {
  it('makes a key, calls the fake provider through the product, and finds it on the invoice', async () => {
    const client = openAi(`${product.url}/v1`, await product.makeKey());
    const answer = await client.chat.completions.create({
      model: 'm',
      messages: [{ role: 'user', content: 'hi' }],
    });
    expect(answer.usage?.completion_tokens).toBe(6);
    expect(provider.billed.requests).toBe(1);
    expect(provider.requests[0]?.headers.authorization).toBe('Bearer sk-upstream-key');
  });

  it('survives a kill -9 with its keys', async () => {
    const key = await product.makeKey();
    await product.kill();
    await product.restart();
    const answer = await product.request('GET', '/key/info', undefined, key);
    expect(answer.status).toBe(200);
  });

  it('stops cleanly', async () => {
    expect(await product.stop()).toBe(0);
    await product.restart();
  });
});
