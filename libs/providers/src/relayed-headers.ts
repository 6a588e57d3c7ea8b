import { isHeaderName } from './header-name.js';
import { NEVER_FORWARDED } from './request-target.js';

/** What describes the body goes along whatever else does: without it the bytes mean nothing. */
const DESCRIBES_BODY: ReadonlySet<string> = new Set(['content-type', 'content-encoding', 'accept']);
/** Who called and by which way: our business, and in part a credential of its own. */
const NEVER_RELAYED =
  /^(?:x-litellm-|x-goog-iap-|x-goog-authenticated-|x-auth-request-|x-forwarded-|x-amz-security-token$|forwarded$|via$|proxy-|sec-|http2-settings$|cookie2$|litellm_user_api_key$)/;

export interface RelayRules {
  /** Lower-case names of ours and their values: they replace whatever the caller sent under the name. */
  readonly own: readonly (readonly [string, string])[];
  /** Whether the caller's other headers go along too. */
  readonly forwards: boolean;
  /** Lower-case names that carry a credential here. */
  readonly credentialNames: readonly string[];
  /** The caller's credential; a header that holds it anywhere is left out, whatever it is called. */
  readonly credential: string | undefined;
}

/**
 * The headers that go to a fixed target (flat, lower-case names), made from the caller's raw ones. Hop-by-hop headers end
 * here, those that `Connection` names too; the caller's credential never goes along, under whatever name it came.
 */
export function relayedHeaders(rawHeaders: readonly string[], rules: RelayRules): string[] {
  const { own, forwards, credentialNames, credential } = rules;
  const out: string[] = own.flat();
  const closed = new Set([
    ...own.map(([name]) => name),
    ...credentialNames,
    ...namedByConnection(rawHeaders),
  ]);
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = (rawHeaders[i] ?? '').toLowerCase();
    const value = rawHeaders[i + 1] ?? '';
    const isWanted = DESCRIBES_BODY.has(name) || (forwards && !NEVER_FORWARDED.has(name));
    if (!isWanted || closed.has(name) || !isHeaderName(name) || NEVER_RELAYED.test(name)) continue;
    if (credential !== undefined && credential !== '' && value.includes(credential)) continue;
    out.push(name, value);
  }
  if (!closed.has('user-agent')) out.push('user-agent', 'tollgate');
  return out;
}

function namedByConnection(rawHeaders: readonly string[]): string[] {
  const names: string[] = [];
  for (let i = 0; i + 1 < rawHeaders.length; i += 2)
    if (/^(?:proxy-)?connection$/i.test(rawHeaders[i] ?? ''))
      names.push(...(rawHeaders[i + 1] ?? '').split(',').map((name) => name.trim().toLowerCase()));
  return names;
}
