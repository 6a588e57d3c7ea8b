import { Secret } from '#libs/kernel';

/** Words that make a setting's value a secret when they are a whole part of its name (`api_key`, `aws-session-token`, not `max_tokens`). */
const SECRET_WORDS = new Set([
  'apikey',
  'authorization',
  'bearer',
  'cookie',
  'credential',
  'credentials',
  'key',
  'passphrase',
  'passwd',
  'password',
  'private',
  'secret',
  'secrets',
  'token',
]);

/** Whether a value under this name is a secret. A price per token is not one. */
export function isSecretName(name: string): boolean {
  const words = name.replace(/([a-z0-9])([A-Z])/g, '$1_$2').toLowerCase().split(/[^a-z0-9]+/);
  return !words.includes('cost') && words.some((word) => SECRET_WORDS.has(word));
}

/** The same tree with each string under a secret-like name, at any depth below it, as a `Secret`. */
export function hideSecrets(value: unknown, hidden = false): unknown {
  if (typeof value === 'string') return hidden ? new Secret(value) : value;
  if (Array.isArray(value)) return value.map((item) => hideSecrets(item, hidden));
  if (!isPlainObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, hideSecrets(item, hidden || isSecretName(name))]));
}

export function isPlainObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Secret);
}
