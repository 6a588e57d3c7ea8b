import { hash, randomBytes, randomInt, timingSafeEqual } from 'node:crypto';

/** No I, O, 0 and 1: people read it in one window and type it into another. */
const ALPHABET = 'ABCDEFGHJKLMNPQRSTUVWXYZ23456789';
const CODE_LENGTH = 8;

/** `ABCD-EFGH`: 40 bits, drawn without bias. */
export function newUserCode(): string {
  const letters = Array.from({ length: CODE_LENGTH }, () => ALPHABET[randomInt(ALPHABET.length)] ?? '').join(
    '',
  );
  return `${letters.slice(0, 4)}-${letters.slice(4)}`;
}

/** What somebody typed, in the form codes are compared in: case, dashes and blanks do not matter. */
export function typedCode(text: string): string {
  return text
    .slice(0, 64)
    .toUpperCase()
    .replace(/[^A-Z0-9]/g, '');
}

/** Bound to its sign-in: a digest of one says nothing about another's. */
export function hashOfCode(id: string, code: string): string {
  return hash('sha256', `${id}\0${typedCode(code)}`);
}

export function newPollSecret(): string {
  return randomBytes(32).toString('base64url');
}

export function newCliSignInId(): string {
  return `cli-${randomBytes(18).toString('base64url')}`;
}

/** Digests in hexadecimal, compared in constant time. */
export function isSameDigest(given: string, wanted: string): boolean {
  return given.length === wanted.length && timingSafeEqual(Buffer.from(given), Buffer.from(wanted));
}
