import { isRecord, isSecretName, Secret } from '#libs/kernel';

/** The same tree with each string under a secret-like name, at any depth below it, as a `Secret`. */
export function hideSecrets(value: unknown, hidden = false): unknown {
  if (typeof value === 'string') return hidden ? new Secret(value) : value;
  if (Array.isArray(value)) return value.map((item) => hideSecrets(item, hidden));
  if (!isPlainObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [name, hideSecrets(item, hidden || isSecretName(name))]),
  );
}

export function isPlainObject(value: unknown): value is Record<string, unknown> {
  return isRecord(value) && !(value instanceof Secret);
}
