import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { hashRawKey } from '#libs/tenancy';
import { configWith, keyRow, recordOf, teamRow, userRow } from '../test/records.js';
import { TestedVault } from '../test/vault-fakes.js';
import { type KeyVault, MAX_STALE_MS } from './key-vault.js';

const TTL_MS = 5_000;
const config = await configWith({ auth: { keyCacheTtlMs: TTL_MS, keyCacheSize: 100 } });

let tested: TestedVault;
let directory: TestedVault['directory'];
let feed: TestedVault['feed'];
let preparation: TestedVault['preparation'];
let vault: KeyVault;
const pass = (ms: number): Promise<void> => tested.pass(ms);
const find = (hash: string): ReturnType<TestedVault['find']> => tested.find(hash);

beforeEach(() => {
  vi.useFakeTimers();
  tested = new TestedVault(config);
  ({ directory, feed, preparation, vault } = tested);
});
afterEach(() => vi.useRealTimers());

describe('a known key', () => {
  it('is answered at once, without a promise and without a question', async () => {
    const hash = directory.add(recordOf(keyRow('sk-a')));
    const compiled = await find(hash);
    expect(compiled?.principal.key?.id).toBe('key_sk-a');
    expect(vault.find(hash)).toBe(compiled);
    expect(directory.questions).toHaveLength(1);
  });

  it('has its budgets opened before it is first served', async () => {
    const hash = directory.add(recordOf(keyRow('sk-a')));
    await find(hash);
    expect(preparation.prepared).toHaveLength(1);
  });

  it('is asked for once, however many ask', async () => {
    const hash = directory.add(recordOf(keyRow('sk-a')));
    const all = Array.from({ length: 100 }, () => vault.find(hash));
    await pass(50);
    expect(new Set(await Promise.all(all)).size).toBe(1);
    expect(directory.questions).toEqual([[hash]]);
    expect(preparation.prepared).toHaveLength(1);
  });

  it.each([
    ['its id', 'key', 'key_sk-a'],
    ['its hash', 'key_hash', hashRawKey('sk-a')],
    ['its user', 'user', 'u'],
    ['its team', 'team', 't'],
  ])('is dropped by a change of %s, also for a request that holds it', async (_, noun, id) => {
    const hash = directory.add(
      recordOf(keyRow('sk-a', { userId: 'u', teamId: 't' }), { user: userRow('u'), team: teamRow('t') }),
    );
    const held = (await find(hash))!.principal;
    expect(held.isCurrent()).toBe(true);
    directory.add(recordOf(keyRow('sk-a', { blocked: true })));
    feed.say(noun, id);
    expect(held.isCurrent()).toBe(false);
    expect((await find(hash))?.standing).toBe('key_blocked');
  });

  it('is not touched by changes of others', async () => {
    const hash = directory.add(recordOf(keyRow('sk-a', { teamId: 't' }), { team: teamRow('t') }));
    const compiled = await find(hash);
    feed.say('team', 'other');
    feed.say('key', 'key_sk-b');
    expect(vault.find(hash)).toBe(compiled);
  });

  it('hears of its revocation even after it was evicted', async () => {
    const held = (await find(directory.add(recordOf(keyRow('sk-a')))))!.principal;
    for (let i = 0; i < 150; i += 1) directory.add(recordOf(keyRow(`sk-${i}`)));
    for (const hash of directory.rows.keys()) vault.find(hash);
    await pass(100);
    expect(held.isCurrent()).toBe(true);
    feed.say('key', 'key_sk-a');
    expect(held.isCurrent()).toBe(false);
  });
});

