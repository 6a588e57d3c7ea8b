import { isRecord, isSecretName, Secret } from '#libs/kernel';
import { anonymousField, anonymousText } from './anonymous-lines.js';
import { maskKey } from './mask-key.js';

const REDACTED = '[redacted]';

/** Longer text is no log line; it is cut after redaction, so that a cut can never leave half a secret unrecognised. */
const MAX_TEXT = 16_384;
const MAX_SCANNED = 65_536;
/** Deeper or wider trees are somebody's whole object graph, not fields. */
const MAX_DEPTH = 8;
const MAX_ENTRIES = 200;
/** Shorter configured values are words (`test`, `none`) that would turn ordinary lines to gaps. */
const MIN_REGISTERED = 8;

/** Registered values, the longest first, so that a key that contains another is masked whole. */
const registered = new Set<string>();
let registeredPattern: RegExp | undefined;

/**
 * From now on this value is masked wherever it appears in a log: for provider keys, the master key, database passwords.
 * Values of fewer than 8 characters are left alone. Registering twice is the same as once.
 */
export function registerSecret(value: string | Secret): void {
  const text = typeof value === 'string' ? value : value.reveal();
  if (text.length < MIN_REGISTERED || registered.has(text)) return;
  registered.add(text);
  const encoded = encodeURIComponent(text);
  if (encoded !== text) registered.add(encoded);
  const quoted = JSON.stringify(text).slice(1, -1);
  if (quoted !== text) registered.add(quoted);
  const longestFirst = [...registered].sort((a, b) => b.length - a.length);
  registeredPattern = new RegExp(
    longestFirst.map((item) => item.replace(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`)).join('|'),
    'g',
  );
}

type Rule = readonly [pattern: RegExp, replace: string | ((match: string, ...groups: string[]) => string)];

/**
 * `risk-assessment` must survive and `\nsk-...` inside quoted JSON must not: a key begins where no word is going on, or
 * after an escape.
 */
const KEY_START = String.raw`(?:(?<![A-Za-z0-9])|(?<=\\[nrtbf])|(?<=%[0-9A-Fa-f]{2}))`;

const RULES: readonly Rule[] = [
  [/-----BEGIN [A-Z0-9 ]{1,40}-----[\s\S]*?(?:-----END [A-Z0-9 ]{1,40}-----|$)/g, REDACTED],
  [/eyJ[\w-]{8,}(?:\.[\w-]*)*/g, REDACTED],
  [new RegExp(`${KEY_START}sk-[\\w-]{4,}`, 'g'), (key) => maskKey(key)],
  [
    /\b(bearer|basic)(\s+|%20|\+)([\w+/=.~-]{6,})/gi,
    (match, scheme = '', gap = '', value = '') => (isWord(value) ? match : `${scheme}${gap}${REDACTED}`),
  ],
  [/([a-z][a-z0-9+.-]{0,20}:\/\/)[^\s/?#@:"']{0,256}:[^\s"'<>]{0,512}@/gi, `$1${REDACTED}@`],
  [/([a-z][a-z0-9+.-]{0,20}:\/\/)[^\s/?#@"']{1,512}@/gi, `$1${REDACTED}@`],
  [/(?:AKIA|ASIA|AGPA|AIDA|AROA|ANPA)[0-9A-Z]{12,}/g, REDACTED],
  [/AIza[\w-]{20,}|ya29\.[\w.-]{10,}|GOCSPX-[\w-]{10,}/g, REDACTED],
  [
    /(?:tollgate_cli_|gh[pousr]_|github_pat_|gsk_|hf_|r8_|pplx-|xai-|xox[abeprs]-|dapi|glpat-|pk-lf-)[\w-]{16,}/g,
    REDACTED,
  ],
  [
    /([?&;](?:key|api[_-]?key|access[_-]?token|id[_-]?token|refresh[_-]?token|token|secret|client[_-]?secret|password|sig|signature|code|x-goog-api-key)=)[^&\s"'#<>]+/gi,
    `$1${REDACTED}`,
  ],
  [
    /\b((?:[\w-]{0,40}[_-])?(?:password|passwd|passphrase|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|master[_-]?key|authorization|cookie))(\\*["']?\s{0,4}[:=]\s{0,4}(?:(?:bearer|basic|token|apikey|digest|negotiate|aws4-hmac-sha256)\s+)?)(?!\[redacted\])(\\*"[^"]*"?|'[^']*'?|[^\s"',;&}\])]{4,})/gi,
    (match, name = '', gap = '', value = '') =>
      gap.endsWith(' ') && isWord(value) ? match : `${name}${gap}${REDACTED}`,
  ],
];

/** Any secret starts with, or stands beside, one of these; a line without them costs one scan. */
const HINT =
  /sk-|eyj|bearer|basic|:\/\/|-----begin|a(?:kia|sia|gpa|ida|roa|npa|iza)|ya29|gocspx|tollgate_cli|gh[pousr]_|github_pat|gsk_|hf_|r8_|pplx-|xai-|xox|dapi|glpat|pk-lf|[?&;]|pass|secret|token|key|authorization|cookie/i;

/** Prose such as `token: expected` or `Basic authentication`: one ordinary word. */
function isWord(value: string): boolean {
  return /^[A-Za-z]?[a-z]{2,15}\.?$/.test(value);
}

/** The text with every recognisable or registered secret masked, at most 16 KB of it. Idempotent. */
export function redactText(text: string): string {
  let safe = scan(text.length > MAX_SCANNED ? text.slice(0, MAX_SCANNED) : text);
  if (safe.includes('%')) {
    // A secret in a query string may be percent-encoded out of recognition; then the decoded text is what is shown.
    const decoded = safe.replace(/(?:%[0-9A-Fa-f]{2})+/g, decodedOrSame);
    const scanned = scan(decoded);
    if (scanned !== decoded) safe = scanned;
  }
  safe = anonymousText(safe);
  return safe.length > MAX_TEXT ? `${safe.slice(0, MAX_TEXT)}... (${text.length} characters)` : safe;
}

function scan(text: string): string {
  let safe = registeredPattern ? text.replace(registeredPattern, REDACTED) : text;
  if (!HINT.test(safe)) return safe;
  for (const [pattern, replace] of RULES)
    safe = typeof replace === 'string' ? safe.replace(pattern, replace) : safe.replace(pattern, replace);
  return safe;
}

function decodedOrSame(encoded: string): string {
  try {
    return decodeURIComponent(encoded);
  } catch {
    // Not UTF-8, so not the encoding of a text.
    return encoded;
  }
}

/**
 * A copy of log fields that is safe to write: text redacted, values under secret-like names masked, errors with their
 * causes as plain data, cycles and whole object graphs cut. Never throws, whatever getter or toJSON it meets.
 */
export function redactFields(fields: object): Record<string, unknown> {
  const safe = redactValue(fields, 0, new Set());
  return isRecord(safe) ? safe : { value: safe };
}

function redactValue(value: unknown, depth: number, path: Set<object>): unknown {
  if (typeof value === 'string') return redactText(value);
  if (typeof value === 'bigint') return value.toString();
  if (typeof value !== 'object' || value === null)
    return typeof value === 'function' || typeof value === 'symbol' ? undefined : value;
  if (value instanceof Secret) return '[secret]';
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'invalid date' : value.toISOString();
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return `[${value.byteLength} bytes]`;
  if (depth >= MAX_DEPTH) return '[deep]';
  if (path.has(value)) return '[circular]';
  path.add(value);
  try {
    return redactObject(value, depth, path);
  } catch {
    // A getter, a proxy or a toJSON threw: the line must still be written, and what could not be read is not shown.
    return '[unreadable]';
  } finally {
    path.delete(value);
  }
}

function redactObject(value: object, depth: number, path: Set<object>): unknown {
  if (value instanceof Error) return redactError(value, depth, path);
  if (Array.isArray(value)) return redactList(value, depth, path);
  if (value instanceof Map)
    return redactEntries(
      [...value].map(([name, item]) => [String(name), item]),
      depth,
      path,
    );
  if (value instanceof Set) return redactList([...value], depth, path);
  if ('toJSON' in value && typeof value.toJSON === 'function')
    return redactValue((value.toJSON as () => unknown)(), depth + 1, path);
  const iterable =
    value instanceof Headers || value instanceof URLSearchParams ? [...value] : Object.entries(value);
  return redactEntries(iterable, depth, path);
}

function redactEntries(
  entries: readonly [string, unknown][],
  depth: number,
  path: Set<object>,
): Record<string, unknown> {
  const kept = entries.slice(0, MAX_ENTRIES).map(([name, item]) => {
    const hidden =
      isSecretName(name) &&
      item !== null &&
      item !== undefined &&
      typeof item !== 'number' &&
      typeof item !== 'boolean';
    if (hidden) return [redactText(name), REDACTED] as const;
    const shown = typeof item === 'string' ? anonymousField(name, item) : item;
    return [redactText(name), redactValue(shown, depth + 1, path)] as const;
  });
  return Object.fromEntries(kept);
}

/** Lists of raw headers alternate names and values, so a value after a secret-like name is masked. */
function redactList(list: readonly unknown[], depth: number, path: Set<object>): unknown[] {
  return list.slice(0, MAX_ENTRIES).map((item, index) => {
    const before: unknown = list[index - 1];
    const isValue =
      typeof before === 'string' && before.length < 64 && isSecretName(before) && /^[\w-]+$/.test(before);
    return isValue && typeof item === 'string' ? REDACTED : redactValue(item, depth + 1, path);
  });
}

/** The first four are told by themselves. The others quote the data of a failed statement: prompts, hashes, addresses. */
const NO_FIELD_OF_ERRORS: ReadonlySet<string> = new Set([
  ...['name', 'message', 'stack', 'cause'],
  ...['parameters', 'detail', 'where', 'internalQuery'],
]);

function redactError(error: Error, depth: number, path: Set<object>): Record<string, unknown> {
  const own = Object.entries(error).filter(([name, value]) => !NO_FIELD_OF_ERRORS.has(name) && isFact(value));
  return {
    type: error.name,
    message: redactText(error.message),
    ...redactEntries(own, depth, path),
    ...(error.stack === undefined ? {} : { stack: redactText(error.stack) }),
    ...(error.cause === undefined ? {} : { cause: redactValue(error.cause, depth + 1, path) }),
  };
}

/** A driver hangs itself on its errors: a client with its socket, its buffers and its settings. That is no fact about the error. */
function isFact(value: unknown): boolean {
  if (!isRecord(value) || value instanceof Error) return true;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
