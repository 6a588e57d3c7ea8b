import { setTimeout as delay } from 'node:timers/promises';
import { PRICES } from './books.js';
import type { FakeProvider } from './fake-provider.js';
import { createTestDatabase, type TestDatabase } from './postgres.js';
import { Product } from './product.js';
import { TcpRelay } from './tcp-relay.js';

/** One priced model `m` at the provider. */
export const pricedModel = ({ url }: FakeProvider): object => ({
  model_list: [
    {
      model_name: 'm',
      litellm_params: { model: 'openai/up', api_base: url, api_key: 'sk-upstream', ...PRICES },
    },
  ],
});

/** A product whose PostgreSQL can go away: the wire between them can be cut, or go silent. */
export class RelayedProduct {
  private constructor(
    readonly product: Product,
    readonly relay: TcpRelay,
    readonly database: TestDatabase,
  ) {}

  static async start(provider: FakeProvider): Promise<RelayedProduct> {
    const database = await createTestDatabase();
    const relay = await TcpRelay.to(database.url.reveal());
    const product = await Product.start({ config: pricedModel(provider), databaseUrl: relay.url });
    return new RelayedProduct(product, relay, database);
  }

  /** Resolves once reads that need all spend stored are answered again. */
  async drained(limitMs: number): Promise<void> {
    await until('drained', async () => (await this.product.request('GET', '/spend/logs')).ok, limitMs);
  }

  async dispose(): Promise<void> {
    await this.product.dispose();
    await this.relay.close();
    await this.database.drop();
  }
}

/** Asks again until it is true; a failed question counts as no. */
export async function until(what: string, isTrue: () => Promise<boolean>, limitMs: number): Promise<void> {
  const deadline = Date.now() + limitMs;
  while (!(await isTrue().catch(() => false))) {
    if (Date.now() > deadline) throw new Error(`not within ${limitMs} ms: ${what}`);
    await delay(100);
  }
}

/** What the product's probe says of itself and of PostgreSQL. */
export async function readiness(product: Product): Promise<{ status: number; db: string }> {
  const response = await fetch(`${product.url}/health/readiness`);
  return { status: response.status, db: ((await response.json()) as { db: string }).db };
}

export const isConnected = (product: Product) => async (): Promise<boolean> =>
  (await readiness(product)).db === 'connected';

/** What one test's calls were, of a provider that several use: their ids begin so. */
export function onlyOf(one: FakeProvider, prefix: string): FakeProvider {
  const requests = one.requests.filter(({ body }) => body.toString().includes(`"call ${prefix}`));
  return Object.assign(Object.create(one) as FakeProvider, { requests });
}