describe('what a row said before it was changed', () => {
  /** Attack: a key is blocked while its row is being read; the old row must not be cached after the notification. */
  it('is not kept when the change is heard during the read', async () => {
    const hash = directory.add(recordOf(keyRow('sk-a')));
    directory.meanwhile = () => {
      directory.add(recordOf(keyRow('sk-a', { blocked: true })));
      feed.say('key', 'key_sk-a');
    };
    expect((await find(hash))?.standing).toBe('key_blocked');
  });

  it('is not kept when the change is heard while budgets are opened', async () => {
    const hash = directory.add(recordOf(keyRow('sk-a', { teamId: 't' }), { team: teamRow('t') }));
    vi.spyOn(preparation, 'prepare').mockImplementationOnce(async () => {
      directory.add(recordOf(keyRow('sk-a', { teamId: 't' }), { team: teamRow('t', { blocked: true }) }));
      feed.say('team', 't');
    });
    expect((await find(hash))?.standing).toBe('team_blocked');
  });

  it('does not make a new key unknown', async () => {
    const hash = hashRawKey('sk-new');
    directory.meanwhile = () => {
      directory.add(recordOf(keyRow('sk-new')));
      feed.say('key_hash', hash);
    };
    expect((await find(hash))?.principal.key?.id).toBe('key_sk-new');
  });
});

describe('an unknown key', () => {
  it('is undefined, and works from the moment it is made', async () => {
    const hash = hashRawKey('sk-late');
    expect(await find(hash)).toBeUndefined();
    directory.add(recordOf(keyRow('sk-late')));
    feed.say('key_hash', hash);
    expect((await find(hash))?.standing).toBe('good');
  });

  it('asked for right after it was made elsewhere is read anew, not taken from a question already under way', async () => {
    const hash = hashRawKey('sk-race');
    let later: ReturnType<KeyVault['find']>;
    directory.meanwhile = () => {
      directory.add(recordOf(keyRow('sk-race')));
      later = vault.find(hash);
    };
    expect(await find(hash)).toBeUndefined();
    await pass(50);
    expect((await later)?.standing).toBe('good');
  });

  it('sent again costs no question for a second, while changes are heard', async () => {
    const hash = hashRawKey('sk-bad');
    await find(hash);
    expect(vault.find(hash)).toBeUndefined();
    feed.is = 'lagging';
    expect(vault.find(hash)).toBeInstanceOf(Promise);
    await pass(50);
    expect(directory.questions).toHaveLength(2);
  });

  /** Attack: 5,000 random keys a second, to keep the database busy or to lock out those who are not cached yet. */
  it('cannot buy more than 50 questions a second, and a good stranger still gets in', async () => {
    const good = directory.add(recordOf(keyRow('sk-good')));
    let admitted: ReturnType<KeyVault['find']>;
    const answers: unknown[] = [];
    for (let ms = 0; ms < 1_000; ms += 1) {
      for (let i = 0; i < 5; i += 1) answers.push(vault.find(hashRawKey(`sk-${ms}-${i}`)));
      if (ms === 500) admitted = vault.find(good);
      await pass(1);
    }
    expect((await admitted)?.standing).toBe('good');
    expect(directory.questions.length).toBeLessThanOrEqual(50);
    await pass(100);
    expect(new Set(await Promise.all(answers))).toEqual(new Set([undefined]));
  });
});

