import ipaddr from 'ipaddr.js';
import type { CredentialFacts } from '../credential.js';

/** The connections whose word about the caller counts: `general_settings.trusted_proxy_ranges`. */
export class TrustedPeers {
  readonly #ranges: readonly [ipaddr.IPv4 | ipaddr.IPv6, number][];

  constructor(ranges: readonly string[]) {
    this.#ranges = ranges.map((range) => {
      if (range.includes('/')) return ipaddr.parseCIDR(range);
      const address = ipaddr.process(range);
      return [address, address.kind() === 'ipv4' ? 32 : 128];
    });
  }

  has(peer: string | undefined): boolean {
    if (this.#ranges.length === 0 || peer === undefined || !ipaddr.isValid(peer)) return false;
    const address = ipaddr.process(peer);
    return this.#ranges.some(
      ([range, bits]) => range.kind() === address.kind() && address.match([range, bits] as never),
    );
  }

  /** A header of the nearest proxy, when that is a trusted one; the last of several values, which is the one it wrote itself. */
  saidBy(facts: CredentialFacts, header: string): string | undefined {
    if (!this.has(facts.socket?.remoteAddress)) return undefined;
    return headersOf(facts, header).at(-1)?.split(',').at(-1)?.trim().toLowerCase();
  }
}

/** Every value of a header, in the order received; `name` in lower case. */
export function headersOf({ rawHeaders }: CredentialFacts, name: string): string[] {
  const values: string[] = [];
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const sent = rawHeaders[i] ?? '';
    if (sent.length === name.length && sent.toLowerCase() === name) values.push(rawHeaders[i + 1] ?? '');
  }
  return values;
}
