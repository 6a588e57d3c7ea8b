import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FakeProvider } from '../harness/fake-provider.js';
import { ask, Load } from '../harness/load.js';
import { createTestDatabase, type TestDatabase } from '../harness/postgres.js';
import { Product } from '../harness/product.js';

let database: TestDatabase;
let provider: FakeProvider;
let product: Product;

beforeAll(async () => {
  database = await createTestDatabase();
  provider = await FakeProvider.start({ completionTokens: 3 });
  const litellm_params = { model: 'openai/up', api_base: provider.url, api_key: 'sk-upstream' };
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

async function admin(method: string, path: string, body: object): Promise<Record<string, unknown>> {
  const response = await product.request(method, path, body);
  const text = await response.text();
  expect({ path, status: response.status, text }).toMatchObject({ status: 200 });
  return JSON.parse(text) as Record<string, unknown>;
}

/**
 * Some 200 requests a second with the key; the change in the middle of them. Whoever began to ask after the admin was
 * answered is refused, without one exception, and nothing more reaches the provider.
 */
async function expectRevokedUnderLoad(
  key: string,
  revoke: () => Promise<unknown>,
  refusal: number,
): Promise<void> {
  const load = new Load(
    product.url,
    16,
    (number) => ({ key, id: `${key.slice(-6)}-${number}`, stream: number % 4 === 0 }),
    { pauseMs: 60 },
  );
  await expect.poll(() => load.seen.length, { timeout: 10_000 }).toBeGreaterThan(150);
  await revoke();
  const revokedAt = performance.now();
  await delay(150);
  const received = provider.requests.length;
  await delay(500);
  const seen = await load.stop();
  const before = seen.filter(({ startedAt, tookMs }) => startedAt + tookMs < revokedAt - 200);
  expect(before.length).toBeGreaterThan(30);
  expect(before.filter(({ status }) => status !== 200)).toEqual([]);
  const after = seen.filter(({ startedAt }) => startedAt >= revokedAt);
  expect(after.length).toBeGreaterThan(30);
  expect(after.filter(({ status }) => status !== refusal).map(({ status, body }) => [status, body])).toEqual(
    [],
  );
  expect(provider.requests.length).toBe(received);
}

describe('a right that was taken away under load admits nobody once the admin is answered', () => {
  it('a blocked key, which works again once unblocked', async () => {
    const key = await product.makeKey();
    await expectRevokedUnderLoad(key, () => admin('POST', '/key/block', { key }), 401);
    await admin('POST', '/key/unblock', { key });
    expect((await ask(product.url, { key, id: 'unblocked' })).status).toBe(200);
  });

  it('a deleted key', async () => {
    const key = await product.makeKey();
    await expectRevokedUnderLoad(key, () => admin('DELETE', '/key/delete', { key }), 401);
  });

  it('the old secret of a regenerated key, while the new one works at once', async () => {
    const key = await product.makeKey();
    let fresh: unknown;
    await expectRevokedUnderLoad(
      key,
      async () => ({ key: fresh } = await admin('POST', `/key/${key}/regenerate`, {})),
      401,
    );
    expect((await ask(product.url, { key: String(fresh), id: 'fresh' })).status).toBe(200);
  });

  it('the keys of a blocked team', async () => {
    await admin('POST', '/team/new', { team_id: 'blocked-crew' });
    const key = await product.makeKey({ team_id: 'blocked-crew' });
    await expectRevokedUnderLoad(key, () => admin('POST', '/team/block', { team_id: 'blocked-crew' }), 401);
    await admin('POST', '/team/unblock', { team_id: 'blocked-crew' });
    expect((await ask(product.url, { key, id: 'team-unblocked' })).status).toBe(200);
  });

  it('a model taken off a key', async () => {
    const key = await product.makeKey({ models: ['m'] });
    await expectRevokedUnderLoad(key, () => admin('POST', '/key/update', { key, models: ['other'] }), 403);
  });
});

describe('a body that began before the block and ended after it', () => {
  it.each([
    ['block', (key: string) => admin('POST', '/key/block', { key })],
    ['delete', (key: string) => admin('POST', '/key/delete', { keys: [key] })],
  ])('is refused after a %s, and nothing is sent upstream', async (_name, revoke) => {
    const key = await product.makeKey();
    expect((await ask(product.url, { key, id: 'known' })).status).toBe(200);
    const body = JSON.stringify({ model: 'm', messages: [{ role: 'user', content: 'slow'.repeat(500) }] });
    const socket = connect(product.port, '127.0.0.1');
    let heard = '';
    socket.setEncoding('utf8').on('data', (text: string) => (heard += text));
    socket.write(
      `POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${key}\r\n` +
        `content-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body.slice(0, 100)}`,
    );
    await delay(200);
    await revoke(key);
    const received = provider.requests.length;
    socket.write(body.slice(100));
    await expect.poll(() => heard, { timeout: 5_000 }).toContain('\r\n\r\n');
    expect(heard).toMatch(/^HTTP\/1\.1 401 /);
    expect(provider.requests.length).toBe(received);
    socket.destroy();
  });
});
