import { isHeaderName } from './header-name.js';

/** Under which names one upstream header is sent on; null: it is not. */
type Outcome = {
  readonly prefixed: string;
  /** Also as it is. */
  readonly bare?: string;
  /** Not as it is where we say the same of ourselves: our own limits are the ones a caller runs into here. */
  readonly givesWay?: boolean;
} | null;

/** Framing, hop-by-hop, and what would let an upstream steer the caller's browser on our origin. */
const NEVER_RELAYED = new Set([
  'connection',
  'keep-alive',
  'transfer-encoding',
  'content-length',
  'content-encoding',
  'te',
  'trailer',
  'upgrade',
  'date',
  'set-cookie',
  'set-cookie2',
  'strict-transport-security',
  'content-security-policy',
  'content-security-policy-report-only',
  'x-frame-options',
  'x-content-type-options',
  'x-xss-protection',
  'referrer-policy',
  'permissions-policy',
  'feature-policy',
  'clear-site-data',
  'alt-svc',
  'public-key-pins',
  'expect-ct',
  'nel',
  'report-to',
  'reporting-endpoints',
  'location',
  'refresh',
  'link',
  'www-authenticate',
  'authentication-info',
  'origin-agent-cluster',
  'service-worker-allowed',
  'sourcemap',
  'timing-allow-origin',
  'x-permitted-cross-domain-policies',
  'x-dns-prefetch-control',
  'vary',
]);
const NEVER_RELAYED_PREFIX = /^(?:proxy-|access-control-|cross-origin-|sec-)/;
// Anything a header value may not hold: a value with a line break would be a second header.
// eslint-disable-next-line no-control-regex
const BAD_VALUE = /[\u0000-\u0008\u000a-\u001f\u007f\u0100-\uffff]/;
/** Upstreams send few different names; one that invents them cannot make the cache grow. */
const MAX_CACHED_NAMES = 512;
const MAX_RELAYED = 64;

const outcomes = new Map<string, Outcome>();

/**
 * Appends to `out` (flat name, value list) what the caller may see of an upstream's headers (same form): content-type as
 * it is, everything under `llm_provider-<name>`, `x-ratelimit-*` also under its own name, unless `out` has that already.
 */
export function responseHeaders(upstreamHeaders: readonly string[], out: string[]): void {
  let relayed = 0;
  for (let i = 0; i + 1 < upstreamHeaders.length && relayed < MAX_RELAYED; i += 2) {
    const name = upstreamHeaders[i] ?? '';
    const known = outcomes.get(name);
    const outcome = known === undefined ? decide(name) : known;
    if (outcome === null) continue;
    const value = upstreamHeaders[i + 1] ?? '';
    if (BAD_VALUE.test(value)) continue;
    relayed += 1;
    const { prefixed, bare, givesWay } = outcome;
    if (bare !== undefined && !(givesWay && out.includes(bare))) out.push(bare, value);
    out.push(prefixed, value);
  }
}

/** Says what the bytes are or how many; true of an answer that is passed on as it came. */
const KEPT_AS_IS = new Set(['content-length', 'content-encoding']);

/**
 * The same of an answer that is passed on byte for byte: under its own names, without framing and without anything that
 * would steer the caller's browser on our origin. `x-litellm-*` is ours to say.
 */
export function passedOnHeaders(upstreamHeaders: readonly string[], out: string[]): void {
  for (let i = 0; i + 1 < upstreamHeaders.length && i < 2 * MAX_RELAYED; i += 2) {
    const name = (upstreamHeaders[i] ?? '').toLowerCase();
    const value = upstreamHeaders[i + 1] ?? '';
    if (!isHeaderName(name) || BAD_VALUE.test(value) || name.startsWith('x-litellm-')) continue;
    if (KEPT_AS_IS.has(name) || !(NEVER_RELAYED.has(name) || NEVER_RELAYED_PREFIX.test(name)))
      out.push(name, value);
  }
}

function decide(name: string): Outcome {
  const lower = name.toLowerCase();
  const prefixed = `llm_provider-${lower}`;
  let outcome: Outcome = { prefixed };
  if (!isHeaderName(lower) || NEVER_RELAYED.has(lower) || NEVER_RELAYED_PREFIX.test(lower)) outcome = null;
  else if (lower === 'content-type') outcome = { prefixed, bare: lower };
  else if (lower.startsWith('x-ratelimit-')) outcome = { prefixed, bare: lower, givesWay: true };
  if (outcomes.size < MAX_CACHED_NAMES) outcomes.set(name, outcome);
  return outcome;
}
