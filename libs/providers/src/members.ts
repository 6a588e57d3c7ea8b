import { GatewayError, isStorableText } from '#libs/kernel';

/** Where one member of a JSON object is, as byte offsets: the key's opening quote, and its value. */
export interface Member {
  readonly keyStart: number;
  readonly valueStart: number;
  readonly valueEnd: number;
}

/** No real call nests deeper; a bound keeps every later walk over the body bounded too. */
const MAX_DEPTH = 128;
/** No request schema has a tenth of it; hundreds of thousands of names would hold the process while they are remembered. */
const MAX_MEMBERS = 1_000;
/** Strings shorter than this are walked in place; a native search costs as much as walking about so many bytes. */
const WALK_BYTES = 64;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;

/** Names that governance reads. A spelling that differs only in case could mean one thing here and another upstream. */
const GOVERNED = new Set([
  'model',
  'messages',
  'input',
  'prompt',
  'instructions',
  'system',
  'tools',
  'tool_choice',
  'functions',
  'n',
  'best_of',
  'stream',
  'stream_options',
  'max_tokens',
  'max_completion_tokens',
  'max_output_tokens',
  'max_tokens_to_sample',
  'thinking',
  'reasoning',
  'reasoning_effort',
  'user',
  'metadata',
  'litellm_metadata',
  'tags',
  'safety_identifier',
  'service_tier',
  'previous_response_id',
  'conversation',
  'background',
  'fallbacks',
  'api_key',
  'api_base',
  'base_url',
  'extra_body',
  'mock_response',
  'include_usage',
  'budget_tokens',
  'user_id',
  'modalities',
  'prediction',
  'web_search_options',
  'max_tool_calls',
  'model_list',
  'type',
  'store',
  'models',
  'route',
  'preset',
  'n_predict',
  'prompt_id',
  'cached_content',
  'audio',
  'mcp_servers',
  'container',
  'data_sources',
  'file_ids',
  'plugins',
]);
const PLAIN_NAME = /^[a-z0-9_]*$/;

/** Members of all objects that `endOfValue` walked over, since a scan set it to nothing. A scan awaits nothing, so there is one at a time. */
let walkedMembers = 0;

/** The members of a whole body, and how many there are in all of its objects together. */
export function scanBody(bytes: Uint8Array): { members: Map<string, Member>; total: number } {
  walkedMembers = 0;
  const members = scanMembers(bytes);
  return { members, total: members.size + walkedMembers };
}

/**
 * Finds the members of one JSON object in a single pass. The bytes must be JSON that a parser accepts. Throws
 * `request.invalid` for a name that occurs twice (escapes decoded, so `mod\u0065l` is `model`), for a case variant of a
 * governed name, and for more members or deeper nesting than any real call has: the attack is one body that we and the upstream read differently.
 */
export function scanMembers(bytes: Uint8Array, start = 0): Map<string, Member> {
  const members = new Map<string, Member>();
  let at = skipSpace(bytes, start);
  if (bytes[at] !== OPEN_BRACE)
    throw new GatewayError('request.invalid', 'The request body must be a JSON object.', {
      param: 'request_body',
    });
  at = skipSpace(bytes, at + 1);
  while (at < bytes.length && bytes[at] !== CLOSE_BRACE) {
    const keyStart = at;
    const keyEnd = endOfString(bytes, keyStart);
    const name = decodeName(bytes, keyStart, keyEnd);
    at = skipSpace(bytes, keyEnd);
    if (bytes[at] !== COLON) break;
    const valueStart = skipSpace(bytes, at + 1);
    const valueEnd = endOfValue(bytes, valueStart);
    if (members.has(name)) throw refused(name, 'occurs twice');
    if (members.size >= MAX_MEMBERS) {
      throw new GatewayError(
        'request.invalid',
        `An object of the request body has more than ${MAX_MEMBERS} members.`,
        { param: 'request_body' },
      );
    }
    if (!PLAIN_NAME.test(name)) assertNoVariant(name);
    members.set(name, { keyStart, valueStart, valueEnd });
    at = skipSpace(bytes, valueEnd);
    if (bytes[at] !== COMMA) break;
    at = skipSpace(bytes, at + 1);
  }
  return members;
}

