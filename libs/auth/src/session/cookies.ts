import { GatewayError } from '#libs/kernel';
import type { CredentialFacts } from '../credential.js';
import { headersOf } from '../sent-headers.js';

/** The value of a cookie; undefined when there is none. Throws 400 when there are two: which counts would depend on who reads them. */
export function cookieOf(facts: CredentialFacts, name: string): string | undefined {
  let found: string | undefined;
  for (const header of headersOf(facts, 'cookie')) {
    for (const pair of header.split(';')) {
      const at = pair.indexOf('=');
      if (at < 0 || pair.slice(0, at).trim() !== name) continue;
      if (found !== undefined)
        throw new GatewayError('request.invalid', `The request carries the cookie ${name} more than once.`);
      found = pair.slice(at + 1).trim();
    }
  }
  return found;
}
