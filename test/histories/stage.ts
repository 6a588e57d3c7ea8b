import pg from 'pg';
import { embeddedUrl } from '../harness/books.js';
import { type Behaviour, FakeProvider, type ReceivedRequest } from '../harness/fake-provider.js';
import { Product } from '../harness/product.js';
import { Replicas } from '../harness/replicas.js';
import type { Asked } from './callers.js';
import { configFor } from './catalogue.js';
import type { Harm } from './script.js';

// oxlint-disable-next-line typescript/no-explicit-any
export type Json = Record<string, any>;

const ENV = { JSON_LOGS: 'true' };

/** Where histories are played: the started product, alone on its own store or several on one Redis, before a provider that does as each call says. */
export class Stage {
  readonly #plans = new Map<string, readonly Behaviour[]>();
  readonly #received = new Map<string, ReceivedRequest[]>();
  #client: pg.Client | undefined;
  /** How often each process ended: what it counted for itself was lost then. */
  readonly #deaths: number[];

  private constructor(
    readonly provider: FakeProvider,
    readonly products: readonly Product[],
    private readonly databaseUrl: (() => string) | string,
    readonly dispose: () => Promise<void>,
    private readonly fleet?: Replicas,
  ) {
    this.#deaths = products.map(() => 0);
    provider.behaveBy((request) => {
      const id = /"call ([\w-]+)/.exec(request.body.toString('utf8'))?.[1];
      if (id === undefined) return undefined;
      const tries = this.#received.get(id) ?? [];
      this.#received.set(id, tries);
      tries.push(request);
      const plan = this.#plans.get(id);
      return plan?.[Math.min(tries.length, plan.length) - 1];
    });
  }

  static async embedded(): Promise<Stage> {
    const provider = await FakeProvider.start();
    const product = await Product.start({ config: configFor(provider), env: ENV });
    const stage: Stage = new Stage(
      provider,
      [product],
      () => embeddedUrl(product),
      async () => {
        await stage.#forget();
        await product.dispose();
        await provider.stop();
      },
    );
    return stage;
  }

  static async replicated(count: number): Promise<Stage> {
    const fleet = await Replicas.start(count, configFor, { env: ENV });
    const dispose = async (): Promise<void> => {
      await stage.#forget();
      await fleet.dispose();
    };
    const { provider, products, database } = fleet;
    const stage: Stage = new Stage(provider, products, database.url.reveal(), dispose, fleet);
    return stage;
  }

  /** What the upstream will do with this call, try by try. */
  expect(id: string, behaviours: readonly Behaviour[]): void {
    this.#plans.set(id, behaviours);
  }

  /** What of this call reached the upstream. */
  received(id: string): readonly ReceivedRequest[] {
    return this.#received.get(id) ?? [];
  }

  product(number: number): Product {
    const product = this.products[number % this.products.length];
    if (!product) throw new Error('nobody is on the stage');
    return product;
  }

  /** Which process that is, and how often it has ended so far. */
  asked(number: number): Asked {
    const replica = number % this.products.length;
    return { url: this.product(replica).url, replica, life: this.#deaths[replica] ?? 0 };
  }

  /** No process has ended so far. */
  get isUnbroken(): boolean {
    return this.#deaths.every((times) => times === 0);
  }

  isAsItWas({ replica, life }: Asked): boolean {
    return this.#deaths[replica] === life;
  }

  async ask(
    method: string,
    path: string,
    body?: object,
    replica = 0,
  ): Promise<{ status: number; body: Json }> {
    const response = await this.product(replica).request(method, path, body);
    const text = await response.text();
    let json: Json = {};
    try {
      json = JSON.parse(text) as Json;
    } catch {
      json = { text };
    }
    return { status: response.status, body: json };
  }

  /** An administrator's call that must be answered. */
  async admin(method: string, path: string, body?: object): Promise<Json> {
    const answer = await this.ask(method, path, body);
    if (answer.status >= 300)
      throw new Error(
        `${method} ${path} ${JSON.stringify(body)} answered ${answer.status}: ${JSON.stringify(answer.body)}`,
      );
    return answer.body;
  }

  /** Everything that has ended is in the tables when this resolves, of every process. */
  async settle(): Promise<void> {
    for (const product of this.products) {
      for (const deadline = Date.now() + 5_000; (await underWay(product)) > 0;) {
        if (Date.now() > deadline) {
          const open = this.provider.requests.filter(
            ({ outcome }) => outcome === 'running' || outcome === 'client-gone',
          );
          throw new Error(
            `calls are under way though every client has left: ${open
              .slice(-5)
              .map(({ body, outcome }) => `${outcome} ${body.toString().slice(0, 80)}`)
              .join('; ')}`,
          );
        }
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }
    await this.admin('GET', '/spend/logs?request_id=none');
  }

  async query<T extends object>(sql: string, parameters: readonly unknown[] = []): Promise<T[]> {
    if (this.#client === undefined) {
      const connectionString = typeof this.databaseUrl === 'string' ? this.databaseUrl : this.databaseUrl();
      this.#client = new pg.Client({ connectionString });
      this.#client.on('error', () => undefined);
      await this.#client.connect();
    }
    return (await this.#client.query<T>(sql, [...parameters])).rows;
  }

  async restart(number: number, how: 'stop' | 'kill'): Promise<void> {
    const replica = number % this.products.length;
    this.#deaths[replica] = (this.#deaths[replica] ?? 0) + 1;
    await this.#forget();
    const product = this.product(number);
    if (how === 'kill') await product.kill();
    await product.restart();
  }

  /** They count together; what one of them had counted outlives it. */
  get isReplicated(): boolean {
    return this.fleet !== undefined;
  }

  /** Does harm to Redis; resolves when all count together again. */
  async harm(how: Harm): Promise<void> {
    if (!this.fleet) throw new Error('nobody counts in Redis');
    if (how === 'empty') {
      await this.fleet.admin.flushall();
      return;
    }
    this.fleet.redis.freeze();
    await new Promise((resolve) => setTimeout(resolve, STALL_MS));
    this.fleet.redis.thaw();
    for (const product of this.products) {
      for (const deadline = Date.now() + HEALED_WITHIN_MS; isAway(product);) {
        if (Date.now() > deadline)
          throw new Error(`not back within ${HEALED_WITHIN_MS} ms:\n${product.logs.slice(-2_000)}`);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }
  }

  async #forget(): Promise<void> {
    const client = this.#client;
    this.#client = undefined;
    await client?.end().catch(() => undefined);
  }
}

const STALL_MS = 1_000;
const HEALED_WITHIN_MS = 5_000;

/** It noticed that Redis is out of reach, and has not found back. */
function isAway({ logs }: Product): boolean {
  return logs.lastIndexOf('out of reach; finding back') > logs.lastIndexOf('The shared counters are back.');
}

/** Calls that have no answer, and what has ended and is in no table: who asks one replica for its rows hears nothing of what another has not stored. */
async function underWay(product: Product): Promise<number> {
  const page = await (await product.request('GET', '/metrics')).text();
  const read = (name: string): number => Number(new RegExp(`^${name} (\\d+)`, 'm').exec(page)?.[1] ?? 0);
  return read('litellm_in_flight_requests') + read('tollgate_ledger_backlog_entries');
}
