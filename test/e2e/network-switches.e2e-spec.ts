import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { chatBody, GovernedProduct, modelEntry } from '../harness/governed-product.js';
import { Product } from '../harness/product.js';

const OFF = 'switched off';

let tested: GovernedProduct;
/** The same database, seen through a process that serves no models, and closes some of the rest. */
let adminOnly: Product;
let key: string;

beforeAll(async () => {
  tested = await GovernedProduct.start(
    (provider) => ({
      model_list: [modelEntry('m', provider)],
      general_settings: { max_response_size_mb: 0.001 },
    }),
    { env: { DISABLE_ADMIN_ENDPOINTS: 'true' } },
  );
  adminOnly = await Product.start({
    databaseUrl: tested.database.url.reveal(),
    env: { DISABLE_LLM_API_ENDPOINTS: 'true', LITELLM_CORS_ORIGINS: 'https://a.example,https://b.example' },
    args: ['--role', 'admin'],
    config: {
      model_list: [],
      general_settings: {
        admin_only_routes: ['/key/list'],
        allowed_routes: [
          '/key/generate',
          '/key/list',
          '/key/info',
          '/config/update',
          '/model/info',
          '/credentials',
        ],
      },
    },
  });
  key = await adminOnly.makeKey();
}, 180_000);
afterAll(async () => {
  await adminOnly?.dispose();
  await tested?.dispose();
});

describe('DISABLE_ADMIN_ENDPOINTS', () => {
  it('leaves a data plane: calls and model lists, and no administration, to the master key either', async () => {
    expect((await tested.chat(key)).status).toBe(200);
    expect((await tested.ask('GET', '/v1/models')).status).toBe(200);
    for (const [method, path, body] of [
      ['POST', '/key/generate', {}],
      ['GET', '/key/list', undefined],
      ['POST', '/model/new', { model_name: 'x', litellm_params: { model: 'openai/x' } }],
      ['GET', '/credentials', undefined],
      ['POST', '/config/update', {}],
      ['POST', '/add/allowed_ip', { ip: '10.0.0.1' }],
    ] as const) {
      const answer = await tested.ask(method, path, body);
      expect([path, answer.status, answer.text]).toEqual([path, 403, expect.stringContaining(OFF)]);
    }
  });
});

describe('DISABLE_LLM_API_ENDPOINTS', () => {
  it('leaves administration', async () => {
    expect((await adminOnly.request('GET', '/key/list')).status).toBe(200);
    const answer = await adminOnly.request('POST', '/v1/chat/completions', chatBody());
    expect([403, 404]).toContain(answer.status);
  });
});

describe('lists of routes', () => {
  it('close everything that is not named, and reserve what is named for administrators', async () => {
    expect((await adminOnly.request('GET', '/team/info?team_id=x')).status).toBe(403);
    expect((await adminOnly.request('GET', '/key/list', undefined, key)).status).toBe(403);
    expect((await adminOnly.request('GET', `/key/info?key=${key}`, undefined, key)).status).toBe(200);
    expect((await adminOnly.request('GET', '/health/readiness', undefined, null)).status).toBe(200);
  });
});

describe('LITELLM_CORS_ORIGINS', () => {
  it('opens the pages of each origin that is listed, and of no other', async () => {
    const allowed = async (origin: string): Promise<string | null> => {
      const response = await fetch(`${adminOnly.url}/key/list`, {
        headers: { origin, authorization: `Bearer ${adminOnly.masterKey}` },
      });
      return response.headers.get('access-control-allow-origin');
    };
    expect(await allowed('https://a.example')).toBe('https://a.example');
    expect(await allowed('https://b.example')).toBe('https://b.example');
    expect(await allowed('https://c.example')).toBeNull();
  });
});

describe('max_response_size_mb', () => {
  it('stops a longer answer, whole or streamed, and charges what it cost', async () => {
    const before = tested.provider.requests.length;
    tested.provider.behaveNext({ completionTokens: 2_000 });
    const whole = await tested.chat(key);
    expect([whole.status, whole.body.error.type]).toEqual([400, 'bad_request_error']);
    expect(tested.provider.requests.length - before).toBe(1);
    tested.provider.behaveNext({ completionTokens: 2_000 });
    const streamed = await tested.chat(key, { stream: true });
    expect(streamed.text).not.toContain('[DONE]');
    expect(Buffer.byteLength(streamed.text)).toBeLessThan(4_000);
  });
});
