import { GatewayError, isStorableText } from '#libs/kernel';
import { refusal } from '../refusal.js';

export type Claims = Readonly<Record<string, unknown>>;

/**
 * The claim at a dotted path (`resource_access.app.roles`); `\.` stands for a dot inside a name, a leading `metadata.` is
 * dropped (contract/auth 3.4). Only own members count, so no path reaches a prototype. Throws 401 for an array index.
 */
export function claimAt(claims: Claims, path: string | undefined): unknown {
  if (path === undefined) return undefined;
  const names = path
    .replace(/^metadata\./, '')
    .split(/(?<!\\)\./)
    .map((name) => name.replaceAll('\\.', '.'));
  let value: unknown = claims;
  for (const name of names) {
    if (Array.isArray(value)) {
      throw refusal(
        'auth.credential_malformed',
        `the claim path ${path} reaches into a list; name the list itself.`,
      );
    }
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
    value = (value as Record<string, unknown>)[name];
  }
  return value;
}

/** One text: a number becomes its digits, of a list the first entry counts. A claim of another type, or that no database keeps, is a refusal, never a guess. */
export function textClaim(claims: Claims, path: string | undefined): string | undefined {
  const value = claimAt(claims, path);
  const one: unknown = Array.isArray(value) ? value[0] : value;
  if (one === undefined || one === null || one === '') return undefined;
  if (typeof one === 'string' && isStorableText(one)) return one;
  if (typeof one === 'number' && Number.isSafeInteger(one)) return String(one);
  throw wrongType(path ?? '');
}

/** All texts of a claim, in its order and without repetition. */
export function listClaim(claims: Claims, path: string | undefined): string[] {
  const value = claimAt(claims, path);
  if (value === undefined || value === null) return [];
  const items: unknown[] = Array.isArray(value) ? value : [value];
  if (items.some((item) => typeof item !== 'string' || !isStorableText(item))) throw wrongType(path ?? '');
  return [...new Set((items as string[]).filter((item) => item !== ''))];
}

/** `scope`, as a text with spaces or a list. */
export function scopesOf(claims: Claims): string[] {
  const { scope } = claims;
  if (scope === undefined || scope === null) return [];
  if (typeof scope === 'string') return scope.split(/\s+/).filter((one) => one !== '');
  if (Array.isArray(scope) && scope.every((one) => typeof one === 'string')) return scope as string[];
  throw wrongType('scope');
}

function wrongType(path: string): GatewayError {
  return refusal(
    'auth.credential_malformed',
    `Validation fails: the claim ${path} has a type that was not expected.`,
  );
}
