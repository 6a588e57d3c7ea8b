import { createDecipheriv, hash } from 'node:crypto';
import { xsalsa20poly1305 } from '@noble/ciphers/salsa.js';
import type { Secret } from '#libs/kernel';

const GCM_MARK = 'v2:gcm:';

/**
 * What LiteLLM stored encrypted: a NaCl secretbox, or AES-256-GCM after `v2:gcm:`, both under SHA-256 of its salt key (its
 * master key, where it had no salt key). Undefined when the text does not open: LiteLLM keeps plain text in the same
 * columns, so the caller must decide what that means.
 */
export function readLiteLLMCiphertext(text: string, saltKey: Secret): string | undefined {
  const key = hash('sha256', saltKey.reveal(), 'buffer');
  try {
    return text.startsWith(GCM_MARK)
      ? openGcm(decodeBase64(text.slice(GCM_MARK.length)), key)
      : openSecretbox(decodeBase64(text), key);
  } catch {
    // Too short, not base64, another key, or never encrypted: there is no telling them apart.
    return undefined;
  }
}

function openSecretbox(bytes: Buffer, key: Buffer): string {
  const opened = xsalsa20poly1305(key, bytes.subarray(0, 24)).decrypt(bytes.subarray(24));
  return Buffer.from(opened).toString('utf8');
}

function openGcm(bytes: Buffer, key: Buffer): string {
  const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, 12), { authTagLength: 16 });
  decipher.setAuthTag(bytes.subarray(-16));
  return Buffer.concat([decipher.update(bytes.subarray(12, -16)), decipher.final()]).toString('utf8');
}

/** URL-safe or plain, padded or not: Node reads both alphabets. */
function decodeBase64(text: string): Buffer {
  return Buffer.from(text, 'base64');
}
