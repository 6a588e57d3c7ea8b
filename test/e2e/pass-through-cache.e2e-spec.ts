import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../harness/postgres.js';
import { Product } from '../harness/product.js';

/** What a target tells the operator, who may keep it and give it to anybody. */
const PUBLIC = {
  'cache-control': 'public, max-age=600',
  'cdn-cache-control': 'max-age=600',
  'cloudflare-cdn-cache-control': 'max-age=600',
  'surrogate-control': 'max-age=600',
  expires: 'Thu, 01 Jan 2099 00:00:00 GMT',
  age: '5',
};

let database: TestDatabase;
let target: Server;
let product: Product;

beforeAll(async () => {
  database = await createTestDatabase();
  target = createServer((_, response) => response.writeHead(200, { ...PUBLIC, 'x-own': '1' }).end('{}'));
  await new Promise<void>((resolve) => target.listen(0, '127.0.0.1', resolve));
  const to = `http://127.0.0.1:${(target.address() as AddressInfo).port}/`;
  product = await Product.start({
    databaseUrl: database.url.reveal(),
    config: {
      general_settings: {
        pass_through_endpoints: [
          { path: '/granted', target: to },
          { path: '/open', target: to, auth: false, rpm_limit: 5 },
        ],
      },
    },
  });
});

afterAll(async () => {
  await product?.dispose();
  await new Promise((resolve) => target?.close(resolve));
  await database?.drop();
});

/** Attack: somebody without a grant asks a cache in front of us for what somebody with one has fetched, and paid for. */
describe('an answer of a pass-through endpoint', () => {
  it('that needed a caller is for that caller, whatever the target says to the operator', async () => {
    const key = await product.makeKey({ allowed_passthrough_routes: ['/granted'] });
    const { status, headers } = await product.request('GET', '/granted', undefined, key);
    expect([status, headers.get('x-own'), headers.get('cache-control')]).toEqual([
      200,
      '1',
      'private, no-cache',
    ]);
    for (const name of Object.keys(PUBLIC).slice(1)) expect([name, headers.get(name)]).toEqual([name, null]);
  });

  it('that needs none is kept as the target says', async () => {
    const { headers } = await product.request('GET', '/open', undefined, null);
    expect(headers.get('cache-control')).toBe(PUBLIC['cache-control']);
  });
});
