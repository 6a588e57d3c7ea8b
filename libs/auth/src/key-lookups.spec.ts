import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { hashRawKey } from '#libs/tenancy';
import { configWith, keyRow, recordOf } from '../test/records.js';
import { TestedVault } from '../test/vault-fakes.js';
import type { KeyVault } from './key-vault.js';

const TTL_MS = 5_000;
const config = await configWith({ auth: { keyCacheTtlMs: TTL_MS, keyCacheSize: 100 } });

let tested: TestedVault;
let directory: TestedVault['directory'];
let feed: TestedVault['feed'];
let vault: KeyVault;
const pass = (ms: number): Promise<void> => tested.pass(ms);
const find = (hash: string): ReturnType<TestedVault['find']> => tested.find(hash);

beforeEach(() => {
  vi.useFakeTimers();
  tested = new TestedVault(config);
  ({ directory, feed, vault } = tested);
});
afterEach(() => vi.useRealTimers());

/** Seen under load: one look-up took longer than two seconds, and 158 calls with good keys that had joined it got 503. */
describe('while PostgreSQL is slow', () => {
  const strangers = (count: number): string[] =>
    Array.from({ length: count }, (_, i) => directory.add(recordOf(keyRow(`sk-s${i}`))));

  const standings = async (found: readonly ReturnType<KeyVault['find']>[]): Promise<unknown[]> =>
    (await Promise.all(found)).map((one) => one?.standing);

  /** Answers what the rows were when it was asked. */
  const answerAfter = (ms: number): void => {
    const read = directory.findByHashes.bind(directory);
    vi.spyOn(directory, 'findByHashes').mockImplementation(async (hashes) => {
      const rows = await read(hashes);
      await new Promise((resolve) => setTimeout(resolve, ms));
      return rows;
    });
  };

  it('a question without an answer is put again, in halves, and nobody who joined it fails', async () => {
    const found = strangers(300).map((hash) => vault.find(hash));
    directory.isSilent = true;
    await pass(100);
    expect(directory.questions.map(({ length }) => length)).toEqual([300]);
    directory.isSilent = false;
    await pass(2_000);
    await pass(100);
    expect(directory.questions.map(({ length }) => length)).toEqual([300, 150, 150]);
    expect(new Set(await standings(found))).toEqual(new Set(['good']));
  });

  it('a connection that broke fails nobody', async () => {
    const found = strangers(10).map((hash) => vault.find(hash));
    vi.spyOn(directory, 'findByHashes').mockRejectedValueOnce(
      new Error('Connection terminated unexpectedly'),
    );
    await pass(100);
    expect(new Set(await standings(found))).toEqual(new Set(['good']));
  });

  it('a late answer still counts, but not for who came after its question was put', async () => {
    const [early = ''] = strangers(1);
    answerAfter(3_000);
    const found = [vault.find(early)];
    await pass(1_000);
    const made = hashRawKey('sk-made-meanwhile');
    const before = vault.find(made);
    for (let i = 0; i < 11; i += 1) await pass(100);
    // By now that key was asked about, and is not there yet.
    directory.add(recordOf(keyRow('sk-made-meanwhile')));
    const after = vault.find(made);
    for (let i = 0; i < 70; i += 1) await pass(100);
    expect(await standings([...found, after])).toEqual(['good', 'good']);
    expect(await before).toBeUndefined();
  });

  it('callers that are known are not kept waiting for the second question', async () => {
    const [known = ''] = strangers(1);
    const compiled = await find(known);
    directory.isSilent = true;
    feed.is = 'lagging';
    await pass(TTL_MS + 1);
    const first = vault.find(known);
    const stranger = Promise.resolve(vault.find(hashRawKey('sk-new'))).catch((error: unknown) => error);
    await pass(2_100);
    expect(await first).toBe(compiled);
    await pass(2_100);
    expect(await stranger).toMatchObject({ code: 'auth.store_unavailable' });
  });
});

describe('while this process is out of step with the changes', () => {
  const refused = expect.objectContaining({ code: 'auth.store_unavailable', status: 503 });

  /** Seen under load: a process that had stood still for its lease refused all its callers in the moment it went on. */
  it('callers wait until it is in step again, and see what was changed meanwhile', async () => {
    const hash = directory.add(recordOf(keyRow('sk-a')));
    const held = (await find(hash))!.principal;
    feed.fenced = true;
    expect(held.isCurrent()).toBe(false);
    const found = Promise.resolve(vault.find(hash));
    await pass(1_000);
    directory.add(recordOf(keyRow('sk-a', { blocked: true })));
    feed.say('key', 'key_sk-a');
    feed.fenced = false;
    await pass(100);
    await pass(50);
    expect((await found)?.standing).toBe('key_blocked');
  });

  it('nobody is served, nobody waits for ever, and those who come later do not wait at all', async () => {
    const hash = directory.add(recordOf(keyRow('sk-a')));
    const compiled = await find(hash);
    feed.fenced = true;
    const first = Promise.resolve(vault.find(hash)).catch((error: unknown) => error);
    await pass(2_600);
    expect(await first).toEqual(refused);
    await expect(vault.find(hash)).rejects.toEqual(refused);
    await pass(60_000);
    await expect(vault.find(hash)).rejects.toEqual(refused);
    feed.fenced = false;
    await pass(100);
    directory.add(recordOf(keyRow('sk-b')));
    expect((await find(hash))?.principal).toEqual(compiled?.principal);
    feed.fenced = true;
    const again = Promise.resolve(vault.find(hash));
    feed.fenced = false;
    await pass(100);
    expect((await again)?.standing).toBe('good');
  });
});
