import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../harness/postgres.js';
import { MASTER_KEY, Product } from '../harness/product.js';

let database: TestDatabase;
let product: Product;
let key: string;

beforeAll(async () => {
  database = await createTestDatabase();
  product = await Product.start({ databaseUrl: database.url.reveal(), config: { model_list: [] } });
  key = await product.makeKey();
});

afterAll(async () => {
  await product?.dispose();
  await database?.drop();
});

/** Started without `LITELLM_SALT_KEY` on a database of somebody else's. */
describe('a secret that nothing could seal', () => {
  it.each([
    ['/credentials', { credential_name: 'a', credential_info: {}, credential_values: { api_key: 'sk-x' } }],
    ['/model/new', { model_name: 'a', litellm_params: { model: 'openai/x', api_key: 'sk-x' } }],
  ])('is not stored, and the answer names the setting: POST %s', async (path, body) => {
    const response = await product.request('POST', path, body);
    expect(response.status).toBe(503);
    const text = await response.text();
    expect(text).toContain('LITELLM_SALT_KEY');
    expect(text).not.toContain('sk-x');
  });
});

describe('where a key may stand in a request', () => {
  const status = async (headers: Record<string, string>, path = '/v1/models') =>
    (await fetch(product.url + path, { headers })).status;

  it.each([
    ['x-litellm-api-key', (raw: string) => raw],
    ['X-LiteLLM-API-Key', (raw: string) => `Bearer ${raw}`],
    ['x-litellm-api-key', (raw: string) => `Basic ${raw}`],
    [
      'x-litellm-api-key',
      (raw: string) =>
        `AWS4-HMAC-SHA256 Credential=${raw}/20260101/us-east-1/bedrock/aws4_request, SignedHeaders=host, Signature=0`,
    ],
    ['X-LiteLLM-Key', (raw: string) => raw],
    ['X-LiteLLM-Key', (raw: string) => `Bearer ${raw}`],
    ['authorization', (raw: string) => `Bearer ${raw}`],
    ['AUTHORIZATION', (raw: string) => `bearer ${raw}`],
    ['authorization', (raw: string) => `Basic ${raw}`],
    [
      'authorization',
      (raw: string) =>
        `AWS4-HMAC-SHA256 Credential=Bearer ${raw}/20260101/us-east-1/bedrock/aws4_request, SignedHeaders=host, Signature=0`,
    ],
    ['api-key', (raw: string) => raw],
    ['x-api-key', (raw: string) => raw],
    ['x-goog-api-key', (raw: string) => raw],
    ['Ocp-Apim-Subscription-Key', (raw: string) => raw],
  ])('%s (form %#)', async (name, form) => {
    expect(await status({ [name]: form(key) })).toBe(200);
    expect(await status({ [name]: form(`${key}x`) })).toBe(401);
  });

  it('is not a bare Authorization, a shouted prefix, a prefix in a raw header, a query or a cookie', async () => {
    expect(await status({ authorization: key })).toBe(401);
    expect(await status({ authorization: `BEARER ${key}` })).toBe(401);
    expect(await status({ 'api-key': `Bearer ${key}` })).toBe(401);
    expect(await status({ cookie: `token=${key}` })).toBe(401);
    expect(await status({}, `/v1/models?key=${key}`)).toBe(401);
    expect(await status({})).toBe(401);
  });

  it('is where the first header stands: a good later one does not rescue it', async () => {
    expect(await status({ 'x-litellm-api-key': 'sk-wrong-0123456789', authorization: `Bearer ${key}` })).toBe(
      401,
    );
    expect(await status({ 'x-litellm-api-key': key, authorization: 'Bearer sk-wrong-0123456789' })).toBe(200);
    expect(await status({ authorization: '', 'x-api-key': key })).toBe(200);
  });
});

describe('a header of the operator’s own', () => {
  it('is the only one a key is taken from, and demands a prefix', async () => {
    await product.stop(); // one proxy at a time on a database
    const config = { model_list: [], general_settings: { litellm_key_header_name: 'X-My-Key' } };
    const other = await Product.start({ databaseUrl: database.url.reveal(), config });
    const status = async (headers: Record<string, string>) =>
      (await fetch(`${other.url}/v1/models`, { headers })).status;
    expect(await status({ 'x-my-key': `Bearer ${MASTER_KEY}` })).toBe(200);
    expect(await status({ 'x-my-key': MASTER_KEY })).toBe(401);
    expect(await status({ authorization: `Bearer ${MASTER_KEY}` })).toBe(401);
    expect(await status({ 'x-litellm-api-key': MASTER_KEY, 'x-my-key': `Bearer ${key}` })).toBe(200);
    await other.dispose();
  });
});
