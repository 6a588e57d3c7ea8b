import ipaddr from 'ipaddr.js';

export type Address = ipaddr.IPv4 | ipaddr.IPv6;
type Range = readonly [base: Address, bits: number];

/**
 * Addresses as written by sockets and proxies: `1.2.3.4`, `1.2.3.4:5678`, `::1`, `[::1]:80`, `fe80::1%eth0`. One address has one form:
 * IPv4 in IPv6 becomes IPv4, and both loopbacks are 127.0.0.1. Undefined for everything else.
 */
export function parseAddress(text: string): Address | undefined {
  const bracketed = /^\[([^\]]+)\](?::\d+)?$/.exec(text)?.[1];
  const bare = bracketed ?? (/^[\d.]+:\d+$/.test(text) ? text.slice(0, text.indexOf(':')) : text);
  const withoutZone = bare.includes('%') ? bare.slice(0, bare.indexOf('%')) : bare;
  // Only four decimal parts: `0x7f.1` and `0177.0.0.1` are read differently by different parsers.
  if (ipaddr.IPv4.isValidFourPartDecimal(withoutZone)) return ipaddr.IPv4.parse(withoutZone);
  if (!withoutZone.includes(':') || !ipaddr.IPv6.isValid(withoutZone)) return undefined;
  const address = ipaddr.IPv6.parse(withoutZone);
  if (address.isIPv4MappedAddress()) return address.toIPv4Address();
  return address.toString() === '::1' ? ipaddr.IPv4.parse('127.0.0.1') : address;
}

/** Who an address stands for when failures are counted: itself in IPv4, its /64 in IPv6, where one customer has all of it. */
export function sourceOf(text: string): string {
  const address = parseAddress(text);
  return address instanceof ipaddr.IPv6 ? address.parts.slice(0, 4).join(':') : (address?.toString() ?? text);
}

/** Whether the text is an address or a range in CIDR notation, as `AddressRanges` reads them. Host names are not. */
export function isAddressRange(text: string): boolean {
  return parseRange(text) !== undefined;
}

/** The addresses and ranges that a setting lists. Every setting is read by this one reader, so that none of them means another network. */
export class AddressRanges {
  readonly #ranges: readonly Range[];

  /** Throws on an entry that is neither: a list with a hole in it must not count. */
  constructor(texts: readonly string[]) {
    this.#ranges = texts.map((text) => {
      const range = parseRange(text);
      if (range === undefined) throw new Error(`"${text}" is neither an address nor a CIDR range`);
      return range;
    });
  }

  get isEmpty(): boolean {
    return this.#ranges.length === 0;
  }

  /** What is no address is in no range. */
  hold(address: Address | string | undefined): boolean {
    const parsed = typeof address === 'string' ? parseAddress(address) : address;
    if (parsed === undefined) return false;
    return this.#ranges.some(([base, bits]) => base.kind() === parsed.kind() && parsed.match(base, bits));
  }
}

function parseRange(text: string): Range | undefined {
  const [base = '', bits, ...rest] = text.trim().split('/');
  const address = parseAddress(base);
  if (address === undefined || rest.length > 0 || (bits !== undefined && !/^\d{1,3}$/.test(bits)))
    return undefined;
  const width = base.includes(':') ? 128 : 32;
  const prefix = bits === undefined ? width : Number(bits);
  const folded = width === 128 && address.kind() === 'ipv4' ? prefix - 96 : prefix;
  return prefix > width || folded < 0 ? undefined : [address, folded];
}
