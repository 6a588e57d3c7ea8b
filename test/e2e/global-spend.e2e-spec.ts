import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { GovernedProduct, modelEntry } from '../harness/governed-product.js';

let gate: GovernedProduct;
beforeAll(async () => {
  gate = await GovernedProduct.start((provider) => ({
    model_list: [modelEntry('m', provider)],
    router_settings: { provider_budget_config: { openai: { budget_limit: 100, time_period: '1d' } } },
  }));
});
afterAll(() => gate?.dispose());

describe('money of everybody', () => {
  it('starts anew when the holder of the master key wants it: who was refused may go on', async () => {
    const key = await gate.makeKey({ max_budget: 0.005, budget_duration: '1mo' });
    expect((await gate.chat(key, { max_tokens: 5 })).status).toBe(200);
    expect((await gate.chat(key, { max_tokens: 5 })).status).toBe(422);
    const admin = await gate.admin('/user/new', { user_role: 'proxy_admin' });
    expect((await gate.ask('POST', '/global/spend/reset', {}, String(admin['key']))).status).toBe(401);
    expect(await gate.admin('/global/spend/reset', {})).toMatchObject({ status: 'success' });
    expect((await gate.chat(key, { max_tokens: 5 })).status).toBe(200);
  });

  it('is shown for providers, by their budgets, and for single calls, by their price', async () => {
    const { providers } = await gate.admin('/provider/budgets');
    expect(providers.openai).toMatchObject({ budget_limit: 100, time_period: '1d' });
    expect(providers.openai.spend).toBeGreaterThan(0);
    const usage = { prompt_tokens: 1_000, completion_tokens: 100 };
    const quoted = await gate.admin('/spend/calculate', { completion_response: { model: 'm', usage } });
    expect(quoted['cost']).toBeGreaterThan(0);
    const listed = await gate.admin('/spend/calculate', {
      completion_response: { model: 'openai/gpt-4o', usage },
    });
    expect(listed['cost']).toBe(0.0035);
    const guessed = await gate.admin('/spend/calculate', {
      model: 'gpt-4o',
      messages: [{ role: 'user', content: 'hi' }],
    });
    expect(guessed['cost']).toBeGreaterThan(0);
    const unknown = await gate.ask('POST', '/spend/calculate', { model: 'nobody/knows', messages: [] });
    expect(unknown.status).toBe(400);
    expect((await gate.ask('POST', '/spend/calculate', {})).status).toBe(400);
  });
});
