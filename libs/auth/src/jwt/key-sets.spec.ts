import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ManualClock } from '#libs/kernel';
import { KeySet } from './key-sets.js';

const URL_OF_KEYS = 'https://id.example/keys';
const MINUTE = 60_000;

let clock: ManualClock;
let published: object | undefined;
let asked = 0;

beforeEach(() => {
  clock = new ManualClock();
  published = { keys: [{ kty: 'RSA', kid: 'one', n: 'n', e: 'AQAB', d: 'private', alg: 'HS256' }] };
  asked = 0;
  vi.stubGlobal('fetch', async () => {
    asked += 1;
    return published === undefined
      ? new Response('{}', { status: 404 })
      : new Response(JSON.stringify(published), { status: 200 });
  });
});
afterEach(() => vi.unstubAllGlobals());

const setOf = (ttlMs = 10 * MINUTE, staleMs = 60 * MINUTE): KeySet =>
  new KeySet(URL_OF_KEYS, { ttlMs, staleMs }, clock);
const codeOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'keys',
    (error: { code: string }) => error.code,
  );

describe('the keys of a provider', () => {
  it('are asked for once, kept for their time, and only what verifies is kept of them', async () => {
    const set = setOf();
    const [first] = await Promise.all([set.keys(), set.keys(), set.keys()]);
    expect(first.keys).toEqual([{ kty: 'RSA', kid: 'one', n: 'n', e: 'AQAB' }]);
    clock.advance(9 * MINUTE);
    await set.keys();
    expect(asked).toBe(1);
    expect(set.vouchesFor(set.version)).toBe(true);
    expect(asked).toBe(1);
  });

  it('are used for an hour more while it is away, and then no longer: for ten minutes nothing is noticed', async () => {
    const set = setOf();
    await set.keys();
    const { version } = set;
    published = undefined;
    for (let minute = 0; minute < 69; minute += 1) {
      clock.advance(MINUTE);
      expect((await set.keys()).keys).toHaveLength(1);
      expect(set.vouchesFor(version)).toBe(true);
    }
    clock.advance(2 * MINUTE);
    expect(set.vouchesFor(version)).toBe(false);
    expect(await codeOf(set.keys())).toBe('auth.provider_unavailable');
  });

  /** Whoever sits on the way could put a key of his own into what travels in the clear. */
  it('are not fetched without TLS because a document that came over TLS says so', async () => {
    published = { issuer: 'https://id.example', jwks_uri: 'http://id.example/keys' };
    expect(await codeOf(setOf().keys())).toBe('auth.provider_unavailable');
    expect(asked).toBe(1);
  });

  it('fail closed at the end of their time where the operator wants that', async () => {
    const set = setOf(MINUTE, 0);
    await set.keys();
    published = undefined;
    clock.advance(MINUTE + 1);
    expect(set.vouchesFor(set.version)).toBe(false);
    expect(await codeOf(set.keys())).toBe('auth.provider_unavailable');
  });

  it('are asked for behind the back of tokens that are remembered, so that a withdrawn key ends them', async () => {
    const set = setOf();
    await set.keys();
    const { version } = set;
    published = { keys: [] };
    clock.advance(10 * MINUTE + 1);
    expect(set.vouchesFor(version)).toBe(true);
    await vi.waitFor(() => expect(set.vouchesFor(version)).toBe(false));
    expect(asked).toBe(2);
  });

  it('are asked for at once when one is missing, a few times, then as time passes', async () => {
    const set = setOf();
    await set.keys();
    for (let time = 0; time < 20; time += 1) await set.afterMiss();
    expect(asked).toBe(6);
    expect(await set.afterMiss()).toBeUndefined();
    clock.advance(5_000);
    await set.afterMiss();
    expect(asked).toBe(7);
  });

  it('that are missing while it is away are nobody’s fault, every time it is asked', async () => {
    const set = setOf();
    await set.keys();
    published = undefined;
    for (let time = 0; time < 10; time += 1) {
      expect(await codeOf(set.afterMiss())).toBe('auth.provider_unavailable');
      clock.advance(1_500);
    }
  });
});
