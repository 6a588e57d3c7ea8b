import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { IdentityProvider } from '../harness/identity-provider.js';
import { createTestDatabase, type TestDatabase } from '../harness/postgres.js';
import { Product } from '../harness/product.js';

const MODEL = { model_name: 'demo', litellm_params: { model: 'openai/x', mock_response: 'hi' } };
const CHAT = JSON.stringify({ model: 'demo', messages: [{ role: 'user', content: 'x' }] });

let database: TestDatabase;
let provider: IdentityProvider;
/** Whose key nobody has published yet. */
let stranger: IdentityProvider;
let product: Product;

beforeAll(async () => {
  database = await createTestDatabase();
  provider = await IdentityProvider.start();
  stranger = await IdentityProvider.start();
  await stranger.rotate();
  product = await Product.start({
    databaseUrl: database.url.reveal(),
    env: { JWT_PUBLIC_KEY_URL: provider.keysUrl, JWT_AUDIENCE: 'tollgate' },
    config: {
      model_list: [MODEL],
      general_settings: {
        enable_jwt_auth: true,
        // The ten minutes after which keys are read again, in one second: the outage lasts many times that.
        litellm_jwtauth: { user_id_jwt_field: 'sub', user_id_upsert: true, public_key_ttl: 1 },
        enable_oauth2_auth: true,
        oauth_token_info_endpoint: `${provider.issuer}/token-info`,
      },
    },
  });
});

afterAll(async () => {
  await product?.dispose();
  for (const one of [provider, stranger]) await one?.close();
  await database?.drop();
});

afterEach(() => {
  provider.setDown(false);
  provider.setSilent(false);
  provider.instead.clear();
});

let serial = 0;
const seen = (): Promise<string> => provider.token({ sub: 'ada', aud: 'tollgate' });
const firstSeen = (): Promise<string> =>
  provider.token({ sub: 'ada', aud: 'tollgate', jti: String((serial += 1)) });
const unknownKid = (): Promise<string> =>
  stranger.token({ sub: 'ada', aud: 'tollgate', jti: String((serial += 1)) });

async function statusOf(token: string): Promise<number> {
  const response = await fetch(`${product.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: CHAT,
  });
  await response.arrayBuffer();
  return response.status;
}

/** Asks again and again for this long, as callers of every kind do at once; all statuses that each kind was told. */
async function underLoad(
  kinds: Readonly<Record<string, () => Promise<string>>>,
  forMs: number,
): Promise<Record<string, number[]>> {
  const until = performance.now() + forMs;
  const told: Record<string, number[]> = {};
  await Promise.all(
    Object.entries(kinds).map(async ([kind, tokenOf]) => {
      const statuses = new Set<number>();
      let calls = 0;
      while (performance.now() < until || calls < 2) {
        statuses.add(await statusOf(await tokenOf()));
        calls += 1;
      }
      told[kind] = [...statuses];
    }),
  );
  return told;
}

/** The sentence on outages, word for word. A valid token that is told 401 makes its owner throw it away. */
describe.each([
  ['refuses connections', (isAway: boolean) => provider.setDown(isAway)],
  ['takes connections and says nothing', (isAway: boolean) => provider.setSilent(isAway)],
  [
    'answers with errors',
    (isAway: boolean) => isAway && provider.instead.set('/jwks', 502).set('/token-info', 429),
  ],
] as const)('while the identity provider %s', (_, away) => {
  it('known keys go on, for new tokens too; unknown keys and tokens that nobody remembers get 503; nobody gets 401', async () => {
    const known = await seen();
    provider.opaque.set('opaque-known', { sub: 'ada' });
    const unseen = `opaque-${(serial += 1)}`;
    provider.opaque.set(unseen, { sub: 'ada' });
    expect(await Promise.all([statusOf(known), statusOf(await firstSeen())])).toEqual([200, 200]);
    expect(await statusOf('opaque-known')).toBe(200);
    away(true);
    const told = await underLoad(
      {
        remembered: async () => known,
        'first seen': firstSeen,
        'of an unknown key': unknownKid,
        'opaque, remembered': async () => 'opaque-known',
        'opaque, unseen': async () => unseen,
        // What is wrong stays wrong: an outage is no way in.
        'of another audience': () => provider.token({ sub: 'ada', aud: 'other', jti: String((serial += 1)) }),
      },
      3_000,
    );
    expect(told).toEqual({
      remembered: [200],
      'first seen': [200],
      'of an unknown key': [503],
      'opaque, remembered': [200],
      'opaque, unseen': [503],
      'of another audience': [401],
    });
    away(false);
    provider.instead.clear();
    await expect.poll(() => statusOf(unseen), { timeout: 10_000 }).toBe(200);
    await expect.poll(async () => statusOf(await unknownKid()), { timeout: 10_000 }).toBe(401);
  }, 40_000);
});

/** A megabyte that becomes a gigabyte: from a provider that was broken into, or somebody on the way to it. */
it('an answer that unpacks without end is put down, and nobody is let in by it', async () => {
  const bomb = gzipSync(Buffer.alloc(300 * 1024 * 1024, ' '));
  const before = residentMb();
  provider.opaque.set('opaque-bomb', { sub: 'ada' });
  provider.instead.set('/token-info', bomb);
  expect(await statusOf('opaque-bomb')).toBe(503);
  expect(residentMb() - before).toBeLessThan(150);
  expect(await statusOf(await seen())).toBe(200);
});

function residentMb(): number {
  const status = readFileSync(`/proc/${product.pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1] ?? 0) / 1024;
}
