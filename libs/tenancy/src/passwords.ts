import { randomBytes, scrypt } from 'node:crypto';

const SALT_BYTES = 16;
const KEY_BYTES = 32;
/** The drop-in's cost, so that its rows verify here and ours there. */
const COST = { N: 16_384, r: 8, p: 1 };

/** `scrypt:` and salt with derived key in base64. Some 50 ms of one thread of the pool, on purpose. */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(SALT_BYTES);
  const key = await new Promise<Buffer>((resolve, reject) => {
    scrypt(password.normalize('NFKC'), salt, KEY_BYTES, COST, (error, derived) =>
      error ? reject(error) : resolve(derived),
    );
  });
  return `scrypt:${Buffer.concat([salt, key]).toString('base64')}`;
}
