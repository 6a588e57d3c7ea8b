import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { embeddedUrl, queryOnce } from '../harness/books.js';
import { FakeProvider } from '../harness/fake-provider.js';
import { answerOf, type Answer, chatBody, eventually, modelEntry } from '../harness/governed-product.js';
import { Product } from '../harness/product.js';

/** A token of output costs a tenth of a cent. A try that broke is billed; the next one is another. */
let provider: FakeProvider;
let product: Product;

beforeAll(async () => {
  provider = await FakeProvider.start({ completionTokens: 100 });
  product = await Product.start({
    config: {
      model_list: [
        modelEntry('m', provider),
        modelEntry('pair', provider, { model: 'openai/up-one' }),
        modelEntry('pair', provider, { model: 'openai/up-two' }),
      ],
      router_settings: { num_retries: 2, disable_cooldowns: true },
    },
  });
});
afterAll(async () => {
  await product?.dispose();
  await provider?.stop();
});

async function ask(key: string, asking: object): Promise<Answer> {
  const response = await product.request('POST', '/v1/chat/completions', chatBody({ ...asking }), key);
  return answerOf(response.status, response.headers, await response.text());
}

async function spentBy(key: string): Promise<number> {
  await product.request('GET', '/spend/logs?request_id=none');
  const response = await product.request('GET', '/key/info', undefined, key);
  return ((await response.json()) as { info: { spend: number } }).info.spend;
}

describe('a try that broke midway and is billed', () => {
  it.each(['m', 'pair'])(
    'leaves the next one what is left of the budget, never the whole hold again: %s',
    async (model) => {
      const key = await product.makeKey({ max_budget: 0.1, rpm_limit: 3 });
      provider.behaveNext({ fault: 'reset-midway', completionTokens: 20 });
      const answer = await ask(key, { model, max_tokens: 90 });
      expect(answer.status).toBe(200);
      // Half of the first was read and is paid; the second was told to keep to the rest.
      expect(answer.body.usage.completion_tokens).toBeLessThan(90);
      expect(answer.headers.get('x-litellm-attempted-retries')).toBe('1');
      // Still the one request that was counted.
      expect(answer.headers.get('x-ratelimit-api_key-remaining-requests')).toBe('2');
      expect(await spentBy(key)).toBeLessThanOrEqual(0.1);
    },
  );

  it('is the last when it used up the budget: the caller hears of what happened', async () => {
    const key = await product.makeKey({ max_budget: 0.03 });
    const before = provider.requests.length;
    provider.behaveNext({ fault: 'reset-midway', completionTokens: 100 });
    const answer = await ask(key, { max_tokens: 30 });
    expect(answer.status).toBeGreaterThanOrEqual(500);
    expect(provider.requests.length - before).toBe(1);
    expect(await spentBy(key)).toBeLessThanOrEqual(0.03);
  });
});

describe('a caller who leaves between two tries', () => {
  it('gives back its slot at once, not when the next try would have been due', async () => {
    const key = await product.makeKey({ max_parallel_requests: 1 });
    const before = provider.requests.length;
    provider.behaveNext({ status: 503, headers: { 'retry-after': '20' } });
    const leaving = new AbortController();
    const left = fetch(`${product.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify(chatBody({})),
      signal: leaving.signal,
    }).catch(() => undefined);
    await eventually('the first try failed', () => provider.requests[before]?.outcome === 'refused', 10_000);
    leaving.abort();
    await left;
    await eventually(
      'the slot is free',
      async () => (await ask(key, { max_tokens: 5 })).status === 200,
      3_000,
    );
    // Nobody was asked for an answer that nobody waits for.
    expect(provider.requests.length - before).toBe(2);
  });
});

describe('an answer whose upstream does not say what it used', () => {
  it('is not charged beyond the cap that its caller set', async () => {
    const key = await product.makeKey({ max_budget: 0.02 });
    provider.behaveNext({ usage: 'never', completionTokens: 100 });
    // Twenty words of four bytes and more each: by their length they would be more tokens than were asked for.
    expect((await ask(key, { max_tokens: 20 })).status).toBe(200);
    expect(await spentBy(key)).toBe(0.02);
  });
});

describe('a call whose answer was capped for what is left, killed under way', () => {
  it('is charged what it held, and passes no cap', async () => {
    const key = await product.makeKey({ max_budget: 0.05 });
    provider.behaveNext({ fault: 'silence' });
    const before = provider.requests.length;
    const asked = ask(key, { max_tokens: 5_000 }).catch(() => undefined);
    await eventually('the call reaches the provider', () => provider.requests.length > before, 10_000);
    await product.kill();
    await asked;
    await product.restart();
    await eventually('its record is found', async () => (await spentBy(key)) > 0, 20_000);
    expect(await spentBy(key)).toBe(0.05);
    const [entry] = await queryOnce<{ flag: string }>(
      embeddedUrl(product),
      'SELECT flag FROM ledger_entries ORDER BY started_at DESC LIMIT 1',
    );
    expect(entry?.flag).toBe('crash');
  });
});
