import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runTollgate } from '../harness/command.js';
import { modelEntry } from '../harness/governed-product.js';
import { FakeProvider } from '../harness/fake-provider.js';
import { freePort } from '../harness/ports.js';
import { createTestDatabase, type TestDatabase } from '../harness/postgres.js';
import { Product } from '../harness/product.js';
import { type RedisServer, startPrivateRedis } from '../harness/redis.js';

const PASSWORD = 'a-password-nobody-may-read';

let database: TestDatabase;
let provider: FakeProvider;
let config: object;
const servers: RedisServer[] = [];
/** Takes half a minute, beside the other tests. */
let inVain: Promise<{ words: string; tookMs: number }>;

beforeAll(async () => {
  [database, provider] = await Promise.all([
    createTestDatabase(),
    FakeProvider.start({ completionTokens: 5 }),
  ]);
  config = { model_list: [modelEntry('m', provider)] };
  const began = performance.now();
  inVain = failed(start(`redis://:${PASSWORD}@127.0.0.1:${await freePort()}`)).then((words) => ({
    words,
    tookMs: performance.now() - began,
  }));
});
afterAll(async () => {
  for (const server of servers) await server.stop();
  await provider?.stop();
  await database?.drop();
});

const start = (redisUrl: string, env: Record<string, string> = {}): Promise<Product> =>
  Product.start({
    config,
    databaseUrl: database.url.reveal(),
    env: { REDIS_URL: redisUrl, REDIS_COMMAND_TIMEOUT_MS: '2000', ...env },
  });

const failed = async (started: Promise<Product>): Promise<string> =>
  started.then(
    async (product) => {
      await product.dispose();
      return 'it started';
    },
    (error: Error) => error.message,
  );

async function redis(options: Parameters<typeof startPrivateRedis>[0]) {
  const server = await startPrivateRedis(options);
  servers.push(server);
  return server;
}

describe('a Redis that cannot be used at start', () => {
  it('ends the start with a sentence when the password is wrong, and tells no password', async () => {
    const { url } = await redis({ password: 'another-one' });
    const wrong = new URL(url);
    wrong.password = PASSWORD;
    const words = await failed(start(wrong.href));
    expect(words).toMatch(/the product ended/);
    expect(words).toMatch(/Redis \(REDIS_URL\) at 127\.0\.0\.1:\d+ cannot be used: .*WRONGPASS/);
    expect(words).not.toContain(PASSWORD);
    expect(words).not.toContain('another-one');
    expect(words).not.toContain('It is tried again');
  });

  it.each([
    ['asks for a password', (url: URL) => void (url.password = ''), /NOAUTH.*Correct the password/],
    ['has no such database', (url: URL) => void (url.pathname = '/99'), /DB index.*Correct the number/],
  ])('ends the start with the remedy when it %s', async (_, change, remedy) => {
    const asked = new URL((await redis({ password: PASSWORD })).url);
    change(asked);
    expect(await failed(start(asked.href))).toMatch(remedy);
  });

  it('is waited for, and told of, when nobody answers; once it is there the product gets ready', async () => {
    const port = await freePort();
    const folder = mkdtempSync(join(tmpdir(), 'tollgate-log-'));
    const LOG_FILE = join(folder, 'tollgate.log');
    const starting = start(`redis://:${PASSWORD}@127.0.0.1:${port}`, { LOG_FILE });
    const told = (): string => (existsSync(LOG_FILE) ? readFileSync(LOG_FILE, 'utf8') : '');
    await expect.poll(told, { timeout: 60_000 }).toContain('It is tried again');
    await redis({ port, password: PASSWORD });
    const product = await starting;
    try {
      expect(product.logs).toMatch(
        /at 127\.0\.0\.1:\d+ cannot be used: .*ECONNREFUSED.* It is tried again for \d+ s/,
      );
      expect(product.logs).not.toContain(PASSWORD);
    } finally {
      await product.dispose();
      rmSync(folder, { recursive: true });
    }
  });
});

describe('a Redis behind TLS', () => {
  it('is counted on, and holds the jobs, when its authority is named', async () => {
    const { url, authorityFile } = await redis({ tls: true, password: PASSWORD });
    const product = await start(url, { REDIS_SSL_CA_CERTS: authorityFile });
    try {
      const key = await product.makeKey({ rpm_limit: 2, max_budget: 1 });
      const ask = async (): Promise<number> => {
        const body = { model: 'm', max_tokens: 5, messages: [{ role: 'user', content: 'hi' }] };
        return (await product.request('POST', '/v1/chat/completions', body, key)).status;
      };
      expect([await ask(), await ask(), await ask()]).toEqual([200, 200, 429]);
      expect(product.logs).not.toMatch(/job queue lost its connection/);
      const env = { REDIS_URL: url, REDIS_SSL_CA_CERTS: authorityFile, DATABASE_URL: database.url.reveal() };
      expect((await runTollgate(['doctor'], { env })).output).toContain(
        'Redis answers, and may be counted on.',
      );
    } finally {
      await product.dispose();
    }
  });

  it('is not spoken to when nobody vouches for it', async () => {
    const { url } = await redis({ tls: true, password: PASSWORD });
    const words = await failed(start(url));
    expect(words).toMatch(/the product ended/);
    expect(words).toMatch(/cannot be used: .*certificate/);
    expect(words).not.toContain(PASSWORD);
  });

  it('needs an authority that is one', async () => {
    const words = await failed(start('rediss://localhost:1', { REDIS_SSL_CA_CERTS: '/nowhere/ca.pem' }));
    expect(words).toMatch(/REDIS_SSL_CA_CERTS.*\/nowhere\/ca\.pem cannot be read/);
  });
});

describe('a Redis that never comes', () => {
  it('ends the start after half a minute, with a sentence', async () => {
    const { words, tookMs } = await inVain;
    expect(words).toMatch(/the product ended/);
    expect(words).toMatch(/cannot be used: .*ECONNREFUSED.*nothing is served without it/);
    expect(words).not.toContain(PASSWORD);
    expect(tookMs).toBeGreaterThan(25_000);
  });
});
