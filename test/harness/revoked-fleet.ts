import { FakeProvider } from './fake-provider.js';
import { createTestDatabase, type TestDatabase } from './postgres.js';
import { Product } from './product.js';
import { type RedisServer, startPrivateRedis } from './redis.js';
import { TcpRelay } from './tcp-relay.js';

/** Three replicas on one PostgreSQL and one Redis; the last one hears of changes over a wire that can be cut. */
export class RevokedFleet {
  private constructor(
    readonly products: readonly Product[],
    readonly wire: TcpRelay,
    private readonly database: TestDatabase,
    private readonly provider: FakeProvider,
    private readonly redis: RedisServer,
  ) {}

  static async start(): Promise<RevokedFleet> {
    const [database, provider, redis] = await Promise.all([
      createTestDatabase(),
      FakeProvider.start({ completionTokens: 1 }),
      startPrivateRedis(),
    ]);
    const wire = await TcpRelay.to(database.url.reveal());
    const products: Product[] = [];
    const params = { model: 'openai/up', api_base: provider.url, api_key: 'sk-upstream' };
    for (const role of ['all', 'proxy', 'proxy']) {
      products.push(
        await Product.start({
          databaseUrl: database.url.reveal(),
          config: { model_list: [{ model_name: 'm', litellm_params: params }] },
          env: {
            LITELLM_SALT_KEY: 'sk-the-salt-of-all-processes-0123456',
            REDIS_URL: redis.url,
            ...(products.length === 2 ? { DATABASE_DIRECT_URL: wire.url } : {}),
          },
          args: ['--role', role],
        }),
      );
    }
    return new RevokedFleet(products, wire, database, provider, redis);
  }

  /** The first replica: the only one with a control plane. */
  get first(): Product {
    const [first] = this.products;
    if (first === undefined) throw new Error('no replicas');
    return first;
  }

  get last(): Product {
    return this.products.at(-1) ?? this.first;
  }

  async dispose(): Promise<void> {
    this.wire.restore();
    for (const product of this.products) await product.dispose();
    await this.wire.close();
    await this.redis.stop();
    await this.provider.stop();
    await this.database.drop();
  }
}
