import { inspect } from 'node:util';

/** A value that must be asked for out loud: it prints, logs and serialises as `[secret]`. */
export class Secret {
  readonly #value: string;
  constructor(value: string) {
    this.#value = value;
  }
  reveal(): string {
    return this.#value;
  }
  toString(): string {
    return '[secret]';
  }
  toJSON(): string {
    return '[secret]';
  }
  [inspect.custom](): string {
    return '[secret]';
  }
}

/** A name that holds one of these words holds a secret, wherever the word stands. */
const ALWAYS_SECRET = new Set([
  'authorization',
  'bearer',
  'cookie',
  'credential',
  'credentials',
  'passphrase',
  'passwd',
  'password',
  'private',
  'secret',
  'secrets',
]);
/** These only as the last word: `api_key`, `session-token`; not `key_alias`, `token_count`. */
const SECRET_AT_END = new Set(['apikey', 'dsn', 'jwt', 'key', 'token']);
/** Names that describe a secret without being one: `secret_name`, `private_key_id`. */
const DESCRIBES = new Set(['alias', 'count', 'header', 'id', 'name', 'source', 'ttl']);

/** Whether a setting, header or field of this name holds a secret. A price per token does not. */
export function isSecretName(name: string): boolean {
  const words = name
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .toLowerCase()
    .split(/[^a-z0-9]+/);
  const last = words.at(-1) ?? '';
  if (words.includes('cost') || DESCRIBES.has(last)) return false;
  return SECRET_AT_END.has(last) || words.some((word) => ALWAYS_SECRET.has(word));
}

/** Keys of ours and of providers, and signed tokens, by their form: whatever the name they stand under, and wherever in a text. */
const KEY_FORM = /\b(?:sk|pk|rk|ghp|xox[abp]|AKIA|AIza|eyJ)[-_]?[A-Za-z0-9_-]{12,}/g;

/** Whether something in the text has the form of a key. */
export function holdsKey(text: string): boolean {
  return text.search(KEY_FORM) >= 0;
}

/** The text with `[masked]` in the place of whatever has the form of a key. */
export function withoutKeys(text: string): string {
  return text.replace(KEY_FORM, '[masked]');
}
