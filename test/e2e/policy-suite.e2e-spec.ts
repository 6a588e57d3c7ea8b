import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { IdentityProvider } from '../harness/identity-provider.js';
import { type Ask, ASKS, CASES, MASTER_CASES, PEOPLE, ROWS, SHUTTING } from '../harness/policy-cases.js';
import { createTestDatabase, type TestDatabase } from '../harness/postgres.js';
import { Product } from '../harness/product.js';
import { everyWayIn, type Headers, WAYS_IN, WaysIn } from '../harness/ways-in.js';

const MODEL = {
  model_name: 'demo',
  litellm_params: {
    model: 'openai/x',
    mock_response: 'hi',
    input_cost_per_token: 1e-3,
    output_cost_per_token: 1e-3,
  },
};

let database: TestDatabase;
let provider: IdentityProvider;
let product: Product;
/** `JWT plain` and so on: signed in before anybody was shut out. */
const signedIn = new Map<string, Headers>();

beforeAll(async () => {
  database = await createTestDatabase();
  provider = await IdentityProvider.start();
  const { env, files, settings } = everyWayIn(provider);
  product = await Product.start({
    databaseUrl: database.url.reveal(),
    env,
    files,
    config: { model_list: [MODEL, { ...MODEL, model_name: 'dear' }], general_settings: settings },
  });
  const ways = new WaysIn(product, provider, database.dataSource);
  for (const [path, body] of ROWS)
    await administer(path, { ...(path === '/user/new' ? { auto_create_key: false } : {}), ...body });
  for (const way of WAYS_IN)
    for (const [name, rights] of Object.entries(PEOPLE))
      signedIn.set(`${way} ${name}`, await ways.signIn(way, rights, `${way} ${name}`.replaceAll(' ', '-')));
  // Everybody is known to every cache before some are shut out.
  await Promise.all([...signedIn.values()].map((headers) => send(headers, ASKS['list models'])));
  for (const [path, body] of SHUTTING) await administer(path, body);
}, 60_000);

afterAll(async () => {
  await product?.dispose();
  await provider?.close();
  await database?.drop();
});

async function administer(path: string, body: object): Promise<void> {
  const answer = await product.request('POST', path, body);
  if (!answer.ok) throw new Error(`${path} answered ${answer.status}: ${await answer.text()}`);
}

async function send(headers: Headers, [method, path, body]: Ask): Promise<{ status: number; text: string }> {
  const response = await fetch(product.url + path, {
    method,
    headers: { ...headers, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: response.status, text: await response.text() };
}

/** A way in with checks of its own would be a way around those of the others. */
describe.each(WAYS_IN)('who signs in by %s', (way) => {
  it.each(CASES.map(({ who, does, status }) => [who, does, status] as const))(
    'as %s, to %s, is answered %i',
    async (who, does, status) => {
      const answer = await send(signedIn.get(`${way} ${who}`) ?? {}, ASKS[does]);
      expect(answer.status, answer.text).toBe(status);
      if ([401, 403, 422, 429].includes(status)) expect(answer.text).toMatch(/"decision_id":"dec_\w{25}"/);
    },
  );
});

describe('who has the master key', () => {
  it.each(MASTER_CASES.map(({ does, status }) => [does, status] as const))(
    'to %s, is answered %i',
    async (does, status) => {
      const answer = await send({ authorization: `Bearer ${product.masterKey}` }, ASKS[does]);
      expect(answer.status, answer.text).toBe(status);
    },
  );
});

/** What a call costs lands with the same user, team and customer, whoever vouched for the caller. */
describe('what it spent', () => {
  it.each(WAYS_IN)('by %s is its user’s, its team’s and its customer’s', async (way) => {
    const name = way.replaceAll(' ', '-');
    await administer('/team/new', { team_id: `pays-${name}` });
    await administer('/user/new', { user_id: `by-${name}`, auto_create_key: false });
    const ways = new WaysIn(product, provider, database.dataSource);
    const rights = { userId: `by-${name}`, teamId: `pays-${name}` };
    const headers = await ways.signIn(way, rights, `spends-${name}`);
    const [method, path, body] = ASKS['call demo'];
    const answer = await send(headers, [method, path, { ...body, user: `for-${name}` }]);
    expect(answer.status, answer.text).toBe(200);
    const rows = async (): Promise<unknown> =>
      database.dataSource.query(
        `SELECT user_id, team_id, customer_id, cost_nano > 0 AS paid FROM ledger_entries WHERE user_id = $1`,
        [`by-${name}`],
      );
    await expect
      .poll(rows, { timeout: 10_000 })
      .toEqual([{ user_id: `by-${name}`, team_id: `pays-${name}`, customer_id: `for-${name}`, paid: true }]);
  });
});
