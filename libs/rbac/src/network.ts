import { Injectable } from '@nestjs/common';
import { type Address, AddressRanges, Config, parseAddress } from '#libs/config';
import { GatewayError, PROXY_SCOPE } from '#libs/kernel';

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
  #allowed: AddressRanges | undefined;
  #trusted = new AddressRanges([]);
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
    if (address !== undefined && this.#allowed.hold(address)) return ALLOWED;
    return { allowed: false, address: address?.toString() ?? 'unknown' };
  }

  /**
   * The caller's address: the socket's peer, or, when the peer is a trusted proxy, the first untrusted address of
   * `X-Forwarded-For` from the right. What an untrusted peer writes there is ignored: anybody can write it.
   */
  clientAddress(peerAddress: string | undefined, forwardedFor: string | undefined): string | undefined {
    if (peerAddress === undefined || (forwardedFor && !this.#trusted.isEmpty)) {
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
    this.#allowed = allowedIps && new AddressRanges(allowedIps);
    this.#trusted = new AddressRanges(trustedProxyRanges);
    this.#peers.clear();
  }

  #client(peerAddress: string | undefined, forwardedFor: string | undefined): Address | undefined {
    const peer = peerAddress === undefined ? undefined : parseAddress(peerAddress);
    if (peer === undefined || !forwardedFor || !this.#trusted.hold(peer)) return peer;
    let nearest: Address = peer;
    const hops = forwardedFor.split(',');
    for (let i = hops.length - 1; i >= 0; i -= 1) {
      const hop = parseAddress((hops[i] ?? '').trim());
      // A trusted proxy that wrote nonsense tells nothing about the caller; its own address must not stand in for it.
      if (hop === undefined) return undefined;
      if (!this.#trusted.hold(hop)) return hop;
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

/** Several lines of a header are one list (RFC 9110, 5.3). */
export function forwardedForOf({ headers }: Arrival): string | undefined {
  const sent = headers['x-forwarded-for'];
  return Array.isArray(sent) ? sent.join(',') : sent;
}
