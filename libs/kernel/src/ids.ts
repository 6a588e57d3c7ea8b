import { randomBytes } from 'node:crypto';

export type IdPrefix =
  | 'key'
  | 'team'
  | 'user'
  | 'org'
  | 'project'
  | 'invitation'
  | 'req'
  | 'inc'
  | 'audit'
  | 'erasure'
  | 'budget'
  | 'change'
  | 'dec'
  | 'session'
  | 'jwtmap';

const ALPHABET = Buffer.from('0123456789abcdefghjkmnpqrstvwxyz', 'latin1');
const TIME_DIGITS = 9;
const RANDOM_DIGITS = 16;
const scratch = Buffer.alloc(TIME_DIGITS + RANDOM_DIGITS);
let pool = Buffer.alloc(0);
let used = 0;

/**
 * A new id: prefix, 9 characters of time (so ids sort by age), 16 of randomness (80 bits): `req_01jd...`.
 * Randomness is drawn in blocks, because one call per request to the kernel's generator costs 1 us; the characters are
 * made into one string at once, because an id built piece by piece stays a tree of its pieces for as long as it is kept.
 */
export function newId(prefix: IdPrefix, nowMs: number = Date.now()): string {
  for (let left = nowMs, at = TIME_DIGITS - 1; at >= 0; at -= 1) {
    scratch[at] = digit(left % 32);
    left = Math.floor(left / 32);
  }
  if (used + RANDOM_DIGITS > pool.length) {
    pool = randomBytes(4096);
    used = 0;
  }
  for (let at = 0; at < RANDOM_DIGITS; at += 1)
    scratch[TIME_DIGITS + at] = digit((pool[used + at] ?? 0) & 31);
  used += RANDOM_DIGITS;
  return `${prefix}_${scratch.toString('latin1')}`;
}

function digit(value: number): number {
  return ALPHABET[value] ?? 0;
}
