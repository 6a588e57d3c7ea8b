import { AddressRanges } from '#libs/config';
import type { CredentialFacts } from '../credential.js';
import { headersOf } from '../sent-headers.js';

/** The connections whose word about the caller counts: `general_settings.trusted_proxy_ranges`. */
export class TrustedPeers {
  readonly #ranges: AddressRanges;

  constructor(ranges: readonly string[]) {
    this.#ranges = new AddressRanges(ranges);
  }

  has(peer: string | undefined): boolean {
    return this.#ranges.hold(peer);
  }

  /** A header of the nearest proxy, when that is a trusted one; the last of several values, which is the one it wrote itself. */
  saidBy(facts: CredentialFacts, header: string): string | undefined {
    if (!this.has(facts.socket?.remoteAddress)) return undefined;
    return headersOf(facts, header).at(-1)?.split(',').at(-1)?.trim().toLowerCase();
  }
}
