import { Secret } from '#libs/kernel';
import type { ConfigTree } from './config.js';
import { isPlainObject } from './secret-values.js';

/**
 * Every secret the configuration holds, revealed, so that the log can mask it wherever it appears: keys, credentials,
 * store URLs, and the passwords inside those URLs on their own.
 */
export function secretsOf(config: ConfigTree): string[] {
  const values: string[] = [];
  collect({ ...config }, values);
  return [...new Set(values)];
}

function collect(value: unknown, values: string[]): void {
  if (value instanceof Secret) {
    const text = value.reveal();
    values.push(text, ...passwordIn(text));
  } else if (Array.isArray(value)) for (const item of value) collect(item, values);
  else if (isPlainObject(value)) for (const item of Object.values(value)) collect(item, values);
}

function passwordIn(text: string): string[] {
  if (!text.includes('://') || !URL.canParse(text)) return [];
  const { password } = new URL(text);
  if (password === '') return [];
  try {
    return [password, decodeURIComponent(password)];
  } catch {
    // A stray percent sign: the password is what it looks like.
    return [password];
  }
}
