import { Injectable } from '@nestjs/common';
import ipaddr from 'ipaddr.js';
import { Config } from '#libs/config';
import { GatewayError, PROXY_SCOPE } from '#libs/kernel';

type Address = ipaddr.IPv4 | ipaddr.IPv6;
type Range = readonly [Address, number];

/** What `allowed_ips` says of a connection. */
export type NetworkDecision =
  | { readonly allowed: true }
  /** `unknown`: no trustworthy address could be found, which an allow-list cannot let pass. */
  | { readonly allowed: false; readonly address: string | 'unknown' };

/** Of a request, what says where it comes from: the same in Node's, Express's and Nest's. */
export interface Arrival {
  readonly socket?: { readonly remoteAddress?: string | undefined };
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

/** Peers are strangers: what is remembered of them is bounded. */
const MAX_PEERS = 4_096;

const ALLOWED: NetworkDecision = { allowed: true };

/** Who is at the other end of the connection, and whether that address may talk to the proxy at all. */
@Injectable()
export class Network {
  #settings: Config['network'];
  #allowed: readonly Range[] | undefined;
  #trusted: readonly Range[] = [];
  /** A peer's address in its one form: the same few connections ask again and again. */
  readonly #peers = new Map<string, string>();

  /** Throws on an entry that is neither an address nor a CIDR: a list with a hole in it must not start. */
  constructor(private readonly config: Config) {
    this.#settings = config.network;
    this.#prepare();
  }

  /** True when every address may call: the hot path then skips the question. */
  get isOpen(): boolean {
    this.#refresh();
    return this.#allowed === undefined;
  }

  /** Judges the caller's address against `allowed_ips`; an empty list admits nobody. The master key is no exception. */
  decide(peerAddress: string | undefined, forwardedFor: string | undefined): NetworkDecision {
    this.#refresh();
    if (this.#allowed === undefined) return ALLOWED;
    const address = this.#client(peerAddress, forwardedFor);
    if (address !== undefined && inside(address, this.#allowed)) return ALLOWED;
    return { allowed: false, address: address?.toString() ?? 'unknown' };
  }

  /**
   * The caller's address: the socket's peer, or, when the peer is a trusted proxy, the first untrusted address of
   * `X-Forwarded-For` from the right. What an untrusted peer writes there is ignored: anybody can write it.
   */
  clientAddress(peerAddress: string | undefined, forwardedFor: string | undefined): string | undefined {
    if (peerAddress === undefined || (forwardedFor && this.#trusted.length > 0)) {
      return this.#client(peerAddress, forwardedFor)?.toString();
    }
    const known = this.#peers.get(peerAddress);
    if (known !== undefined) return known;
    const address = this.#client(peerAddress, undefined)?.toString();
    if (this.#peers.size >= MAX_PEERS) this.#peers.clear();
    if (address !== undefined) this.#peers.set(peerAddress, address);
    return address;
  }

  /** The same of a request as it arrived. */
  addressOf(request: Arrival): string | undefined {
    return this.clientAddress(request.socket?.remoteAddress, forwardedForOf(request));
  }

  /** The list can change while it runs; one comparison tells. */
  #refresh(): void {
    if (this.#settings === this.config.network) return;
    this.#settings = this.config.network;
    this.#prepare();
  }

  #prepare(): void {
    const { allowedIps, trustedProxyRanges } = this.#settings;
    this.#allowed = allowedIps?.map((text) => parseRange(text, 'general_settings.allowed_ips'));
    this.#trusted = trustedProxyRanges.map((text) =>
      parseRange(text, 'general_settings.trusted_proxy_ranges'),
    );
    this.#peers.clear();
  }

  #client(peerAddress: string | undefined, forwardedFor: string | undefined): Address | undefined {
    const peer = peerAddress === undefined ? undefined : parseAddress(peerAddress);
    if (peer === undefined || !forwardedFor || this.#trusted.length === 0 || !inside(peer, this.#trusted))
      return peer;
    let nearest: Address = peer;
    const hops = forwardedFor.split(',');
    for (let i = hops.length - 1; i >= 0; i -= 1) {
      const hop = parseAddress((hops[i] ?? '').trim());
      // A trusted proxy that wrote nonsense tells nothing about the caller; its own address must not stand in for it.
      if (hop === undefined) return undefined;
      if (!inside(hop, this.#trusted)) return hop;
      nearest = hop;
    }
    return nearest;
  }
}

/** Throws `rbac.network_denied`. The address is for the log: telling it to the caller helps nobody but a prober. */
export function assertNetworkAllowed(decision: NetworkDecision): void {
  if (decision.allowed) return;
  throw new GatewayError('rbac.network_denied', 'Access forbidden: this network address is not allowed.', {
    param: 'None',
    internal: `address ${decision.address} is not in allowed_ips`,
    denial: {
      code: 'rbac.network_denied',
      scope: PROXY_SCOPE,
      wouldAllow: 'Add the address of the caller to general_settings.allowed_ips.',
      change: {
        action: 'allow_address',
        scope: PROXY_SCOPE,
        field: 'general_settings.allowed_ips',
        value: decision.address,
      },
    },
  });
}

/** Addresses as written by sockets and proxies: `1.2.3.4`, `1.2.3.4:5678`, `::1`, `[::1]:80`, `fe80::1%eth0`. */
function parseAddress(text: string): Address | undefined {
  const bracketed = /^\[([^\]]+)\](?::\d+)?$/.exec(text)?.[1];
  const bare = bracketed ?? (/^[\d.]+:\d+$/.test(text) ? text.slice(0, text.indexOf(':')) : text);
  const withoutZone = bare.includes('%') ? bare.slice(0, bare.indexOf('%')) : bare;
  // Only four decimal parts: `0x7f.1` and `0177.0.0.1` are read differently by different parsers.
  if (ipaddr.IPv4.isValidFourPartDecimal(withoutZone)) return ipaddr.IPv4.parse(withoutZone);
  if (!withoutZone.includes(':') || !ipaddr.IPv6.isValid(withoutZone)) return undefined;
  return fold(ipaddr.IPv6.parse(withoutZone));
}

/** One address, one form: IPv4-mapped IPv6 becomes IPv4, and both loopbacks are 127.0.0.1. */
function fold(address: ipaddr.IPv6): Address {
  if (address.isIPv4MappedAddress()) return address.toIPv4Address();
  return address.toString() === '::1' ? ipaddr.IPv4.parse('127.0.0.1') : address;
}

function parseRange(text: string, setting: string): Range {
  const [base = '', bits, ...rest] = text.trim().split('/');
  const address = parseAddress(base);
  if (address === undefined || rest.length > 0 || (bits !== undefined && !/^\d{1,3}$/.test(bits))) {
    throw new Error(`${setting}: "${text}" is neither an address nor a CIDR range`);
  }
  const width = base.includes(':') ? 128 : 32;
  const prefix = bits === undefined ? width : Number(bits);
  const folded = width === 128 && address.kind() === 'ipv4' ? prefix - 96 : prefix;
  if (prefix > width || folded < 0) throw new Error(`${setting}: "${text}" has an impossible prefix length`);
  return [address, folded];
}

function inside(address: Address, ranges: readonly Range[]): boolean {
  return ranges.some(([base, bits]) => base.kind() === address.kind() && address.match(base, bits));
}

/** Several lines of a header are one list (RFC 9110, 5.3). */
export function forwardedForOf({ headers }: Arrival): string | undefined {
  const sent = headers['x-forwarded-for'];
  return Array.isArray(sent) ? sent.join(',') : sent;
}
