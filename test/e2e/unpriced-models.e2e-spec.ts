import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { GovernedProduct, modelEntry, UPSTREAM_KEY } from '../harness/governed-product.js';

let gate: GovernedProduct;

beforeAll(async () => {
  gate = await GovernedProduct.start((provider) => {
    const unpriced = (model_name: string) => ({
      model_name,
      litellm_params: { model: 'openai/unheard-of', api_base: provider.url, api_key: UPSTREAM_KEY },
    });
    return {
      model_list: [
        modelEntry('priced', provider),
        unpriced('unpriced'),
        unpriced('mixed'),
        modelEntry('mixed', provider),
        modelEntry('fails', provider),
      ],
      router_settings: {
        num_retries: 2,
        disable_cooldowns: true,
        fallbacks: [{ fails: ['unpriced', 'priced'] }],
      },
      litellm_settings: { block_requests_for_models_without_pricing: true },
    };
  });
});
afterAll(() => gate?.dispose());
afterEach(() => gate.provider.reset());

describe('block_requests_for_models_without_pricing', () => {
  it('refuses what has no price, and sends nothing', async () => {
    const key = await gate.makeKey();
    const answer = await gate.chat(key, { model: 'unpriced' });
    expect([answer.status, answer.body.error.type]).toEqual([403, 'model_cost_map_missing']);
    expect(gate.provider.requests).toHaveLength(0);
  });

  it('leaves a model to those of its deployments that have one, retries included', async () => {
    const key = await gate.makeKey();
    for (let i = 0; i < 6; i += 1) {
      const answer = await gate.chat(key, { model: 'mixed', max_tokens: 5 });
      expect([answer.status, answer.headers.get('x-litellm-response-cost')]).toEqual([200, '0.005']);
    }
    gate.provider.behaveFor('up-mixed', { status: 500 });
    expect((await gate.chat(key, { model: 'mixed', max_tokens: 5 })).status).toBe(500);
    expect(gate.provider.requests.filter(({ model }) => model === 'unheard-of')).toHaveLength(0);
  });

  it('lets a fallback that has none be passed by', async () => {
    gate.provider.behaveFor('up-fails', { status: 500 });
    const answer = await gate.chat(await gate.makeKey(), { model: 'fails', max_tokens: 5 });
    expect([answer.status, answer.body.model]).toEqual([200, 'up-priced']);
  });
});
