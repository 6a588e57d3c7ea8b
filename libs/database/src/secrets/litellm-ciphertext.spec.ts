import { createCipheriv, hash, randomBytes } from 'node:crypto';
import { xsalsa20poly1305 } from '@noble/ciphers/salsa.js';
import { Secret } from '#libs/kernel';
import { describe, expect, it } from 'vitest';
import { readLiteLLMCiphertext } from './litellm-ciphertext.js';

const salt = new Secret('the salt of the old proxy');
const key = hash('sha256', salt.reveal(), 'buffer');

const secretbox = (text: string): Buffer => {
  const nonce = randomBytes(24);
  return Buffer.concat([nonce, xsalsa20poly1305(key, nonce).encrypt(Buffer.from(text))]);
};

describe('readLiteLLMCiphertext', () => {
  it('reads a secretbox in either base64 alphabet', () => {
    for (let turn = 0; turn < 20; turn += 1) {
      const box = secretbox('sk-provider');
      expect(readLiteLLMCiphertext(box.toString('base64url'), salt)).toBe('sk-provider');
      expect(readLiteLLMCiphertext(box.toString('base64'), salt)).toBe('sk-provider');
    }
  });

  it('reads AES-256-GCM behind its mark', () => {
    const nonce = randomBytes(12);
    const cipher = createCipheriv('aes-256-gcm', key, nonce);
    const bytes = Buffer.concat([nonce, cipher.update('sk-provider'), cipher.final(), cipher.getAuthTag()]);
    expect(readLiteLLMCiphertext(`v2:gcm:${bytes.toString('base64url')}`, salt)).toBe('sk-provider');
  });

  it('says so when the salt key is another one, or the text was never encrypted', () => {
    const box = secretbox('x').toString('base64url');
    expect(readLiteLLMCiphertext(box, new Secret('another'))).toBeUndefined();
    for (const plain of ['', 'openai/gpt-4o', 'os.environ/KEY', 'v2:gcm:', 'v2:gcm:AAAA'])
      expect(readLiteLLMCiphertext(plain, salt)).toBeUndefined();
  });
});
