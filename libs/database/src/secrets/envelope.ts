import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';
import type { Secret } from '#libs/kernel';

/** A key and the name that ciphertexts call it by. The name tells nothing about the key. */
export interface NamedKey {
  readonly id: string;
  readonly key: Buffer;
}

/** What every sealed value starts with: the format, so that another can follow. */
const FORMAT = 'tg1';
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const DATA_KEY_BYTES = 32;

/** The encryption key that a text stands for: wraps data keys, and seals nothing itself. */
export function encryptionKeyOf(text: Secret): NamedKey {
  const derive = (purpose: string, bytes: number): Buffer =>
    Buffer.from(hkdfSync('sha256', text.reveal(), 'tollgate', purpose, bytes));
  return { id: derive('name of the encryption key', 8).toString('hex'), key: derive('encryption key', 32) };
}

export function newDataKey(): NamedKey {
  return { id: randomBytes(8).toString('hex'), key: randomBytes(DATA_KEY_BYTES) };
}

export function wrapKey(dataKey: NamedKey, encryptionKey: NamedKey): string {
  return encrypt(encryptionKey.key, dataKey.key, `encryption_keys.wrapped:${dataKey.id}`);
}

/** Throws when the encryption key is another one, or the row was tampered with. */
export function unwrapKey(id: string, wrapped: string, encryptionKey: NamedKey): NamedKey {
  return { id, key: decrypt(encryptionKey.key, wrapped, `encryption_keys.wrapped:${id}`) };
}

/** `tg1:<data key>:<nonce, ciphertext, tag>`. `place` is bound in, so that a value copied to another row or column does not open there. */
export function sealValue(dataKey: NamedKey, place: string, plain: string): string {
  return `${FORMAT}:${dataKey.id}:${encrypt(dataKey.key, Buffer.from(plain, 'utf8'), place)}`;
}

/** Throws when the value was sealed for another place, with another key, or was changed. */
export function openValue(dataKey: NamedKey, place: string, sealed: string): string {
  return decrypt(dataKey.key, sealed.slice(sealedPrefix(dataKey.id).length), place).toString('utf8');
}

/** Which data key a sealed value names; undefined for what is not one of ours. */
export function dataKeyOf(sealed: string): string | undefined {
  return /^tg1:([0-9a-f]{16}):[\w-]+$/.exec(sealed)?.[1];
}

/** How everything that this data key sealed begins. */
export function sealedPrefix(dataKeyId: string): string {
  return `${FORMAT}:${dataKeyId}:`;
}

/** A random nonce is safe here: a data key seals some thousands of values before it is rotated, not 2^32. */
function encrypt(key: Buffer, plain: Buffer, associated: string): string {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES });
  cipher.setAAD(Buffer.from(associated, 'utf8'));
  const parts = [nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()];
  return Buffer.concat(parts).toString('base64url');
}

function decrypt(key: Buffer, text: string, associated: string): Buffer {
  const bytes = Buffer.from(text, 'base64url');
  if (bytes.length < NONCE_BYTES + TAG_BYTES) throw new Error('the sealed value is cut short');
  const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, NONCE_BYTES), {
    authTagLength: TAG_BYTES,
  });
  decipher.setAAD(Buffer.from(associated, 'utf8'));
  decipher.setAuthTag(bytes.subarray(-TAG_BYTES));
  return Buffer.concat([decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES)), decipher.final()]);
}