describe('while PostgreSQL does not answer', () => {
  const unavailable = expect.objectContaining({ code: 'auth.store_unavailable', status: 503 });

  it('an unknown key gets 503, never 401, when two questions in a row had no answer', async () => {
    directory.isSilent = true;
    const answer = Promise.resolve(vault.find(hashRawKey('sk-x'))).catch((error: unknown) => error);
    await pass(2_100);
    await pass(2_100);
    expect(await answer).toEqual(unavailable);
    expect(directory.questions).toHaveLength(2);
    await expect(vault.find(hashRawKey('sk-y'))).rejects.toEqual(unavailable);
    expect(directory.questions).toHaveLength(2);
    // Until the store answers again, nobody waits for two.
    await pass(1_100);
    const next = Promise.resolve(vault.find(hashRawKey('sk-y'))).catch((error: unknown) => error);
    await pass(2_100);
    expect(await next).toEqual(unavailable);
    expect(directory.questions).toHaveLength(3);
  });

  it('an unknown key gets 503 at once where connections are refused', async () => {
    directory.isDown = true;
    const answer = Promise.resolve(vault.find(hashRawKey('sk-x'))).catch((error: unknown) => error);
    await pass(60);
    expect(await answer).toEqual(unavailable);
    expect(directory.questions).toHaveLength(2);
  });

  it('a known key works, and after the stated staleness gets 503', async () => {
    const hash = directory.add(recordOf(keyRow('sk-a')));
    const compiled = await find(hash);
    directory.isDown = true;
    feed.is = 'down';
    await pass(TTL_MS + 1_000);
    expect(await find(hash)).toBe(compiled);
    await pass(MAX_STALE_MS - 2_000);
    expect(await find(hash)).toBe(compiled);
    await pass(3_000);
    await expect(find(hash)).rejects.toEqual(unavailable);
  });

  it('one request waits for a silent database, the others are served meanwhile', async () => {
    const hash = directory.add(recordOf(keyRow('sk-a')));
    const compiled = await find(hash);
    directory.isSilent = true;
    feed.is = 'lagging';
    await pass(TTL_MS + 1);
    const first = Promise.resolve(vault.find(hash));
    await pass(2_100);
    expect(await first).toBe(compiled);
    for (let second = 0; second < 10; second += 1) {
      expect(vault.find(hash)).toBe(compiled);
      await pass(1_000);
    }
    expect(directory.questions.length).toBeGreaterThan(3);
    directory.isSilent = false;
    directory.rows.delete(hash);
    for (let second = 0; second < 4; second += 1) await pass(1_000);
    vault.find(hash);
    await pass(100);
    expect(await find(hash)).toBeUndefined();
  });

  it('a key dropped by a revocation is not revived', async () => {
    const hash = directory.add(recordOf(keyRow('sk-a')));
    await find(hash);
    directory.isDown = true;
    feed.say('key', 'key_sk-a');
    await expect(find(hash)).rejects.toEqual(unavailable);
  });

  it('the vault recovers by itself', async () => {
    const hash = directory.add(recordOf(keyRow('sk-a')));
    directory.isDown = true;
    await expect(find(hash)).rejects.toEqual(unavailable);
    directory.isDown = false;
    await pass(1_100);
    expect((await find(hash))?.standing).toBe('good');
  });
});

describe('the time limit behind the notifications', () => {
  it('re-reads in the background while changes are heard, and keeps an unchanged object', async () => {
    const hash = directory.add(recordOf(keyRow('sk-a')));
    const compiled = await find(hash);
    await pass(TTL_MS + 1);
    expect(vault.find(hash)).toBe(compiled);
    await pass(50);
    expect(directory.questions).toHaveLength(2);
    expect(vault.find(hash)).toBe(compiled);
    expect(compiled?.principal.isCurrent()).toBe(true);
    expect(directory.questions).toHaveLength(2);
  });

  /** Ten thousand callers that were met within seconds would be read again within seconds. */
  it('looks at many a few at a time, and at each within half of that time again', async () => {
    for (let i = 0; i < 100; i += 1) directory.add(recordOf(keyRow(`sk-${i}`)));
    const hashes = [...directory.rows.keys()];
    for (const hash of hashes) vault.find(hash);
    await pass(50);
    await pass(TTL_MS);
    directory.questions.length = 0;
    for (let ms = 0; ms < TTL_MS / 2; ms += 50) {
      for (const hash of hashes) expect(vault.find(hash)).not.toBeInstanceOf(Promise);
      await pass(50);
    }
    expect(Math.max(...directory.questions.map(({ length }) => length))).toBeLessThanOrEqual(8);
    expect(directory.questions.flat().toSorted()).toEqual(hashes.toSorted());
  });

  it('finds what no notification told', async () => {
    const hash = directory.add(recordOf(keyRow('sk-a')));
    const compiled = await find(hash);
    directory.rows.delete(hash);
    await pass(TTL_MS + 1);
    await find(hash);
    expect(compiled?.principal.isCurrent()).toBe(false);
    expect(await find(hash)).toBeUndefined();
  });

  it('reads before it serves once changes may have been missed', async () => {
    const hash = directory.add(recordOf(keyRow('sk-a')));
    await find(hash);
    directory.add(recordOf(keyRow('sk-a', { blocked: true })));
    await pass(1);
    feed.listener?.onGap();
    expect((await find(hash))?.standing).toBe('key_blocked');
  });
});
