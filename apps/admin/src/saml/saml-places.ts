import { Injectable } from '@nestjs/common';
import { OwnOrigin, type SamlPlaces } from '#libs/auth';
import { GatewayError } from '#libs/kernel';
import type { Request } from 'express';
import { LRUCache } from 'lru-cache';

/** An office behind one address signs in within this; each start is a row that waits for its browser. */
const MOST_A_MINUTE = 60;
const MINUTE_MS = 60_000;
const MOST_ADDRESSES = 10_000;

/** Our own addresses in a sign-in with SAML, and how many may be begun. */
@Injectable()
export class SamlPlacesOf {
  readonly #starts = new LRUCache<string, { count: number }>({ max: MOST_ADDRESSES, ttl: MINUTE_MS });

  constructor(private readonly origin: OwnOrigin) {}

  of(request: Request): SamlPlaces {
    const base = `${this.origin.baseUrlOf(request)}/sso/saml`;
    return { callbackUrl: `${base}/callback`, metadataUrl: `${base}/metadata` };
  }

  /** Bounds what strangers can make this process write. Throws 429 for one sign-in too many from one address, in one minute. */
  take(ip: string | null): void {
    const address = ip ?? 'unknown';
    const known = this.#starts.get(address);
    if (known === undefined) {
      this.#starts.set(address, { count: 1 });
      return;
    }
    known.count += 1;
    if (known.count <= MOST_A_MINUTE) return;
    const seconds = Math.ceil(this.#starts.getRemainingTTL(address) / 1_000);
    throw new GatewayError(
      'ratelimit.exceeded',
      'Too many sign-ins were begun from your network. Wait a minute.',
      { headers: { 'retry-after': String(seconds) } },
    );
  }
}
