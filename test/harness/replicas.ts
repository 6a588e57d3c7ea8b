import { Redis } from 'ioredis';
import { type Behaviour, FakeProvider } from './fake-provider.js';
import { type Answer, answerOf, chatBody, type Asking, type Json } from './governed-product.js';
import { createTestDatabase, type TestDatabase } from './postgres.js';
import { Product, type ProductOptions } from './product.js';
import { type PrivateRedis, startPrivateRedis } from './redis.js';

/** Several replicas of the product on one PostgreSQL and one Redis of their own, with a fake provider behind them. */
export class Replicas {
  private constructor(
    readonly database: TestDatabase,
    readonly provider: FakeProvider,
    readonly redis: PrivateRedis,
    readonly products: readonly Product[],
    /** For looking at Redis, and for doing harm to it. */
    readonly admin: Redis,
  ) {}

  /** The first replica is everything; the others are proxies. `config` is called with the provider, whose address it needs. */
  static async start(
    count: number,
    config: (provider: FakeProvider) => object,
    options: Omit<ProductOptions, 'config' | 'databaseUrl'> = {},
    behaviour: Behaviour = {},
  ): Promise<Replicas> {
    const [database, provider, redis] = await Promise.all([
      createTestDatabase(),
      FakeProvider.start(behaviour),
      startPrivateRedis(),
    ]);
    const admin = new Redis(redis.url, { retryStrategy: () => 100, maxRetriesPerRequest: null });
    admin.on('error', () => undefined);
    const products: Product[] = [];
    try {
      const env = { REDIS_URL: redis.url, REDIS_COMMAND_TIMEOUT_MS: '400', ...options.env };
      for (let i = 0; i < count; i += 1) {
        const role = i === 0 ? 'all' : 'proxy';
        const args = ['--role', role, ...(options.args ?? [])];
        products.push(
          await Product.start({
            ...options,
            databaseUrl: database.url.reveal(),
            config: config(provider),
            env,
            args,
          }),
        );
      }
      return new Replicas(database, provider, redis, products, admin);
    } catch (error) {
      for (const product of products) await product.dispose();
      admin.disconnect();
      await redis.stop();
      await provider.stop();
      await database.drop();
      throw error;
    }
  }

  product(number: number): Product {
    const product = this.products[number % this.products.length];
    if (!product) throw new Error('no replicas');
    return product;
  }

  makeKey(fields: object = {}): Promise<string> {
    return this.product(0).makeKey(fields);
  }

  async admin200(path: string, body?: object): Promise<Json> {
    const method = body === undefined ? 'GET' : 'POST';
    const response = await this.product(0).request(method, path, body);
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path} answered ${response.status}: ${text}`);
    return JSON.parse(text) as Json;
  }

  /** One call to replica `number`. */
  async chat(number: number, key: string, asking: Asking = {}): Promise<Answer> {
    const response = await this.product(number).request(
      'POST',
      '/v1/chat/completions',
      chatBody(asking),
      key,
    );
    return answerOf(response.status, response.headers, await response.text());
  }

  async dispose(): Promise<void> {
    await Promise.all(this.products.map((product) => product.dispose()));
    this.admin.disconnect();
    await this.redis.stop();
    await this.provider.stop();
    await this.database.drop();
  }
}

/** How many answers had each status. */
export function tally(answers: readonly { readonly status: number }[]): Record<number, number> {
  const counts: Record<number, number> = {};
  for (const { status } of answers) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
}
