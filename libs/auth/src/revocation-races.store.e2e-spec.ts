import { SystemClock } from '#libs/kernel';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase, silentLogger, type TestDatabase } from '../../../test/harness/postgres.js';
import { admin, tenancyOn } from '../../../test/harness/tenancy.js';
import { configWith } from '../test/records.js';
import { KeyVault } from './key-vault.js';
import { type Resolution, TokenCallers } from './sign-in/token-callers.js';

/** So often each way of taking a right away is raced; 200 passed, too. */
const ROUNDS = 12;
/** Where a caller who is met for the first time waits for something: the right goes at one of them. */
const PLACES = ['before the read', 'after the read', 'while its budgets are opened'] as const;
type Place = (typeof PLACES)[number];

let test: TestDatabase;
let office: ReturnType<typeof tenancyOn>;
let replica: ReturnType<typeof tenancyOn>;
let vault: KeyVault;
let tokens: TokenCallers;
let count = 0;
let armed: { readonly at: Place; readonly revoke: () => Promise<void> } | undefined;

async function pass(at: Place): Promise<void> {
  if (armed?.at !== at) return;
  const { revoke } = armed;
  armed = undefined;
  await revoke();
}

/** What reads callers on the replica, with somebody who takes a right away in the middle of it. */
function disturbed<T extends object>(reader: T): T {
  return new Proxy(reader, {
    get: (target, name) => {
      const member: unknown = Reflect.get(target, name);
      if (typeof member !== 'function') return member;
      return async (...given: unknown[]) => {
        await pass('before the read');
        const read: unknown = await Reflect.apply(member, target, given);
        await pass('after the read');
        return read;
      };
    },
  });
}

beforeAll(async () => {
  const config = await configWith({ auth: { keyCacheTtlMs: 60_000, keyCacheSize: 10_000 } });
  test = await createTestDatabase();
  const url = { directUrl: test.url };
  office = tenancyOn(test.dataSource, silentLogger, url);
  replica = tenancyOn(test.dataSource, silentLogger, url);
  const clock = new SystemClock();
  const prepare = { prepare: () => pass('while its budgets are opened') };
  const { changes } = replica;
  const keys = disturbed(replica.directory);
  vault = new KeyVault(config, clock, changes, prepare, keys);
  tokens = new TokenCallers(config, clock, disturbed(replica.callers), prepare, changes, keys);
  await Promise.all([office.changes.start(), changes.start()]);
});
afterAll(async () => {
  await Promise.all([office?.changes.stop(), replica?.changes.stop()]);
  await test?.drop();
});

/** The change, until the replica has heard of it: only then is an administrator answered. */
async function acknowledged(change: () => Promise<unknown>): Promise<void> {
  const heard = Promise.withResolvers<void>();
  let isCommitted = false;
  let sawAny = false;
  const end = replica.changes.subscribe({
    onChange: () => {
      sawAny = true;
      if (isCommitted) heard.resolve();
    },
    onGap: () => undefined,
  });
  await change();
  isCommitted = true;
  // Rows are told of in order: one of our own behind it says that all before it was heard.
  await office.keys.generate(admin, {}, { randomBytes: 16 });
  await heard.promise;
  end();
  expect(sawAny).toBe(true);
}

interface Raced {
  readonly hash: string;
  readonly keyId: string;
  readonly userId: string;
  readonly teamId: string;
}

async function newcomer(): Promise<Raced> {
  count += 1;
  const [userId, teamId] = [`user-${count}`, `team-${count}`];
  await office.users.create(admin, { id: userId, settings: { role: 'internal_user' }, organizationIds: [] });
  await test.dataSource.query(`INSERT INTO teams (id) VALUES ($1)`, [teamId]);
  const { key } = await office.keys.generate(admin, { userId, teamId }, { randomBytes: 16 });
  return { hash: key.tokenHash, keyId: key.id, userId, teamId };
}

const REVOCATIONS: readonly [string, (one: Raced) => Promise<unknown>][] = [
  ['a key is blocked', ({ hash }) => office.keys.setBlocked(admin, hash, true)],
  ['a key is deleted', ({ hash }) => office.keys.delete(admin, { hashes: [hash] })],
  ['every key is blocked', () => office.keys.blockAll(admin)],
  [
    'a secret is made anew',
    ({ hash }) => office.rotation.regenerate(admin, hash, {}, { randomBytes: 16 }, null),
  ],
  ['a team is blocked', ({ teamId }) => office.teams.setBlocked(admin, teamId, true)],
  ['a person is blocked', ({ userId }) => office.users.update(admin, { userId }, { blocked: true })],
  ['a person leaves the directory', ({ userId }) => office.scimUsers.remove(admin, userId)],
];

/**
 * Attack: a credential that a replica never met is used in the moment in which it is taken away, so that what was read before is
 * remembered after. Whoever began to ask may not be admitted by it, nor anybody after.
 */
describe.each(REVOCATIONS)('while %s', (_what, revoke) => {
  it('nobody is met and kept by what was read before', async () => {
    for (let round = 0; round < ROUNDS; round += 1) {
      const one = await newcomer();
      const at = PLACES[round % PLACES.length] ?? 'after the read';
      armed = { at, revoke: () => acknowledged(() => revoke(one)) };
      const found = await vault.find(one.hash);
      expect(armed).toBeUndefined();
      expect([round, at, found?.standing === 'good' && found.principal.isCurrent()]).not.toContain(true);
      expect([round, at, (await vault.find(one.hash))?.standing]).not.toContain('good');
    }
  });
});

/** A token stands for the key, whatever its secret is today. */
const OF_TOKENS = REVOCATIONS.filter(([what]) => what !== 'a secret is made anew');

describe.each(OF_TOKENS)('while %s', (what, revoke) => {
  it('no token that stands for the key is met and kept, either', async () => {
    for (let round = 0; round < ROUNDS; round += 1) {
      const one = await newcomer();
      const at = PLACES[round % PLACES.length] ?? 'after the read';
      const meaning = async (): Promise<Resolution> => ({ callers: [{ keyId: one.keyId }], rows: [] });
      // A key that a team's or a person's token stands for is gone or blocked with them: all are refused.
      armed = { at, revoke: () => acknowledged(() => revoke(one)) };
      const ask = async (): Promise<string> => {
        try {
          return (await tokens.find(`jwt:${one.hash}`, meaning)).isCurrent() ? 'admitted' : 'outdated';
        } catch (refused) {
          return (refused as { code: string }).code;
        }
      };
      expect([what, round, at, await ask()]).not.toContain('admitted');
      expect(armed).toBeUndefined();
      expect([what, round, at, await ask()]).not.toContain('admitted');
    }
  });
});

/** What a token was compiled from before is over, too, also for the request that holds it. */
it('when every key is blocked, tokens that stand for keys are', async () => {
  const one = await newcomer();
  const held = await tokens.find('jwt:held', async () => ({ callers: [{ keyId: one.keyId }], rows: [] }));
  expect(held.isCurrent()).toBe(true);
  await acknowledged(() => office.keys.blockAll(admin));
  expect(held.isCurrent()).toBe(false);
});
