import { hash } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Answer, GovernedProduct, modelEntry, UPSTREAM_KEY } from '../harness/governed-product.js';

const DEPLOYMENT = 'deployment-7c2f';

let gate: GovernedProduct;
beforeAll(async () => {
  gate = await GovernedProduct.start((provider) => ({
    model_list: [
      modelEntry('m', provider, { model: 'openai/up-hidden' }, { id: DEPLOYMENT }),
      modelEntry('broken', provider, { model: 'openai/up-broken' }, { id: `${DEPLOYMENT}-b` }),
      modelEntry('spare', provider, { model: 'openai/up-broken' }, { id: `${DEPLOYMENT}-s` }),
      modelEntry('alone', provider, { model: 'openai/up-alone', rpm: 1 }, { id: `${DEPLOYMENT}-a` }),
      modelEntry(
        'poor',
        provider,
        { model: 'openai/up-poor', max_budget: 0.001, budget_duration: '30d' },
        { id: `${DEPLOYMENT}-p` },
      ),
    ],
    router_settings: { num_retries: 0, fallbacks: [{ broken: ['spare'] }] },
  }));
  gate.provider.behaveFor('up-broken', { status: 500 });
});
afterAll(() => gate?.dispose());

/** LiteLLM's error texts carry deployment ids, key hashes and the configured fallbacks; whoever reads a log of a client has them all. */
it('no refusal and no failure tells what the gateway is made of', async () => {
  const keys = {
    plain: await gate.makeKey(),
    spent: await gate.makeKey({ max_budget: 0.001 }),
    narrow: await gate.makeKey({ models: ['spare'] }),
    slow: await gate.makeKey({ rpm_limit: 1 }),
  };
  await gate.chat(keys.spent);
  await gate.chat(keys.slow);
  const short = { max_tokens: 5 };
  await gate.chat(keys.plain, { model: 'alone' });
  await gate.chat(keys.plain, { model: 'poor', ...short });
  const cases: [number, Answer][] = [
    [401, await gate.chat('sk-nobody-has-this-one')],
    [422, await gate.chat(keys.spent)],
    [429, await gate.chat(keys.slow)],
    [429, await gate.chat(keys.plain, { model: 'alone' })],
    [422, await gate.chat(keys.plain, { model: 'poor', ...short })],
    [500, await gate.chat(keys.plain, { model: 'broken' })],
    [400, await gate.chat(keys.plain, { max_tokens: -1 })],
    [400, await gate.chat(keys.plain, { model: 'absent' })],
  ];
  const refused = await gate.chat(keys.narrow);
  expect(refused.status).toBeGreaterThanOrEqual(400);
  const secrets = [
    DEPLOYMENT,
    UPSTREAM_KEY,
    gate.provider.url,
    'up-hidden',
    'up-broken',
    'up-alone',
    'up-poor',
    'spare',
    ...Object.values(keys).flatMap((key) => [key, hash('sha256', key)]),
    hash('sha256', 'sk-nobody-has-this-one'),
  ];
  for (const [status, answer] of [...cases, [refused.status, refused] as const]) {
    expect(answer.status, answer.text).toBe(status);
    for (const secret of secrets) expect(answer.text).not.toContain(secret);
  }
});
