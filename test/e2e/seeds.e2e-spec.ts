import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openAi } from '../harness/clients.js';
import { type Guide, startGuide } from '../harness/guide.js';
import { MASTER_KEY, Product } from '../harness/product.js';

let guide: Guide;

beforeAll(async () => {
  guide = await startGuide();
});
afterAll(() => guide?.dispose());

describe('the security guide: virtual keys', () => {
  it('creates a key with the answer the guide shows, and the key works without /v1 in the base URL', async () => {
    const { status, json } = await guide.run(`curl http://localhost:4000/key/generate \\
  -H "Authorization: Bearer YOUR_MASTER_KEY" \\
  -H "Content-Type: application/json" \\
  -d '{
    "user_id": "user-123",
    "key_name": "mobile-app",
    "duration": "30d",
    "models": ["gpt-3.5-turbo", "shin-llama-70b"],
    "max_budget": 100.0
  }'`);
    expect(status).toBe(200);
    expect(json).toMatchObject({ user_id: 'user-123', key_name: 'mobile-app', max_budget: 100 });
    expect(json.key).toMatch(/^sk-/);
    const days = (Date.parse(json.expires) - Date.now()) / 86_400_000;
    expect(days).toBeGreaterThan(29.9);
    expect(days).toBeLessThanOrEqual(30);

    const client = openAi(guide.product.url, json.key);
    const messages = [{ role: 'user' as const, content: 'hi' }];
    expect(
      (await client.chat.completions.create({ model: 'gpt-3.5-turbo', messages })).usage?.completion_tokens,
    ).toBe(5);
    expect((await client.models.list()).data.map(({ id }) => id).toSorted()).toEqual([
      'gpt-3.5-turbo',
      'shin-llama-70b',
    ]);
    await expect(client.chat.completions.create({ model: 'gpt-4', messages })).rejects.toMatchObject({
      status: 403,
    });
  });

  it('creates the same named key twice: a name is a label', async () => {
    const line = `curl http://localhost:4000/key/generate \\
  -H "Authorization: Bearer YOUR_MASTER_KEY" \\
  -d '{
    "key_name": "admin",
    "models": ["*"]
  }'`;
    const [first, second] = [await guide.run(line), await guide.run(line)];
    expect([first.status, second.status]).toEqual([200, 200]);
    expect(first.json.key_name).toBe('admin');
    for (const model of ['gpt-3.5-turbo', 'shin-llama-405b'])
      expect((await guide.ask(model, second.json.key)).status).toBe(200);
  });

  it('limits a key as the commented example says', async () => {
    const { status, json } = await guide.run(`curl http://localhost:4000/key/generate \\
  -H "Authorization: Bearer YOUR_MASTER_KEY" \\
  -d '{
    "models": ["gpt-3.5-turbo"],      # Only these models
    "max_budget": 50.0,                # Max $50
    "max_parallel_requests": 10,       # Max concurrent
    "tpm": 10000,                      # Tokens per minute
    "rpm": 100                         # Requests per minute
  }'`);
    expect(status).toBe(200);
    const { info } = (await (
      await guide.product.request('GET', '/key/info', undefined, json.key)
    ).json()) as {
      info: object;
    };
    expect(info).toMatchObject({
      models: ['gpt-3.5-turbo'],
      max_budget: 50,
      max_parallel_requests: 10,
      tpm_limit: 10_000,
      rpm_limit: 100,
    });
  });

  it('makes the developer and the production key', async () => {
    const developer = await guide.run(`curl http://localhost:4000/key/generate \\
  -H "Authorization: Bearer YOUR_MASTER_KEY" \\
  -d '{
    "key_name": "developer",
    "models": ["gpt-3.5-turbo", "shin-llama-8b"],
    "max_budget": 10.0
  }'`);
    const production = await guide.run(`curl http://localhost:4000/key/generate \\
  -H "Authorization: Bearer YOUR_MASTER_KEY" \\
  -d '{
    "key_name": "production",
    "models": ["gpt-4", "shin-llama-405b"],
    "max_budget": 1000.0,
    "rpm": 500
  }'`);
    expect([developer.status, production.status]).toEqual([200, 200]);
    expect((await guide.ask('shin-llama-8b', developer.json.key)).status).toBe(200);
    expect((await guide.ask('shin-llama-405b', developer.json.key)).status).toBe(403);
    expect((await guide.ask('shin-llama-405b', production.json.key)).status).toBe(200);
  });

  it('lists all keys', async () => {
    const { status, json } = await guide.run(`curl http://localhost:4000/key/info \\
  -H "Authorization: Bearer YOUR_MASTER_KEY"`);
    expect(status).toBe(200);
    expect(json.keys.length).toBeGreaterThanOrEqual(5);
    expect(JSON.stringify(json)).toContain('mobile-app');
    expect(JSON.stringify(json)).not.toMatch(/"sk-[\w-]{16,}"/);
  });

  it('revokes a key: DELETE with a body and no Content-Type, and its next request fails', async () => {
    const key = await guide.product.makeKey();
    expect((await guide.ask('gpt-3.5-turbo', key)).status).toBe(200);
    const revoke = `curl -X DELETE http://localhost:4000/key/delete \\
  -H "Authorization: Bearer YOUR_MASTER_KEY" \\
  -d '{"key": "sk-key-to-revoke"}'`;
    expect((await guide.run(revoke, { 'sk-key-to-revoke': key })).status).toBe(200);
    expect((await guide.ask('gpt-3.5-turbo', key)).status).toBe(401);
    expect((await guide.run(revoke, { 'sk-key-to-revoke': key })).status).toBe(404);

    const compromised = await guide.product.makeKey();
    const { status } = await guide.run(
      `curl -X DELETE http://localhost:4000/key/delete \\
  -H "Authorization: Bearer YOUR_MASTER_KEY" \\
  -d '{"key": "compromised-key"}'`,
      { 'compromised-key': compromised },
    );
    expect(status).toBe(200);
    expect((await guide.ask('gpt-3.5-turbo', compromised)).status).toBe(401);
  });
});

