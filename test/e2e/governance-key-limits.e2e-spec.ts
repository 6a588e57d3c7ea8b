import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type Answer, GovernedProduct, modelEntry } from '../harness/governed-product.js';

let gate: GovernedProduct;

beforeAll(async () => {
  gate = await GovernedProduct.start((provider) => ({
    model_list: [modelEntry('m', provider), modelEntry('shaky', provider)],
    router_settings: { num_retries: 0 },
  }));
});
afterAll(() => gate?.dispose());
afterEach(() => gate.provider.reset());

const times = async (count: number, ask: () => Promise<Answer>): Promise<number[]> => {
  const statuses: number[] = [];
  for (let i = 0; i < count; i += 1) statuses.push((await ask()).status);
  return statuses;
};

describe('tag_rpm_limit of a key', () => {
  it('binds calls under that tag, in body, header and metadata of the key alike, and no others', async () => {
    const key = await gate.makeKey({ tag_rpm_limit: { prod: 2 } });
    const tagged = () => gate.chat(key, { metadata: { tags: ['prod'] } });
    expect(await times(2, tagged)).toEqual([200, 200]);
    const refused = await tagged();
    expect(refused.status).toBe(429);
    expect(refused.body.error.limit).toMatchObject({ dimension: 'requests', limit: 2, current: 2 });
    expect(refused.body.error.message).toMatch(/tag_per_key/);
    expect(refused.headers.get('x-ratelimit-tag_per_key-limit-requests')).toBe('2');
    expect(await times(2, () => gate.chat(key, { metadata: { tags: ['dev'] } }))).toEqual([200, 200]);
    expect((await gate.chat(key)).status).toBe(200);
    const other = await gate.makeKey({ metadata: { tag_rpm_limit: { prod: 1 } }, tags: ['prod'] });
    expect(await times(2, () => gate.chat(other))).toEqual([200, 429]);
    const { info } = await gate.admin(`/key/info?key=${other}`);
    expect(info.metadata).toMatchObject({ tag_rpm_limit: { prod: 1 } });
  });

  it('is refused where it makes no sense', async () => {
    for (const tag_rpm_limit of [{ prod: -1 }, { prod: 'many' }, 5]) {
      const answer = await gate.ask('POST', '/key/generate', { tag_rpm_limit });
      expect([400, 422]).toContain(answer.status);
      expect(answer.text).toContain('tag_rpm_limit');
    }
  });
});

describe('a key whose limit is dynamic', () => {
  it('is held to it only while the model fails', async () => {
    const key = await gate.makeKey({ rpm_limit: 2, rpm_limit_type: 'dynamic' });
    const ask = () => gate.chat(key, { model: 'shaky' });
    expect(await times(5, ask)).toEqual([200, 200, 200, 200, 200]);
    gate.provider.behave({ status: 500 });
    expect(await times(2, ask)).toEqual([500, 500]);
    gate.provider.behave({});
    expect(await times(3, ask)).toEqual([200, 200, 429]);
    // Another model is healthy.
    expect((await gate.chat(key, { model: 'm' })).status).toBe(200);
  });
});
