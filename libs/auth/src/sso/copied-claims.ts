import type { SsoSettings } from '#libs/config';
import { isRecord } from '#libs/kernel';

type Plain = Readonly<Record<string, unknown>>;
export type Scalar = string | number | boolean;

/** Attributes of people are words; what is longer is a document, or a token. */
const LONGEST = 1_024;

/**
 * The metadata of a user with the claims that the operator wants to keep (`CLI_SSO_CLAIM_MAP`). Only texts, numbers and truth values, and no
 * tokens; a claim that is not there leaves what was kept before. Whatever names a claim has, nothing but own members is written.
 */
export function withCopiedClaims(
  metadata: Plain,
  claims: Plain,
  { copiedClaims }: Pick<SsoSettings, 'copiedClaims'>,
): Plain {
  let kept = metadata;
  for (const { from, to } of copiedClaims) {
    const value = at(claims, from);
    if (isKept(value)) kept = withMember(kept, to, value);
  }
  return kept;
}

/** The kept attributes by their dotted names, as a command line is told them. */
export function copiedAttributes(
  metadata: Plain,
  { copiedClaims }: Pick<SsoSettings, 'copiedClaims'>,
): Record<string, Scalar> {
  return Object.fromEntries(
    copiedClaims.flatMap(({ to }): [string, Scalar][] => {
      const value = at(metadata, to);
      return isKept(value) ? [[to.join('.'), value]] : [];
    }),
  );
}

function at(value: unknown, path: readonly string[]): unknown {
  let inner = value;
  for (const name of path) {
    if (!isRecord(inner) || !Object.hasOwn(inner, name)) return undefined;
    inner = inner[name];
  }
  return inner;
}

function withMember(object: Plain, [name = '', ...rest]: readonly string[], value: Scalar): Plain {
  if (rest.length === 0) return { ...object, [name]: value };
  const inner = Object.hasOwn(object, name) ? object[name] : undefined;
  return { ...object, [name]: withMember(isRecord(inner) ? inner : {}, rest, value) };
}

function isKept(value: unknown): value is Scalar {
  if (typeof value === 'number') return Number.isFinite(value);
  if (typeof value === 'boolean') return true;
  return typeof value === 'string' && value.length <= LONGEST && !/^eyJ[^.]*\.[^.]*\./.test(value);
}