describe('the security guide: limits', () => {
  it('limits the free tier to ten requests a minute, with the answer the guide shows', async () => {
    const { json } = await guide.run(`curl http://localhost:4000/key/generate \\
  -H "Authorization: Bearer YOUR_MASTER_KEY" \\
  -d '{
    "user_id": "free-tier-user",
    "rpm": 10,
    "tpm": 1000,
    "max_budget": 5.0
  }'`);
    expect(json).toMatchObject({ user_id: 'free-tier-user', max_budget: 5 });
    for (let i = 0; i < 10; i += 1)
      expect((await guide.ask('gpt-3.5-turbo', json.key, { max_tokens: 5 })).status).toBe(200);
    const refused = await guide.ask('gpt-3.5-turbo', json.key);
    expect(refused.status).toBe(429);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(await refused.json()).toMatchObject({
      error: { message: expect.stringMatching(/rate limit exceeded/i), type: 'rate_limit_error', code: 429 },
    });
  });

  it('limits one model for everybody', async () => {
    const statuses: number[] = [];
    for (let i = 0; i < 6; i += 1) statuses.push((await guide.ask('gpt-4', MASTER_KEY)).status);
    expect(statuses.filter((status) => status === 200)).toHaveLength(4);
    expect(new Set(statuses)).toEqual(new Set([200, 429]));
    expect((await guide.ask('gpt-3.5-turbo', MASTER_KEY)).status).toBe(200);
  });

  it('reserves a model for the keys it names', async () => {
    const named = await guide.product.makeKey({ key_alias: 'admin-key-1' });
    const other = await guide.product.makeKey({ key_alias: 'somebody' });
    expect((await guide.ask('internal-only-model', named)).status).toBe(200);
    expect((await guide.ask('internal-only-model', other)).status).toBe(403);
    expect((await openAi(guide.product.url, other).models.list()).data.map(({ id }) => id)).not.toContain(
      'internal-only-model',
    );
  });

  it('drops parameters nobody knows, and caps the output of every call', async () => {
    guide.provider.reset();
    const key = await guide.product.makeKey();
    expect(
      (await guide.ask('gpt-3.5-turbo', key, { colour: 'blue', temperature: 0.5, max_tokens: 9_000 })).status,
    ).toBe(200);
    expect((await guide.ask('gpt-3.5-turbo', key)).status).toBe(200);
    const [lowered, set] = guide.provider.requests.map(({ body }) => JSON.parse(body.toString('utf8')));
    expect(lowered).toMatchObject({ temperature: 0.5, max_tokens: 4_000 });
    expect(lowered).not.toHaveProperty('colour');
    expect(set.max_tokens ?? set.max_completion_tokens).toBe(4_000);
  });

  it('limits the whole proxy', async () => {
    const small = await Product.start({
      config: {
        model_list: [{ model_name: 'm', litellm_params: { model: 'openai/m', mock_response: 'hello' } }],
        litellm_settings: { rpm: 3, tpm: 100_000 },
      },
    });
    const statuses: number[] = [];
    const body = { model: 'm', messages: [{ role: 'user', content: 'hi' }] };
    for (let i = 0; i < 5; i += 1)
      statuses.push((await small.request('POST', '/chat/completions', body, await small.makeKey())).status);
    expect(statuses).toEqual([200, 200, 200, 429, 429]);
    await small.dispose();
  });
});
