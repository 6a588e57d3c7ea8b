import { GatewayError } from '#libs/kernel';

/** What authentication reads of a request; Node's IncomingMessage fits as it is. */
export interface CredentialFacts {
  /** Name and value in turn, as received. Not the joined `headers`: Node keeps the first of two `Authorization` lines and joins two others, so two readers could see two callers. */
  readonly rawHeaders: readonly string[];
  /** Path and query from the request line. */
  readonly url?: string | undefined;
  /** What a cookie can do depends on it; absent counts as one that changes something. */
  readonly method?: string | undefined;
  readonly socket?: {
    readonly remoteAddress?: string | undefined;
    /** Node's word for TLS. */
    readonly encrypted?: boolean | undefined;
  };
}

/** Where in the request it stood. */
export type CredentialSource =
  | 'x-litellm-api-key'
  | 'x-litellm-key'
  | 'authorization'
  | 'api-key'
  | 'x-api-key'
  | 'x-goog-api-key'
  | 'ocp-apim-subscription-key'
  | 'configured-header'
  | 'query';

/** What a request carries, by what it can be: exactly one, or none. */
export type Credential =
  | { readonly kind: 'token'; readonly raw: string; readonly source: CredentialSource }
  | { readonly kind: 'malformed'; readonly source: CredentialSource }
  | { readonly kind: 'missing' };

/** First present wins, whether it is valid or not: a good later header never rescues a bad earlier one. */
const HEADERS = [
  'x-litellm-api-key',
  'x-litellm-key',
  'authorization',
  'api-key',
  'x-api-key',
  'x-goog-api-key',
  'ocp-apim-subscription-key',
] as const satisfies readonly CredentialSource[];

const LENGTHS: ReadonlySet<number> = new Set(HEADERS.map((name) => name.length));
const POSITIONS: ReadonlyMap<string, number> = new Map(HEADERS.map((name, index) => [name, index]));
const AUTHORIZATION: number = HEADERS.indexOf('authorization');

/** Exactly these: `BEARER ` is not one of them (contract 1.2). */
const PREFIXES = ['Bearer ', 'bearer ', 'Basic '] as const;

/** Tokens of identity providers reach some 4 KB; what is longer is not hashed on anybody's behalf. */
const LONGEST_CREDENTIAL = 8_192;

const MISSING: Credential = Object.freeze({ kind: 'missing' });

/**
 * The one credential a request is judged by. Pure, and linear in the headers. Throws `request.invalid` when a credential
 * header (or `?key=`) is repeated: which of two counts must never depend on who reads them.
 */
export function credentialOf(facts: CredentialFacts, keyHeaderName?: string): Credential {
  if (keyHeaderName !== undefined) {
    const value = onlyValueOf(facts.rawHeaders, keyHeaderName);
    return value === '' ? MISSING : prefixed(value, 'configured-header');
  }
  let best: number = HEADERS.length;
  let value = '';
  let seen = 0;
  const { rawHeaders } = facts;
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] ?? '';
    if (!LENGTHS.has(name.length)) continue;
    const position = POSITIONS.get(name.toLowerCase());
    if (position === undefined) continue;
    const bit = 1 << position;
    if ((seen & bit) !== 0) throw repeated(HEADERS[position] ?? name);
    seen |= bit;
    const sent = rawHeaders[i + 1] ?? '';
    if (position < best && sent.trim() !== '') {
      best = position;
      value = sent;
    }
  }
  const source: CredentialSource | undefined = HEADERS[best];
  if (source === undefined) return fromQuery(facts.url);
  if (best < AUTHORIZATION) return maybePrefixed(value, source);
  if (best === AUTHORIZATION) return prefixed(value, source);
  return token(value.trim(), source);
}

function onlyValueOf(rawHeaders: readonly string[], wanted: string): string {
  let value = '';
  let found = false;
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] ?? '';
    if (name.length !== wanted.length || name.toLowerCase() !== wanted) continue;
    if (found) throw repeated(wanted);
    found = true;
    value = (rawHeaders[i + 1] ?? '').trim();
  }
  return value;
}

/** Google's clients put the key into the query; everywhere else a key in a URL would only end up in logs. */
function fromQuery(url: string | undefined): Credential {
  const mark = url?.indexOf('?') ?? -1;
  if (url === undefined || mark < 0 || !/[gG]enerateContent/.test(url.slice(0, mark))) return MISSING;
  const values = new URLSearchParams(url.slice(mark + 1)).getAll('key').filter((value) => value !== '');
  if (values.length > 1) throw repeated('key');
  return values[0] === undefined ? MISSING : token(values[0], 'query');
}

function maybePrefixed(value: string, source: CredentialSource): Credential {
  return isPrefixed(value) ? prefixed(value, source) : token(value.trim(), source);
}

function isPrefixed(value: string): boolean {
  return PREFIXES.some((prefix) => value.startsWith(prefix)) || value.startsWith('AWS4-HMAC-SHA256');
}

function prefixed(value: string, source: CredentialSource): Credential {
  for (const prefix of PREFIXES) {
    if (!value.startsWith(prefix)) continue;
    let rest = value.slice(prefix.length);
    if (rest.startsWith(prefix)) rest = rest.replaceAll(prefix, '');
    return token(rest.trim(), source);
  }
  return value.startsWith('AWS4-HMAC-SHA256')
    ? token(awsKeyOf(value), source)
    : { kind: 'malformed', source };
}

/** `AWS4-HMAC-SHA256 Credential=Bearer sk-.../2026...`: SDKs that can only sign carry the key as the access key id. */
function awsKeyOf(value: string): string {
  return /Credential=(?:Bearer )?([^/\s,]*)/.exec(value)?.[1] ?? '';
}

function token(raw: string, source: CredentialSource): Credential {
  return raw === '' || raw.length > LONGEST_CREDENTIAL
    ? { kind: 'malformed', source }
    : { kind: 'token', raw, source };
}

function repeated(name: string): GatewayError {
  return new GatewayError('request.invalid', `The request carries ${name} more than once.`, { param: name });
}
