import { SystemClock } from '#libs/kernel';
import { hashRawKey } from '#libs/tenancy';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase, silentLogger, type TestDatabase } from '../../../test/harness/postgres.js';
import { admin, tenancyOn } from '../../../test/harness/tenancy.js';
import { configWith } from '../test/records.js';
import { KeyVault } from './key-vault.js';

const random = { randomBytes: 16 } as const;
let test: TestDatabase;
let room: ReturnType<typeof tenancyOn>;
let vault: KeyVault;

beforeAll(async () => {
  const config = await configWith({ auth: { keyCacheTtlMs: 60_000, keyCacheSize: 1_000 } });
  test = await createTestDatabase();
  room = tenancyOn(test.dataSource, silentLogger, { directUrl: test.url });
  vault = new KeyVault(
    config,
    new SystemClock(),
    room.changes,
    { prepare: async () => undefined },
    room.directory,
  );
  await room.changes.start();
});
afterAll(async () => {
  await room.changes.stop();
  await test.drop();
});

describe('the key vault on PostgreSQL', () => {
  it('knows a key from the moment it is made, also one that was refused before', async () => {
    const raw = 'sk-chosen-by-the-customer';
    expect(await vault.find(hashRawKey(raw))).toBeUndefined();
    await room.keys.generate(admin, {}, { custom: raw });
    expect((await vault.find(hashRawKey(raw)))?.standing).toBe('good');
  });

  it('refuses a key from the moment its block is answered, and admits it again after', async () => {
    const { key } = await room.keys.generate(admin, {}, random);
    const held = await vault.find(key.tokenHash);
    expect(vault.find(key.tokenHash)).toBe(held);
    await room.keys.setBlocked(admin, key.tokenHash, true);
    expect(held?.principal.isCurrent()).toBe(false);
    expect((await vault.find(key.tokenHash))?.standing).toBe('key_blocked');
    await room.keys.setBlocked(admin, key.tokenHash, false);
    expect((await vault.find(key.tokenHash))?.standing).toBe('good');
  });

  it('tells the good from the bad in one question', async () => {
    const made = await Promise.all(Array.from({ length: 20 }, () => room.keys.generate(admin, {}, random)));
    const bad = Array.from({ length: 400 }, (_, i) => hashRawKey(`sk-bad-${i}`));
    const found = await Promise.all(
      [...bad, ...made.map(({ key }) => key.tokenHash)].map((hash) => vault.find(hash)),
    );
    expect(found.filter((one) => one !== undefined)).toHaveLength(20);
    expect(found.slice(0, 400).every((one) => one === undefined)).toBe(true);
  });
});
