import { readFileSync } from 'node:fs';

/** The version in package.json, two folders above the built file. */
export function productVersion(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  return (manifest as { version: string }).version;
}
