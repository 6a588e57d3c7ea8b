import { setTimeout as delay } from 'node:timers/promises';
import { type Audit, audit, embeddedUrl, PRICES } from '../harness/books.js';
import { FakeProvider } from '../harness/fake-provider.js';
import { ask, Load, type Seen } from '../harness/load.js';
import { Product } from '../harness/product.js';

const LANES = 20;
/** The log's one answer holds 10,000 rows; a product that ran longer is put away and a fresh one taken. */
export const MOST_ROUNDS = 40;

/** Calls under way at any moment: some hundred milliseconds each, so that a kill meets them in every state. */
const CONFIG = (url: string): object => ({
  model_list: ['quick', 'slow'].map((name) => ({
    model_name: name,
    litellm_params: { model: `openai/${name}`, api_base: url, api_key: 'sk-upstream', ...PRICES },
  })),
});

/**
 * Twenty clients, streams and plain answers, against the started product; `kill -9` at a random moment, a restart on the
 * same data directory; as often as asked. Then the books are compared.
 */
export async function killUnderLoad(
  rounds: number,
  databaseUrl?: string,
  say: (line: string) => void = () => undefined,
): Promise<Audit> {
  const provider = await FakeProvider.start();
  provider.behaveFor('quick', { completionTokens: 7 });
  provider.behaveFor('slow', { completionTokens: 24, frameDelayMs: 8, firstByteDelayMs: 20 });
  const product = await Product.start({
    config: CONFIG(provider.url),
    ...(databaseUrl === undefined ? {} : { databaseUrl }),
  });
  try {
    const keys = await makeKeys(product);
    const seen: Seen[] = [];
    for (let round = 1; round <= rounds; round += 1) {
      const load = new Load(
        product.url,
        LANES,
        (number) => ({
          key: keys[number % keys.length] ?? '',
          id: `${round}-${number}`,
          model: number % 3 === 0 ? 'slow' : 'quick',
          stream: number % 2 === 0,
        }),
        { endsWhenBroken: true, pauseMs: 20 },
      );
      await delay(300 + Math.random() * 700);
      await product.kill();
      seen.push(...(await load.stop()));
      await product.restart();
      say(`round ${round}: ${seen.filter(({ finished }) => finished).length} calls finished`);
    }
    const books = await audit(product, provider, seen, databaseUrl ?? embeddedUrl(product));
    books.problems.push(...(await auditCounters(product, keys)));
    return books;
  } finally {
    await product.dispose();
    await provider.stop();
  }
}

/** The counters in memory were loaded from what was stored: a call says the same of its key as the tables do after it. */
async function auditCounters(product: Product, keys: readonly string[]): Promise<string[]> {
  const problems: string[] = [];
  for (const key of keys) {
    const { headers } = await ask(product.url, { key, id: 'after', model: 'quick' });
    await product.request('GET', '/spend/logs');
    const response = await product.request('GET', '/key/info', undefined, key);
    const { info } = (await response.json()) as { info: { spend: number } };
    const told = Number(headers['x-litellm-key-spend']);
    if (Math.abs(told - info.spend) > 1e-10)
      problems.push(`a key's header says ${told}, its row ${info.spend}`);
  }
  return problems;
}

/** Keys in every position money is summed for: alone, with a budget, of a user, of a team with a budget. */
async function makeKeys(product: Product): Promise<string[]> {
  const made = async (path: string, body: object): Promise<void> => {
    const response = await product.request('POST', path, body);
    if (!response.ok) throw new Error(`${path} answers ${response.status}: ${await response.text()}`);
  };
  await made('/team/new', { team_id: 'crew', max_budget: 500, budget_duration: '30d' });
  await made('/user/new', { user_id: 'ann', auto_create_key: false });
  return Promise.all([
    product.makeKey(),
    product.makeKey({ max_budget: 100, budget_duration: '1d' }),
    product.makeKey({ user_id: 'ann' }),
    product.makeKey({ team_id: 'crew', max_budget: 200 }),
  ]);
}
