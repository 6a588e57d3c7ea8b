import { Secret } from '#libs/kernel';
import { describe, expect, it } from 'vitest';
import {
  dataKeyOf,
  encryptionKeyOf,
  newDataKey,
  openValue,
  sealedPrefix,
  sealValue,
  unwrapKey,
  wrapKey,
} from './envelope.js';

describe('a sealed value', () => {
  const key = newDataKey();

  it('opens where it belongs, and says which key it needs', () => {
    const sealed = sealValue(key, 'proxy_models.secrets:m1', '{"api_key":"sk-ä"}');
    expect(openValue(key, 'proxy_models.secrets:m1', sealed)).toBe('{"api_key":"sk-ä"}');
    expect(dataKeyOf(sealed)).toBe(key.id);
    expect(sealed.startsWith(sealedPrefix(key.id))).toBe(true);
  });

  /** Somebody who can write to the database copies the company's provider key into a row whose answers he can read. */
  it('does not open in another row or column', () => {
    const sealed = sealValue(key, 'proxy_models.secrets:m1', 'x');
    expect(() => openValue(key, 'proxy_models.secrets:m2', sealed)).toThrow();
    expect(() => openValue(key, 'credentials.secrets:m1', sealed)).toThrow();
  });

  it('does not open when a character was changed, anywhere', () => {
    const sealed = sealValue(key, 'p', 'hello');
    const start = sealedPrefix(key.id).length;
    for (let at = start; at < sealed.length - 1; at += 1) {
      const changed = `${sealed.slice(0, at)}${sealed[at] === 'A' ? 'B' : 'A'}${sealed.slice(at + 1)}`;
      expect(() => openValue(key, 'p', changed), `position ${at}`).toThrow();
    }
    expect(() => openValue(key, 'p', sealedPrefix(key.id))).toThrow('cut short');
  });

  it('never looks the same twice', () => {
    expect(sealValue(key, 'p', 'same')).not.toBe(sealValue(key, 'p', 'same'));
  });
});

describe('a data key', () => {
  const encryptionKey = encryptionKeyOf(new Secret('salt'));

  it('is unwrapped by the encryption key that wrapped it, under its own name, and by nothing else', () => {
    const key = newDataKey();
    const wrapped = wrapKey(key, encryptionKey);
    expect(unwrapKey(key.id, wrapped, encryptionKey).key).toEqual(key.key);
    expect(() => unwrapKey('0000000000000000', wrapped, encryptionKey)).toThrow();
    expect(() => unwrapKey(key.id, wrapped, encryptionKeyOf(new Secret('other')))).toThrow();
  });

  it('does not tell its key by its name', () => {
    const { id, key } = encryptionKey;
    expect(id).toBe(encryptionKeyOf(new Secret('salt')).id);
    expect(key.toString('hex')).not.toContain(id);
  });
});
