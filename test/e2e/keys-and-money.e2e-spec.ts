import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { GovernedProduct, modelEntry } from '../harness/governed-product.js';

let running: GovernedProduct;
beforeAll(async () => {
  running = await GovernedProduct.start((provider) => ({
    model_list: [modelEntry('m', provider, { output_cost_per_token: 0.1 })],
  }));
});
afterAll(() => running?.dispose());

const statusOf = async (key: string, asking: object = {}): Promise<number> =>
  (await running.chat(key, { max_tokens: 5, ...asking })).status;

/** Calls until the budget is used up. */
async function exhaust(key: string): Promise<void> {
  for (let call = 0; call < 20; call += 1) if ((await statusOf(key)) !== 200) return;
  throw new Error('the budget has no end');
}

describe('spend that is set back', () => {
  it('lets the key in again at once, and counts from there on', async () => {
    const key = await running.makeKey({ max_budget: 2 });
    await exhaust(key);
    expect(await statusOf(key)).toBe(422);
    const before = await running.spendOf(key);
    const reset = await running.admin(`/key/${key}/reset_spend`, { reset_to: 0 });
    expect(reset).toMatchObject({ spend: 0, previous_spend: before });
    expect(await statusOf(key)).toBe(200);
    const after = await running.spendOf(key);
    expect(after).toBeGreaterThan(0);
    expect(after).toBeLessThan(before);
    await exhaust(key);
    expect(await running.spendOf(key)).toBeLessThanOrEqual(2);
  });

  it('is remembered when the budget gets another period', async () => {
    const key = await running.makeKey({ max_budget: 2, budget_duration: '30d' });
    await exhaust(key);
    await running.admin(`/key/${key}/reset_spend`, { reset_to: 0 });
    expect(await statusOf(key)).toBe(200);
    const counted = await running.spendOf(key);
    await running.admin('/key/update', { key, budget_duration: '1y' });
    // The first call of the new period sums the ledger by time: what was forgiven stays forgiven.
    expect(await statusOf(key)).toBe(200);
    expect(await running.spendOf(key)).toBeCloseTo(counted * 2, 6);
  });

  it('forgives the windows beside the budget as well', async () => {
    const key = await running.makeKey({
      max_budget: 100,
      budget_limits: [{ budget_duration: '1d', max_budget: 2 }],
    });
    await exhaust(key);
    expect(await statusOf(key)).toBe(422);
    await running.admin(`/key/${key}/reset_spend`, { reset_to: 0 });
    expect(await statusOf(key)).toBe(200);
  });
});

describe('a former secret', () => {
  it('works until its grace ends, and dies with whatever happens to the key', async () => {
    const first = await running.makeKey({ key_alias: 'graceful' });
    const { key: second } = await running.admin(`/key/${first}/regenerate`, { grace_period: '1h' });
    expect([await statusOf(first), await statusOf(second)]).toEqual([200, 200]);
    const own = await running.admin('/key/info', undefined, first);
    expect(own['info']).toMatchObject({ key_alias: 'graceful', rotation_count: 1 });
    // A leaked former secret is enough to stop the key.
    await running.admin('/key/block', { key: first });
    expect([await statusOf(first), await statusOf(second)]).toEqual([401, 401]);
    await running.admin('/key/unblock', { key: second });
    expect(await statusOf(first)).toBe(200);
    const { key: third } = await running.admin(`/key/${second}/regenerate`, {});
    expect([await statusOf(first), await statusOf(second), await statusOf(third)]).toEqual([401, 401, 200]);
    expect((await running.ask('GET', '/key/successor', undefined, third)).status).toBe(404);
  });
});

describe('customers', () => {
  it('are refused from the answer to the block on, and let in by the unblock', async () => {
    const key = await running.makeKey();
    expect(await statusOf(key, { user: 'c1' })).toBe(200);
    await running.admin('/customer/block', { user_ids: ['c1'] });
    expect(await statusOf(key, { user: 'c1' })).toBe(403);
    expect(await statusOf(key, { user: 'c2' })).toBe(200);
    await running.admin('/end_user/unblock', { user_ids: ['c1'] });
    expect(await statusOf(key, { user: 'c1' })).toBe(200);
  });

  it('have budgets of their own, or that of the key they come through', async () => {
    await running.admin('/budget/new', { budget_id: 'small', max_budget: 0 });
    const key = await running.makeKey();
    const strict = await running.makeKey({ end_user_budget_id: 'small' });
    await running.admin('/customer/new', { user_id: 'broke', max_budget: 0 });
    expect(await statusOf(key, { user: 'broke' })).toBe(422);
    expect(await statusOf(key, { user: 'unknown' })).toBe(200);
    expect(await statusOf(strict, { user: 'unknown' })).toBe(422);
    await running.admin('/budget/update', { budget_id: 'small', max_budget: 100 });
    expect(await statusOf(strict, { user: 'unknown' })).toBe(200);
  });
});

describe('a shared budget', () => {
  it('holds each key that points to it, until it is deleted', async () => {
    await running.admin('/budget/new', { budget_id: 'none', max_budget: 0 });
    const key = await running.makeKey({ budget_id: 'none' });
    expect(await statusOf(key)).toBe(422);
    await running.admin('/budget/delete', { id: 'none' });
    expect(await statusOf(key)).toBe(200);
  });
});

describe('a block of all keys', () => {
  it('is in force when it is answered, and the master key lifts it key by key', async () => {
    const key = await running.makeKey();
    expect(await statusOf(key)).toBe(200);
    const { blocked } = await running.admin('/key/block_all', { confirm: 'block all keys' });
    expect(blocked).toBeGreaterThan(0);
    expect(await statusOf(key)).toBe(401);
    await running.admin('/key/unblock', { key });
    expect(await statusOf(key)).toBe(200);
  });
});
