import { parseAddress, sourceOf } from '#libs/config';
import { LRUCache } from 'lru-cache';
import type { Clock } from '#libs/kernel';

/** Something an operator should look at. The log line carries the word `suspicious-activity`, which alerts search for. */
export interface Suspicion {
  readonly kind: 'failure_burst' | 'new_network';
  /** One sentence for the log, with the word `suspicious-activity`. */
  readonly message: string;
  /** For a burst: who failed. For a new network: the address it was used from. */
  readonly address: string;
  readonly keyId?: string;
  readonly failures?: number;
}

/** A person who mistypes or a deploy with a stale key stays below; guessing does not. LiteLLM's sign-in throttle draws the same line. */
export const BURST_FAILURES = 10;
export const BURST_WINDOW_MS = 60_000;
/** A flood from many addresses may push out old ones; each entry is about 100 bytes. */
const MAX_SOURCES = 10_000;
/** As many keys as a process is likely to have in use. A key that was pushed out starts learning again. */
const MAX_KEYS = 20_000;
/** A key used from more networks than this is a public client; telling of each new one would only be noise. */
const MAX_NETWORKS = 16;

interface Burst {
  startedAtMs: number;
  failures: number;
}
interface KeyHistory {
  lastAddress: string;
  /** Nearly always one. */
  readonly networks: string[];
}

/**
 * Notices bursts of failed authentications from one source, and a key that turns up in a network it was not used from
 * before. Memory is bounded; counting starts anew with the process. It only tells: it never blocks anybody.
 */
export class SuspiciousActivity {
  readonly #bursts = new LRUCache<string, Burst>({ max: MAX_SOURCES });
  readonly #keys = new LRUCache<string, KeyHistory>({ max: MAX_KEYS });

  constructor(private readonly clock: Clock) {}

  /** Counts one failed authentication. Tells once per window, when the source reaches the threshold. */
  authenticationFailed(address: string): Suspicion | undefined {
    const source = sourceOf(address);
    const nowMs = this.clock.monotonicMs();
    const burst = this.#bursts.get(source);
    if (!burst || nowMs - burst.startedAtMs >= BURST_WINDOW_MS) {
      this.#bursts.set(source, { startedAtMs: nowMs, failures: 1 });
      return undefined;
    }
    burst.failures += 1;
    if (burst.failures !== BURST_FAILURES) return undefined;
    return {
      kind: 'failure_burst',
      message: `suspicious-activity: ${BURST_FAILURES} failed authentications from one source within ${BURST_WINDOW_MS / 1000} seconds`,
      address,
      failures: burst.failures,
    };
  }

  /** Notes where a key was used. The first network is learned silently; each further one is told once. Cheap while the address stays the same. */
  keyUsed(keyId: string, address: string): Suspicion | undefined {
    const history = this.#keys.get(keyId);
    if (history?.lastAddress === address) return undefined;
    const network = networkOf(address);
    if (!history) {
      this.#keys.set(keyId, { lastAddress: address, networks: [network] });
      return undefined;
    }
    history.lastAddress = address;
    if (history.networks.includes(network) || history.networks.length >= MAX_NETWORKS) return undefined;
    history.networks.push(network);
    return {
      kind: 'new_network',
      message: 'suspicious-activity: a key is used from a network it was not used from before',
      address,
      keyId,
    };
  }
}

/** The network an address belongs to: /24 in IPv4, /48 in IPv6, what a site is usually given. */
export function networkOf(text: string): string {
  const address = parseAddress(text);
  if (address === undefined) return text;
  return address.kind() === 'ipv4'
    ? address.toByteArray().slice(0, 3).join('.')
    : address.toByteArray().slice(0, 6).join(':');
}
