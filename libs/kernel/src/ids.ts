import { randomBytes } from 'node:crypto';

export type IdPrefix = 'key' | 'team' | 'user' | 'org' | 'req' | 'inc' | 'audit' | 'budget' | 'change' | 'dec';

const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';
let pool = Buffer.alloc(0);
let used = 0;

/**
 * A new id: prefix, 9 characters of time (so ids sort by age), 16 of randomness (80 bits): `req_01jd...`.
 * Randomness is drawn in blocks, because one call per request to the kernel's generator costs 1 us.
 */
export function newId(prefix: IdPrefix, nowMs: number = Date.now()): string {
  let time = '';
  for (let left = nowMs, i = 0; i < 9; i += 1) {
    time = ALPHABET[left % 32]! + time;
    left = Math.floor(left / 32);
  }
  if (used + 16 > pool.length) {
    pool = randomBytes(4096);
    used = 0;
  }
  let tail = '';
  for (let i = 0; i < 16; i += 1) tail += ALPHABET[pool[used + i]! & 31]!;
  used += 16;
  return `${prefix}_${time}${tail}`;
}