function assertNoVariant(name: string): void {
  // A reader in C ends a name at NUL, others put the same mark in the place of every half of a character.
  if (!isStorableText(name)) throw refused(name, 'holds NUL or half a character');
  // Upper, then lower: also folds the long s and the Kelvin sign, as Go's decoder does.
  const folded = name.toUpperCase().toLowerCase();
  if (GOVERNED.has(folded)) throw refused(name, `differs from "${folded}" only in spelling`);
}

export function refused(name: string, how: string): GatewayError {
  const shown = JSON.stringify(name.length > 64 ? `${name.slice(0, 64)}…` : name);
  return new GatewayError(
    'request.invalid',
    `The field ${shown} of the request body ${how}; that is refused, because two readers could understand it differently.`,
    { param: 'request_body' },
  );
}

function decodeName(bytes: Uint8Array, keyStart: number, keyEnd: number): string {
  let name = '';
  for (let i = keyStart + 1; i < keyEnd - 1; i += 1) {
    const byte = bytes[i] ?? 0;
    if (byte === BACKSLASH || byte > 0x7e) {
      return String(
        JSON.parse(
          Buffer.from(bytes.buffer, bytes.byteOffset + keyStart, keyEnd - keyStart).toString('utf8'),
        ),
      );
    }
    name += String.fromCharCode(byte);
  }
  return name;
}

function skipSpace(bytes: Uint8Array, from: number): number {
  let at = from;
  for (
    let byte = bytes[at];
    byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
    byte = bytes[at]
  )
    at += 1;
  return at;
}

/** The offset behind the closing quote. Long strings are searched natively; escaped quotes never end one. */
function endOfString(bytes: Uint8Array, openQuote: number): number {
  const end = bytes.length;
  let at = openQuote + 1;
  while (at < end) {
    const walkUntil = Math.min(at + WALK_BYTES, end);
    while (at < walkUntil) {
      const byte = bytes[at];
      if (byte === QUOTE) return at + 1;
      at += byte === BACKSLASH ? 2 : 1;
    }
    if (at >= end) break;
    const quote = bytes.indexOf(QUOTE, at);
    if (quote < 0) break;
    let backslashes = 0;
    while (quote - 1 - backslashes >= at && bytes[quote - 1 - backslashes] === BACKSLASH) backslashes += 1;
    at = quote + 1;
    if (backslashes % 2 === 0) return at;
  }
  return end;
}

function endOfValue(bytes: Uint8Array, from: number): number {
  const first = bytes[from];
  if (first === QUOTE) return endOfString(bytes, from);
  let at = from;
  if (first !== OPEN_BRACE && first !== OPEN_BRACKET) {
    for (; at < bytes.length; at += 1) {
      const byte = bytes[at];
      if (
        byte === COMMA ||
        byte === CLOSE_BRACE ||
        byte === CLOSE_BRACKET ||
        byte === 0x20 ||
        byte === 0x0a ||
        byte === 0x0d ||
        byte === 0x09
      )
        break;
    }
    return at;
  }
  let depth = 0;
  while (at < bytes.length) {
    const byte = bytes[at];
    if (byte === QUOTE) {
      at = endOfString(bytes, at);
      continue;
    }
    at += 1;
    if (byte === COLON) walkedMembers += 1;
    else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
      depth += 1;
      if (depth >= MAX_DEPTH)
        throw new GatewayError('request.invalid', `The request body nests deeper than ${MAX_DEPTH} levels.`, {
          param: 'request_body',
        });
    } else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
      depth -= 1;
      if (depth === 0) return at;
    }
  }
  return at;
}
