import { hash, randomBytes } from 'node:crypto';

export const KEY_PREFIX = 'sk-';

/** Fewer random bytes than this could be guessed; more than the upper bound would not fit a header field comfortably. */
const FEWEST_BYTES = 16;
const MOST_BYTES = 256;

/** A raw key: shown once to whoever asked for it, kept nowhere. */
export function newRawKey(bytes: number): string {
  const length = Math.min(MOST_BYTES, Math.max(FEWEST_BYTES, Math.trunc(bytes) || FEWEST_BYTES));
  return KEY_PREFIX + randomBytes(length).toString('base64url');
}

/** Lower-case hex SHA-256 of the whole raw key: the only form at rest. A fast hash is enough, because the input has 128 random bits. */
export function hashRawKey(raw: string): string {
  return hash('sha256', raw);
}

/** `sk-...` and the last four characters: what lists and logs show. */
export function maskRawKey(raw: string): string {
  return `${KEY_PREFIX}...${raw.slice(-4)}`;
}

/** The hash of a key named either way: raw (`sk-…`) or already by its hash. */
export function hashOfNamed(rawOrHash: string): string {
  return rawOrHash.startsWith(KEY_PREFIX) ? hashRawKey(rawOrHash) : rawOrHash.toLowerCase();
}
