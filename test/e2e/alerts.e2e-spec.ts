import { createHmac } from 'node:crypto';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { GovernedProduct, type Json, modelEntry } from '../harness/governed-product.js';

const SECRET = 'the secret that sender and receiver share';
const told: { headers: IncomingHttpHeaders; body: string }[] = [];
const receiver = createServer((request, response) => {
  let body = '';
  request.setEncoding('utf8').on('data', (piece: string) => (body += piece));
  request.on('end', () => {
    told.push({ headers: request.headers, body });
    response.end();
  });
});
let gate: GovernedProduct;

beforeAll(async () => {
  await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
  const { port } = receiver.address() as AddressInfo;
  gate = await GovernedProduct.start(
    (provider) => ({
      model_list: [modelEntry('m', provider)],
      general_settings: {
        alerting: ['webhook'],
        alerting_args: { budget_alert_thresholds: [50, 100], burst_size: 3, burst_window: 3_600 },
      },
    }),
    { env: { WEBHOOK_URL: `http://127.0.0.1:${port}/hook`, WEBHOOK_SIGNING_SECRET: SECRET } },
  );
});
afterAll(async () => {
  await gate?.dispose();
  receiver.close();
});

const events = (): Json[] => told.map(({ body }) => JSON.parse(body) as Json);

describe('a product that was told where alerts go', () => {
  it('says in a signed webhook that a budget is used up and that a key is refused again and again', async () => {
    const key = await gate.makeKey({ max_budget: 0.005, key_alias: 'spender' });
    expect((await gate.chat(key, { max_tokens: 5 })).status).toBe(200);
    const slow = await gate.makeKey({ rpm_limit: 1, key_alias: 'hasty' });
    for (let n = 0; n < 5; n += 1) await gate.chat(slow);
    await expect
      .poll(
        () =>
          events()
            .map(({ event }) => event)
            .toSorted(),
        { timeout: 30_000, interval: 200 },
      )
      .toEqual(['budget_crossed', 'rate_limit_burst']);
    const budget = events().find(({ event }) => event === 'budget_crossed');
    expect(budget).toMatchObject({
      event_group: 'key',
      key_alias: 'spender',
      spend: 0.005,
      max_budget: 0.005,
    });
    for (const { headers, body } of told) {
      const [, time = '', signature] =
        /^t=(\d+),v1=(\w+)$/.exec(String(headers['x-tollgate-signature'])) ?? [];
      expect(signature).toBe(createHmac('sha256', SECRET).update(`${time}.${body}`).digest('hex'));
    }
  });

  it('sends a test to the service an administrator names, and to nobody when nothing is configured', async () => {
    const tried = await gate.product.request('GET', '/health/services?service=webhook');
    expect([tried.status, await tried.json()]).toMatchObject([200, { status: 'success' }]);
    await expect
      .poll(() => events().map(({ event }) => event), { timeout: 30_000, interval: 200 })
      .toContain('test');
    expect((await gate.product.request('GET', '/health/services?service=slack')).status).toBe(400);
  });
});
