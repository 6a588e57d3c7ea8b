import { createHash, scryptSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { assertGoodPassword } from './password-policy.js';
import { hashPassword, verifyPassword } from './passwords.js';

const RIGHT = { isRight: true, isOutdated: false };
const OLD = { isRight: true, isOutdated: true };
const WRONG = { isRight: false, isOutdated: false };
const SECRET = 'Correct horse 7';

function scryptRow(password: string): string {
  const salt = Buffer.alloc(16, 7);
  const key = scryptSync(password, salt, 32, { N: 16_384, r: 8, p: 1 });
  return `scrypt:${Buffer.concat([salt, key]).toString('base64')}`;
}

describe('a stored password', () => {
  it('is argon2id with a salt of its own', async () => {
    const [one, two] = await Promise.all([hashPassword(SECRET), hashPassword(SECRET)]);
    expect(one).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$[\w+/]{22}\$[\w+/]{43}$/);
    expect(one).not.toBe(two);
    expect(await verifyPassword(one, SECRET)).toEqual(RIGHT);
    expect(await verifyPassword(one, `${SECRET} `)).toEqual(WRONG);
  });

  /** The first vector of RFC 9106's reference implementation for argon2id (t=2, m=65536, p=1). */
  it('is what other programs call argon2id', async () => {
    const known = '$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc';
    expect(await verifyPassword(known, 'password')).toEqual(RIGHT);
  });

  it('of LiteLLM is known, in both its forms, and said to be outdated', async () => {
    expect(await verifyPassword(scryptRow(SECRET), SECRET)).toEqual(OLD);
    expect(await verifyPassword(scryptRow(SECRET), 'x')).toEqual(WRONG);
    const bare = createHash('sha256').update(SECRET).digest('hex');
    expect(await verifyPassword(bare, SECRET)).toEqual(OLD);
    // The hash itself is not the password.
    expect(await verifyPassword(bare, bare)).toEqual(WRONG);
  });

  it('with less work in it than today’s is outdated', async () => {
    const weak = await hashPassword(SECRET);
    expect(await verifyPassword(weak.replace('t=2', 't=1'), SECRET)).toEqual(WRONG);
    expect(
      await verifyPassword(
        '$argon2id$v=19$m=65536,t=1,p=1$c29tZXNhbHQ$9qWtwbpyPd3vm1rB1GThgPzZ3/ydHL92zKL+15XZypg',
        'password',
      ),
    ).toEqual(OLD);
  });

  it.each([
    '',
    'plain',
    'scrypt:',
    'scrypt:AAAA',
    '$argon2id$v=19$m=1,t=1,p=1$a$b',
    '$argon2i$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$AAAA',
  ])('that is none lets nobody in: %s', async (stored) => {
    const verdict = await verifyPassword(stored, stored).catch(() => WRONG);
    expect(verdict).toEqual(WRONG);
  });

  it('of nobody is never right, and costs the same work', async () => {
    expect(await verifyPassword(null, '')).toEqual(WRONG);
    const time = async (stored: string | null): Promise<number> => {
      const startedMs = performance.now();
      for (let i = 0; i < 3; i += 1) await verifyPassword(stored, 'wrong');
      return performance.now() - startedMs;
    };
    const real = await hashPassword(SECRET);
    // Loose: it only has to show that the work is done at all, which takes a hundred times as long as not doing it.
    expect(await time(null)).toBeGreaterThan((await time(real)) / 5);
  });

  it('is not worked on when it is absurdly long', async () => {
    expect(await verifyPassword(await hashPassword('x'.repeat(2_000)), 'x'.repeat(2_000))).toEqual(WRONG);
  });
});

describe('the rules for new passwords', () => {
  const config = (
    minLength: number,
    requires: readonly ('uppercase' | 'lowercase' | 'number' | 'special')[],
  ) => ({ signIn: { browser: { passwords: { minLength, requires } } } }) as never;
  const all = config(12, ['uppercase', 'lowercase', 'number', 'special']);

  it.each([
    ['short', /at least 12/],
    ['alllowercase7!', /upper-case/],
    ['ALLUPPERCASE7!', /lower-case/],
    ['NoDigitsAtAll!', /digit/],
    ['NoSpecial12345', /special/],
    ['Aa1!'.repeat(400), /at most/],
  ])('refuse %j', (password, reason) => {
    expect(() => assertGoodPassword(all, password)).toThrow(reason);
  });

  it('take what keeps them, and count characters', () => {
    expect(() => assertGoodPassword(all, 'Correct horse 7')).not.toThrow();
    expect(() => assertGoodPassword(config(8, []), '🐴🐴🐴🐴🐴🐴🐴')).toThrow(/at least 8/);
    expect(() => assertGoodPassword(config(8, []), '🐴🐴🐴🐴🐴🐴🐴🐴')).not.toThrow();
  });

  it('never repeat the password', () => {
    expect(() => assertGoodPassword(all, 'hunter2')).toThrow(/^(?!.*hunter2)/);
  });
});
