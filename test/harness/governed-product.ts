import { hash } from 'node:crypto';
import { LedgerEntry } from '#libs/database';
import { type Behaviour, FakeProvider } from './fake-provider.js';
import { createTestDatabase, type TestDatabase } from './postgres.js';
import { Product, type ProductOptions } from './product.js';

/** Tests look into answers freely: a member that is not there fails the expectation. */
// oxlint-disable-next-line typescript/no-explicit-any
export type Json = Record<string, any>;

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The body when it is JSON, else `{}`. */
  readonly body: Json;
}

/** What one call asks for beyond a short question to the model `m`. */
export interface Asking {
  readonly [field: string]: unknown;
}

export const UPSTREAM_KEY = 'sk-upstream-of-the-governed-product-01';

/** The product between a fake provider and a database of its own, with the few questions governance tests ask. */
export class GovernedProduct {
  private constructor(
    readonly database: TestDatabase,
    readonly provider: FakeProvider,
    readonly product: Product,
  ) {}

  /** `config` is called with the provider, whose address it needs. */
  static async start(
    config: (provider: FakeProvider) => object,
    options: Omit<ProductOptions, 'config' | 'databaseUrl'> = {},
    behaviour: Behaviour = {},
  ): Promise<GovernedProduct> {
    const database = await createTestDatabase();
    const provider = await FakeProvider.start(behaviour);
    try {
      const started = { ...options, databaseUrl: database.url.reveal(), config: config(provider) };
      return new GovernedProduct(database, provider, await Product.start(started));
    } catch (error) {
      await provider.stop();
      await database.drop();
      throw error;
    }
  }

  async dispose(): Promise<void> {
    await this.product.dispose();
    await this.provider.stop();
    await this.database.drop();
  }

  makeKey(fields: object = {}): Promise<string> {
    return this.product.makeKey(fields);
  }

  /** An admin call with the master key, or another bearer; throws unless it is answered 2xx. */
  async admin(path: string, body?: object, bearer?: string): Promise<Json> {
    const method = body === undefined ? 'GET' : 'POST';
    const answer = await this.ask(method, path, body, bearer ?? this.product.masterKey);
    if (answer.status >= 300) throw new Error(`${method} ${path} answered ${answer.status}: ${answer.text}`);
    return answer.body;
  }

  chat(key: string, asking: Asking = {}, headers: Record<string, string> = {}): Promise<Answer> {
    return this.ask('POST', '/v1/chat/completions', chatBody(asking), key, headers);
  }

  /** Any request; `body` as text or as the tree it stands for. */
  async ask(
    method: string,
    path: string,
    body?: unknown,
    bearer: string | null = this.product.masterKey,
    headers: Record<string, string> = {},
    signal?: AbortSignal,
  ): Promise<Answer> {
    const response = await fetch(this.product.url + path, {
      method,
      headers: {
        ...(bearer === null ? {} : { authorization: `Bearer ${bearer}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      ...(signal === undefined ? {} : { signal }),
    });
    return answerOf(response.status, response.headers, await response.text());
  }

  /** This key's ledger, the oldest first, with every call that has ended. */
  async entriesOf(key: string): Promise<LedgerEntry[]> {
    await this.admin('/spend/logs?request_id=none');
    const repository = this.database.dataSource.getRepository(LedgerEntry);
    return repository.find({
      where: { keyHash: hash('sha256', key) },
      order: { startedAt: 'ASC', id: 'ASC' },
    });
  }

  /** What `/key/info` says this key has spent, in dollars. */
  async spendOf(key: string): Promise<number> {
    await this.admin('/spend/logs?request_id=none');
    const { info } = await this.admin(`/key/info?key=${key}`);
    return (info as { spend: number }).spend;
  }

  /** Whether the process lives on and is ready, as after every attack it must. */
  async isReady(): Promise<boolean> {
    return (await fetch(`${this.product.url}/health/readiness`)).status === 200;
  }
}

export function chatBody(asking: Asking = {}): Json {
  return { model: 'm', messages: [{ role: 'user', content: 'hi' }], ...asking };
}

export function answerOf(status: number, headers: Headers, text: string): Answer {
  let body: Json = {};
  try {
    body = JSON.parse(text) as Json;
  } catch {
    // A stream, or nothing: tests read `text` then.
  }
  return { status, headers, text, body };
}

/** One OpenAI-compatible entry of `model_list`; a token of output costs a tenth of a cent unless told. */
export function modelEntry(name: string, provider: FakeProvider, params: object = {}, info?: object): object {
  return {
    model_name: name,
    litellm_params: {
      model: `openai/up-${name}`,
      api_base: provider.url,
      api_key: UPSTREAM_KEY,
      input_cost_per_token: 0,
      output_cost_per_token: 0.001,
      ...params,
    },
    ...(info === undefined ? {} : { model_info: info }),
  };
}

/** Resolves once `isSo` answers true; the error names what never came to be. */
export async function eventually(
  what: string,
  isSo: () => boolean | Promise<boolean>,
  withinMs = 1_000,
): Promise<void> {
  const deadline = Date.now() + withinMs;
  while (!(await isSo())) {
    if (Date.now() > deadline) throw new Error(`${what}: not within ${withinMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
